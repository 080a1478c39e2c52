/**
 * How a transaction is carried out, in etcd's three passes over the whole tree: decide which branches are taken,
 * check what the operations in them need, apply them. Nothing can fail once something was written.
 */
import type { LeaseId, Revision } from '../../base/ids.js';
import {
  TxnRefusedError,
  type Compare,
  type KeyRange,
  type KeyValue,
  type Op,
  type OpResult,
  type StoreEvent,
  type Txn,
  type TxnResult,
} from '../store.js';
import { putSize, type KeyIndex } from './key-index.js';
import type { LeaseTable } from './lease-table.js';
import { toRange } from './txn-rules.js';

/** Which branch of a transaction is taken, and which ones of the transactions nested in that branch, in order. */
export interface Decision {
  readonly succeeded: boolean;
  readonly nested: readonly Decision[];
}

/** Evaluates the compares of the whole tree, as things are before anything of it is applied. */
export function decide(index: KeyIndex, txn: Txn): Decision {
  const succeeded = txn.compares.every((compare) => holds(index, compare));
  const nested: Decision[] = [];
  for (const op of succeeded ? txn.then : txn.otherwise) {
    if (op.type === 'txn') nested.push(decide(index, op.txn));
  }
  return { succeeded, nested };
}

function holds(index: KeyIndex, compare: Compare): boolean {
  if (typeof compare.at === 'string') return isFulfilled(compare, index.current(compare.at));
  const kvs = index.list(compare.at, undefined);
  return kvs.length === 0 ? isFulfilled(compare, undefined) : kvs.every((kv) => isFulfilled(compare, kv));
}

function isFulfilled(compare: Compare, kv: KeyValue | undefined): boolean {
  const actual = (compare.target === 'create' ? kv?.createRevision : kv?.modRevision) ?? 0;
  switch (compare.relation) {
    case '=':
      return actual === compare.revision;
    case '!=':
      return actual !== compare.revision;
    case '<':
      return actual < compare.revision;
    case '>':
      return actual > compare.revision;
  }
}

/**
 * Checks that the leases of the puts are there, in the branches that are taken.
 *
 * @returns what these puts take in the store, in bytes.
 * @throws TxnRefusedError LEASE_NOT_FOUND
 */
export function checkPuts(leases: LeaseTable, txn: Txn, decision: Decision): number {
  let bytes = 0;
  forEachTaken(txn, decision, (op) => {
    if (op.type !== 'put') return;
    if (op.lease !== undefined && !leases.has(op.lease)) {
      throw new TxnRefusedError(
        'LEASE_NOT_FOUND',
        'The transaction puts a key under a lease that is not there',
      );
    }
    bytes += putSize(op.key, op.value);
  });
  return bytes;
}

function forEachTaken(txn: Txn, decision: Decision, visit: (op: Op) => void): void {
  const nested = decision.nested.values();
  for (const op of decision.succeeded ? txn.then : txn.otherwise) {
    visit(op);
    const inner = op.type === 'txn' ? nested.next().value : undefined;
    if (op.type === 'txn' && inner !== undefined) forEachTaken(op.txn, inner, visit);
  }
}

/** The writes of one revision as they come about. */
export class RevisionWriter {
  /** What was written so far. */
  readonly events: StoreEvent[] = [];
  readonly #index: KeyIndex;
  readonly #leases: LeaseTable;
  readonly #revision: Revision;

  /** Of the revision that it becomes if anything is written. */
  constructor(index: KeyIndex, leases: LeaseTable, revision: Revision) {
    this.#index = index;
    this.#leases = leases;
    this.#revision = revision;
  }

  /** Puts a key; without a lease it no longer hangs on the one it had. */
  put(key: string, value: Uint8Array, lease: LeaseId | undefined): void {
    const before = this.#index.current(key);
    if (before?.lease !== undefined) this.#leases.detach(before.lease, key);
    if (lease !== undefined) this.#leases.attach(lease, key);
    const createRevision = before?.createRevision ?? this.#revision;
    // A copy, which `slice` of a Buffer would not be: the caller may go on using its bytes.
    const kv = { key, value: new Uint8Array(value), createRevision, modRevision: this.#revision, lease };
    this.#write({ type: 'put', kv });
  }

  /** Deletes a key or a range; gives how many keys there were. */
  delete(at: string | KeyRange): number {
    const kvs = this.get(at);
    for (const { key, lease } of kvs) {
      if (lease !== undefined) this.#leases.detach(lease, key);
      this.#write({ type: 'delete', key, revision: this.#revision });
    }
    return kvs.length;
  }

  /** Reads a key or a range, with what was written so far. */
  get(at: string | KeyRange): KeyValue[] {
    if (typeof at === 'object') return this.#index.list(toRange(at), undefined);
    const kv = this.#index.current(at);
    return kv === undefined ? [] : [kv];
  }

  #write(event: StoreEvent): void {
    this.#index.append(event);
    this.events.push(event);
  }
}

/** A {@link TxnResult} before its revision is known. */
interface Outcome {
  readonly succeeded: boolean;
  readonly results: readonly (Exclude<OpResult, { type: 'txn' }> | Outcome)[];
}

/** Applies the branches taken. */
export function applyTxn(writer: RevisionWriter, txn: Txn, decision: Decision): Outcome {
  const nested = decision.nested.values();
  const ops = decision.succeeded ? txn.then : txn.otherwise;
  const results = ops.map((op): Outcome['results'][number] => {
    switch (op.type) {
      case 'put':
        writer.put(op.key, op.value, op.lease);
        return { type: 'put' };
      case 'delete':
        return { type: 'delete', deleted: writer.delete(op.at) };
      case 'get': {
        const kvs = writer.get(op.at).slice(0, op.limit);
        return { type: 'get', kvs: op.keysOnly === true ? kvs.map(withoutValue) : kvs };
      }
      case 'txn':
        return applyTxn(writer, op.txn, nested.next().value ?? { succeeded: false, nested: [] });
    }
  });
  return { succeeded: decision.succeeded, results };
}

const noValue = new Uint8Array(0);

/** The key with an empty value. */
export function withoutValue(kv: KeyValue): KeyValue {
  return { ...kv, value: noValue };
}

/** The result, nested ones included, now that the revision is known. */
export function toResult(outcome: Outcome, revision: Revision): TxnResult {
  const results = outcome.results.map((result): OpResult =>
    'type' in result ? result : { type: 'txn', result: toResult(result, revision) },
  );
  return { succeeded: outcome.succeeded, revision, results };
}
