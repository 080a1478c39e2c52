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
 * The page that is asked for; `filter` is what must be the same on all pages, `prefix` what all keys begin with.
 *
 * @throws SteplockError INVALID_FIELD, INVALID_PAGE_TOKEN.
 */
export function parsePage(
  request: { pageSize: number; pageToken: string },
  filter: JsonValue,
  prefix: string,
): Page {
  if (request.pageSize < 0) throw invalidField('page_size', 'must not be negative');
  const size = request.pageSize === 0 ? sizeDefault : Math.min(request.pageSize, sizeMax);
  return {
    size,
    after: request.pageToken === '' ? undefined : parseToken(request.pageToken, filter, prefix),
  };
}

/** The token of the page after the cursor. */
export function pageOf(cursor: PageCursor, filter: JsonValue): string {
  const { key, revision, created } = cursor;
  return Buffer.from(JSON.stringify([key, revision, created ?? 0, digest(filter)])).toString('base64url');
}

function parseToken(token: string, filter: JsonValue, prefix: string): PageCursor {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    // Whatever it is, it is no token of ours.
    throw invalidToken('it was not made by this list');
  }
  if (!Array.isArray(parts)) throw invalidToken('it was not made by this list');
  const [key, revision, created, filterDigest] = parts as unknown[];
  if (typeof key !== 'string' || !isRevision(revision) || !isRevision(created) || revision === 0) {
    throw invalidToken('it was not made by this list');
  }
  if (filterDigest !== digest(filter)) throw invalidToken('it belongs to another filter');
  // It goes into a range of the store: another one's keys are nobody's business here.
  if (!key.startsWith(prefix)) throw invalidToken('it was not made by this list');
  return created === 0 ? { key, revision } : { key, revision, created };
}

function isRevision(value: unknown): value is Revision {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function digest(filter: JsonValue): string {
  return isJsonObject(filter) || Array.isArray(filter) ? sha256Hex(canonicalJson(filter)).slice(0, 12) : '';
}

/** The error for a token that cannot be used. */
export function invalidToken(why: string): SteplockError {
  return new SteplockError('INVALID_PAGE_TOKEN', `The page token cannot be used: ${why}`, {
    metadata: { why },
  });
}
