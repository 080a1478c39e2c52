/** How a key's value, and what is known of the whole store, look on disk. */
import { assert } from '../../base/assert.js';
import type { LeaseId, Revision } from '../../base/ids.js';
import { isJsonObject, type JsonValue } from '../../base/json.js';
import type { KeyValue } from '../store.js';

/** Create revision, mod revision, lease: three floats of 64 bits, exact for whole numbers below 2^53. */
const headBytes = 24;
const noLease = 0;

/** The record of a key. */
export function encodeKeyValue(kv: KeyValue): Buffer {
  const record = Buffer.allocUnsafe(headBytes + kv.value.length);
  record.writeDoubleLE(kv.createRevision, 0);
  record.writeDoubleLE(kv.modRevision, 8);
  record.writeDoubleLE(kv.lease === undefined ? noLease : Number(kv.lease), 16);
  record.set(kv.value, headBytes);
  return record;
}

/** The key of a record. */
export function decodeKeyValue(key: string, record: Buffer): KeyValue {
  assert(record.length >= headBytes, 'A record on disk has a head');
  const lease = record.readDoubleLE(16);
  return {
    key,
    createRevision: record.readDoubleLE(0) as Revision,
    modRevision: record.readDoubleLE(8) as Revision,
    lease: lease === noLease ? undefined : (String(lease) as LeaseId),
    value: new Uint8Array(record.subarray(headBytes)),
  };
}

/** What is known of the whole store. */
export interface DiskState {
  /** The last revision of which everything is on disk. */
  readonly revision: Revision;
  /** How often the directory was opened, this time included: leases of different times get different ids. */
  readonly opens: number;
}

/** The version of all that is written here; a directory of another one is not opened. */
const format = 1;

/** The record of the whole store. */
export function encodeState(state: DiskState): Buffer {
  return Buffer.from(JSON.stringify({ format, ...state }));
}

/** The state of a record; undefined when it is of another format. */
export function decodeState(record: Buffer): DiskState | undefined {
  const value = JSON.parse(record.toString()) as JsonValue;
  if (!isJsonObject(value) || value['format'] !== format) return undefined;
  return { revision: Number(value['revision']) as Revision, opens: Number(value['opens']) };
}
