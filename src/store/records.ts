/**
 * Records as bytes. Every record that a unit writes has the unit's id as its field 1, so that it can be told from
 * the bytes alone who wrote it. A record that cannot be read is reported with its key and never ends its reader.
 */
import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { KeyValue } from './store.js';

/** What ts-proto generates for a message. */
export interface RecordType<T> {
  encode(message: T): BinaryWriter;
  decode(input: Uint8Array | BinaryReader, length?: number): T;
}

/** Thrown when a record's bytes cannot be read. */
export class CorruptRecordError extends Error {
  override readonly name = 'CorruptRecordError';
  /** The record's key. */
  readonly key: string;

  constructor(key: string, cause: unknown) {
    super(`Record ${key} cannot be read`, { cause });
    this.key = key;
  }
}

/** The record as bytes. */
export function encodeRecord<T>(type: RecordType<T>, record: T): Uint8Array {
  return type.encode(record).finish();
}

/**
 * The record that a key holds.
 *
 * @throws CorruptRecordError when its bytes are no such record.
 */
export function decodeRecord<T>(type: RecordType<T>, kv: Pick<KeyValue, 'key' | 'value'>): T {
  try {
    return type.decode(kv.value);
  } catch (error) {
    // The decoder throws plain Errors for truncated or malformed bytes.
    throw new CorruptRecordError(kv.key, error);
  }
}

/** The record that a key holds, or undefined when its bytes are no such record: for looking at what others own. */
export function readRecord<T>(type: RecordType<T>, kv: Pick<KeyValue, 'value'>): T | undefined {
  try {
    return type.decode(kv.value);
  } catch {
    return undefined;
  }
}

/** Tag of field 1 with wire type 2, in protobuf's encoding. */
const unitIdTag = 0x0a;

/** Whether the unit wrote this record: its id is the first field. */
export function wasWrittenBy(value: Uint8Array, unitId: string): boolean {
  if (value[0] !== unitIdTag || value[1] !== unitId.length || value.length < 2 + unitId.length) return false;
  for (let index = 0; index < unitId.length; index++) {
    if (value[2 + index] !== unitId.charCodeAt(index)) return false;
  }
  return true;
}
