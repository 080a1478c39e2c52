/**
 * Transactions as the bytes of etcd's requests and answers, written and read here and not by etcd3: its way there, by
 * objects and protobufjs, was an eighth of a busy node's time (ADR 21). The numbers are those of etcd's rpc.proto and
 * kv.proto; fields that are not asked for are passed over.
 */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { assert, present } from '../../base/assert.js';
import type { LeaseId, Revision } from '../../base/ids.js';
import {
  checkKey,
  type Compare,
  type KeyRange,
  type KeyValue,
  type Op,
  type OpResult,
  type Txn,
  type TxnResult,
} from '../store.js';
import { toRevision, type KeySpace } from './key-space.js';

const relations = { '=': 0, '>': 1, '<': 2, '!=': 3 } as const;
const targets = { create: 1, mod: 2 } as const;
/** Fields of a Compare. */
const revisionFields = { create: 5, mod: 6 } as const;
const rangeEndField = 64;

const wire = { varint: 0, bytes: 2 } as const;
const tag = (field: number, type: number): number => (field << 3) | type;

/** @throws TxnRefusedError TOO_LARGE when a key is too long. */
export function encodeTxn(keys: KeySpace, txn: Txn): Buffer {
  const writer = new BinaryWriter();
  writeTxn(writer, keys, txn);
  return Buffer.from(writer.finish());
}

function writeTxn(writer: BinaryWriter, keys: KeySpace, { compares, then, otherwise }: Txn): void {
  for (const compare of compares)
    writePart(writer, 1, () => {
      writeCompare(writer, keys, compare);
    });
  for (const op of then)
    writePart(writer, 2, () => {
      writeOp(writer, keys, op);
    });
  for (const op of otherwise)
    writePart(writer, 3, () => {
      writeOp(writer, keys, op);
    });
}

function writePart(writer: BinaryWriter, field: number, write: () => void): void {
  writer.uint32(tag(field, wire.bytes)).fork();
  write();
  writer.join();
}

function writeNumber(writer: BinaryWriter, field: number, value: number | string): void {
  writer.uint32(tag(field, wire.varint));
  // The same on the wire, and much cheaper: the other one goes by way of BigInt.
  if (typeof value === 'number' && value <= 0xffff_ffff) writer.uint32(value);
  else writer.int64(value);
}

function writeKeys(
  writer: BinaryWriter,
  keys: KeySpace,
  at: string | KeyRange,
  fields: { key: number; end: number },
): void {
  const { key, range_end: end } = keys.toRange(at);
  writer.uint32(tag(fields.key, wire.bytes)).bytes(key);
  if (end !== undefined) writer.uint32(tag(fields.end, wire.bytes)).bytes(end);
}

function writeCompare(
  writer: BinaryWriter,
  keys: KeySpace,
  { at, target, relation, revision }: Compare,
): void {
  writeNumber(writer, 1, relations[relation]);
  writeNumber(writer, 2, targets[target]);
  writeKeys(writer, keys, at, { key: 3, end: rangeEndField });
  writeNumber(writer, revisionFields[target], revision);
}

function writeOp(writer: BinaryWriter, keys: KeySpace, op: Op): void {
  switch (op.type) {
    case 'get':
      writePart(writer, 1, () => {
        writeKeys(writer, keys, op.at, { key: 1, end: 2 });
        // For etcd a limit of 0 is none.
        if (op.limit !== undefined) writeNumber(writer, 3, op.limit);
        if (op.keysOnly === true) writeNumber(writer, 8, 1);
      });
      return;
    case 'put':
      checkKey(op.key);
      writePart(writer, 2, () => {
        writeKeys(writer, keys, op.key, { key: 1, end: 0 });
        writer.uint32(tag(2, wire.bytes)).bytes(op.value);
        if (op.lease !== undefined) writeNumber(writer, 3, op.lease);
      });
      return;
    case 'delete':
      writePart(writer, 3, () => {
        writeKeys(writer, keys, op.at, { key: 1, end: 2 });
      });
      return;
    case 'txn':
      writePart(writer, 4, () => {
        writeTxn(writer, keys, op.txn);
      });
  }
}

/** The answer to a transaction. */
export function decodeTxnAnswer(keys: KeySpace, txn: Txn, bytes: Uint8Array): TxnResult {
  const answer = readTxn(new BinaryReader(bytes), bytes.length, keys);
  return toResult(txn, answer, present(answer.revision, 'revision of the answer'));
}

/** What an answer holds; a nested one has no revision of its own in etcd: its is that of the whole. */
interface TxnAnswer {
  revision: Revision | undefined;
  succeeded: boolean;
  readonly responses: OpAnswer[];
}

interface OpAnswer {
  readonly kvs: KeyValue[];
  deleted: number;
  txn: TxnAnswer | undefined;
}

function toResult(txn: Txn, answer: TxnAnswer, revision: Revision): TxnResult {
  const ops = answer.succeeded ? txn.then : txn.otherwise;
  assert(ops.length === answer.responses.length, 'etcd answers each operation');
  const results = ops.map((op, index): OpResult => {
    const { kvs, deleted, txn: nested } = present(answer.responses[index], 'answer');
    switch (op.type) {
      case 'put':
        return { type: 'put' };
      case 'delete':
        return { type: 'delete', deleted };
      case 'get':
        return { type: 'get', kvs };
      case 'txn':
        return { type: 'txn', result: toResult(op.txn, present(nested, 'nested answer'), revision) };
    }
  });
  return { succeeded: answer.succeeded, revision, results };
}

/** Calls for each field of a message that ends at `end`; what it does not read is passed over. */
function readFields(reader: BinaryReader, end: number, read: (field: number) => boolean): void {
  while (reader.pos < end) {
    const [field, type] = reader.tag();
    if (!read(field)) reader.skip(type, field);
  }
}

/** Reads a message within the one at hand. */
function readPart<T>(reader: BinaryReader, read: (end: number) => T): T {
  const length = reader.uint32();
  return read(reader.pos + length);
}

function readRevision(reader: BinaryReader): Revision {
  return toRevision(String(reader.int64()));
}

function readTxn(reader: BinaryReader, end: number, keys: KeySpace): TxnAnswer {
  const answer: TxnAnswer = { revision: undefined, succeeded: false, responses: [] };
  readFields(reader, end, (field) => {
    if (field === 1)
      readPart(reader, (to) => {
        answer.revision = readHeader(reader, to);
      });
    else if (field === 2) answer.succeeded = reader.bool();
    else if (field === 3) answer.responses.push(readPart(reader, (to) => readOp(reader, to, keys)));
    else return false;
    return true;
  });
  return answer;
}

function readHeader(reader: BinaryReader, end: number): Revision | undefined {
  let revision: Revision | undefined;
  readFields(reader, end, (field) => {
    if (field !== 3) return false;
    revision = readRevision(reader);
    return true;
  });
  return revision;
}

/** Which kind of answer it is the operation tells: of none are the fields in each other's way. */
function readOp(reader: BinaryReader, end: number, keys: KeySpace): OpAnswer {
  const answer: OpAnswer = { kvs: [], deleted: 0, txn: undefined };
  readFields(reader, end, (field) => {
    if (field === 1)
      readPart(reader, (to) => {
        readRange(reader, to, keys, answer);
      });
    else if (field === 3)
      readPart(reader, (to) => {
        readDelete(reader, to, answer);
      });
    else if (field === 4) answer.txn = readPart(reader, (to) => readTxn(reader, to, keys));
    else return false;
    return true;
  });
  return answer;
}

function readRange(reader: BinaryReader, end: number, keys: KeySpace, { kvs }: OpAnswer): void {
  readFields(reader, end, (field) => {
    if (field !== 2) return false;
    kvs.push(readPart(reader, (to) => readKeyValue(reader, to, keys)));
    return true;
  });
}

function readDelete(reader: BinaryReader, end: number, answer: OpAnswer): void {
  readFields(reader, end, (field) => {
    if (field !== 2) return false;
    answer.deleted = Number(reader.int64());
    return true;
  });
}

const noValue = new Uint8Array(0);

function readKeyValue(reader: BinaryReader, end: number, keys: KeySpace): KeyValue {
  let key = '';
  let value = noValue;
  let createRevision = 0 as Revision;
  let modRevision = 0 as Revision;
  let lease: LeaseId | undefined;
  readFields(reader, end, (field) => {
    if (field === 1) key = keys.fromKey(reader.bytes());
    else if (field === 2) createRevision = readRevision(reader);
    else if (field === 3) modRevision = readRevision(reader);
    // A copy: the slice would keep the whole answer in memory as long as this one value.
    else if (field === 5) value = new Uint8Array(reader.bytes());
    // Not written when there is none.
    else if (field === 6) lease = String(reader.int64()) as LeaseId;
    else return false;
    return true;
  });
  return { key, value, createRevision, modRevision, lease };
}
