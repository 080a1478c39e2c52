/** Pages of lists: how large, and where the next one begins. */
import { sha256Hex } from '../base/bytes.js';
import { canonicalJson, isJsonObject, type JsonValue } from '../base/json.js';
import type { Revision } from '../base/ids.js';
import { invalidField, SteplockError } from '../errors/index.js';

const sizeDefault = 50;
const sizeMax = 1_000;

/** Where a page ended. */
export interface PageCursor {
  /** The last key shown. */
  readonly key: string;
  /** As of which revision the list is. */
  readonly revision: Revision;
  /** For lists by age: the create revision of the last key. */
  readonly created?: Revision;
}

/** A page as asked for. */
export interface Page {
  readonly size: number;
  /** Where the page before ended; undefined for the first one. */
  readonly after: PageCursor | undefined;
}

/**
 * The page that is asked for; `filter` is what must be the same on all pages.
 *
 * @throws SteplockError INVALID_FIELD, INVALID_PAGE_TOKEN.
 */
export function parsePage(request: { pageSize: number; pageToken: string }, filter: JsonValue): Page {
  if (request.pageSize < 0) throw invalidField('page_size', 'must not be negative');
  const size = request.pageSize === 0 ? sizeDefault : Math.min(request.pageSize, sizeMax);
  return { size, after: request.pageToken === '' ? undefined : parseToken(request.pageToken, filter) };
}

/** The token of the page after the cursor. */
export function pageOf(cursor: PageCursor, filter: JsonValue): string {
  const { key, revision, created } = cursor;
  return Buffer.from(JSON.stringify([key, revision, created ?? 0, digest(filter)])).toString('base64url');
}

function parseToken(token: string, filter: JsonValue): PageCursor {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    // Whatever it is, it is no token of ours.
    throw invalidToken('it was not made by this list');
  }
  if (!Array.isArray(parts)) throw invalidToken('it was not made by this list');
  const [key, revision, created, filterDigest] = parts as unknown[];
  if (typeof key !== 'string' || !Number.isSafeInteger(revision) || !Number.isSafeInteger(created)) {
    throw invalidToken('it was not made by this list');
  }
  if (filterDigest !== digest(filter)) throw invalidToken('it belongs to another filter');
  const base = { key, revision: revision as Revision };
  return created === 0 ? base : { ...base, created: created as Revision };
}

function digest(filter: JsonValue): string {
  return isJsonObject(filter) || Array.isArray(filter) ? sha256Hex(canonicalJson(filter)).slice(0, 12) : '';
}

function invalidToken(why: string): SteplockError {
  return new SteplockError('INVALID_PAGE_TOKEN', `The page token cannot be used: ${why}`, {
    metadata: { why },
  });
}
