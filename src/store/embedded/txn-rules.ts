/**
 * For which transactions the store refuses to look at its keys at all: too many operations, one key written
 * twice, too large. The rules are etcd's to the letter (api/v3rpc/key.go), also where they are lenient: a put
 * in a nested transaction and a delete of its key in a *later* one pass.
 */
import { checkKey, TxnRefusedError, type KeyRange, type Op, type Txn } from '../store.js';

/** etcd's `--max-txn-ops`. */
const opsMax = 128;
/** etcd's `--max-request-bytes`. */
const requestBytesMax = 1.5 * 1024 * 1024;
/** What an operation or compare takes on the wire beside its keys and value, about. */
const opOverheadBytes = 16;

/** A key or range as a range. */
export function toRange(at: string | KeyRange): KeyRange {
  return typeof at === 'string' ? { start: at, end: `${at}\0` } : at;
}

/** @throws TxnRefusedError when it breaks a rule. */
export function checkTxn(txn: Txn): void {
  checkOpCount(txn, opsMax);
  checkDuplicates(txn.then);
  checkDuplicates(txn.otherwise);
  if (requestBytes(txn) > requestBytesMax) {
    throw new TxnRefusedError('TOO_LARGE', 'The transaction is too large');
  }
}

/** Each level may have as many operations as are left by the levels around it. */
function checkOpCount(txn: Txn, max: number): void {
  const count = Math.max(txn.compares.length, txn.then.length, txn.otherwise.length);
  if (count > max) throw new TxnRefusedError('TOO_MANY_OPS', 'The transaction has too many operations');
  for (const op of [...txn.then, ...txn.otherwise]) {
    if (op.type === 'txn') checkOpCount(op.txn, max - count);
  }
}

interface Written {
  readonly puts: Set<string>;
  readonly deletes: KeyRange[];
}

/** Gives what the operations write, nested ones included, or throws when a key would be written twice. */
function checkDuplicates(ops: readonly Op[]): Written {
  const written: Written = { puts: new Set(), deletes: [] };
  for (const op of ops) {
    if (op.type === 'delete') written.deletes.push(toRange(op.at));
  }
  for (const op of ops) {
    if (op.type === 'txn') addNested(written, op.txn);
  }
  for (const op of ops) {
    if (op.type === 'put') addPut(written, op.key);
  }
  return written;
}

function addNested(written: Written, txn: Txn): void {
  const then = checkDuplicates(txn.then);
  const otherwise = checkDuplicates(txn.otherwise);
  for (const key of then.puts) addPut(written, key);
  for (const key of otherwise.puts) {
    // Only one of the two branches is taken, so both may put the same key.
    if (!then.puts.has(key)) addPut(written, key);
  }
  for (const range of [...then.deletes, ...otherwise.deletes]) written.deletes.push(range);
}

function addPut(written: Written, key: string): void {
  const isDeleted = written.deletes.some((range) => key >= range.start && key < range.end);
  if (isDeleted || written.puts.has(key)) {
    throw new TxnRefusedError('DUPLICATE_KEY', 'The transaction writes a key twice');
  }
  written.puts.add(key);
}

/** The size of the request, about as protobuf would encode it. */
function requestBytes(txn: Txn): number {
  let bytes = 0;
  for (const compare of txn.compares) bytes += opOverheadBytes + atBytes(compare.at);
  for (const op of [...txn.then, ...txn.otherwise]) bytes += opOverheadBytes + opBytes(op);
  return bytes;
}

function opBytes(op: Op): number {
  switch (op.type) {
    case 'put':
      checkKey(op.key);
      return op.key.length + op.value.length;
    case 'txn':
      return requestBytes(op.txn);
    case 'get':
    case 'delete':
      return atBytes(op.at);
  }
}

function atBytes(at: string | KeyRange): number {
  return typeof at === 'string' ? at.length : at.start.length + at.end.length;
}
