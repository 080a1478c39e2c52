/**
 * What makes mutating calls repeatable: a record of each request id with the digest of its body, written in the
 * transaction that does what was asked.
 */
import { sha256Hex } from '../base/bytes.js';
import { canonicalJson, type JsonValue } from '../base/json.js';
import { SteplockError } from '../errors/index.js';
import { RequestRecord } from '../gen/store/steplock/store/v1/workflow.js';
import { keys } from '../store/keys.js';
import { decodeRecord, encodeRecord } from '../store/records.js';
import { isAbsent, type Compare } from '../store/store.js';
import type { UnitOp } from '../store/unit.js';
import type { Api } from './context.js';

/**
 * The digest of a request. Keyed where the node has a key: a request may hold a secret, and a plain hash of a weak
 * one could be guessed from the store.
 */
export function digestOf(api: Api, method: string, request: unknown): string {
  const text = `${method}\n${canonicalJson(request as JsonValue)}`;
  return api.intake.sealer?.digest(text) ?? sha256Hex(text);
}

/**
 * What is known of a request id: undefined if nothing.
 *
 * @throws SteplockError REQUEST_ID_REUSED when it came with another body before.
 */
export async function findRequest(
  api: Api,
  requestId: string,
  digest: string,
): Promise<RequestRecord | undefined> {
  const kv = await api.store.get(keys.request(requestId));
  if (kv === undefined) return undefined;
  const record = decodeRecord(RequestRecord, kv);
  if (record.digest !== digest) {
    throw new SteplockError('REQUEST_ID_REUSED', `Request ${requestId} came with another body before`, {
      metadata: { request_id: requestId },
    });
  }
  return record;
}

/** The part of a unit that remembers the request, and fails if it is remembered already. */
export function rememberRequest(
  requestId: string,
  record: RequestRecord,
): { readonly compare: Compare; readonly op: UnitOp; readonly key: string } {
  const key = keys.request(requestId);
  return {
    compare: isAbsent(key),
    op: { type: 'put', key, value: encodeRecord(RequestRecord, record) },
    key,
  };
}
