/** What the tests of a store are written with. */
import { expect } from 'chai';
import type { LeaseId, Revision } from '../../../src/base/ids.js';
import { fromUtf8, toUtf8 } from '../../../src/base/bytes.js';
import { SteplockError, type CallReason } from '../../../src/errors/index.js';
import {
  TxnRefusedError,
  type Compare,
  type KeyRange,
  type KeyValue,
  type Op,
  type Store,
  type StoreEvent,
  type Txn,
  type TxnRefusal,
  type TxnResult,
  type WatchBatch,
} from '../../../src/store/store.js';
import { within } from '../../support/eventually.js';

/** A kind of store that the suite runs on. */
export interface StoreKind {
  /** For the titles of tests. */
  readonly name: string;
  /** The shortest lease that it grants. */
  readonly leaseMs: number;
  /** Before the first test. */
  start(): Promise<void>;
  /** A store without keys, which the caller closes. */
  create(): Promise<Store>;
  /** After the last test. */
  stop(): Promise<void>;
}

/** What a suite is told: gives the present test's store. */
export type StoreOf = () => Store;

/** Every key of a test. */
export const everything: KeyRange = { start: '', end: '~' };

export const put = (key: string, value: string | Uint8Array = '', lease?: LeaseId): Op => {
  const bytes = typeof value === 'string' ? toUtf8(value) : value;
  return lease === undefined ? { type: 'put', key, value: bytes } : { type: 'put', key, value: bytes, lease };
};
export const del = (at: string | KeyRange): Op => ({ type: 'delete', at });
export const get = (at: string | KeyRange): Op => ({ type: 'get', at });
export const nested = (
  compares: readonly Compare[],
  then: readonly Op[],
  otherwise: readonly Op[] = [],
): Op => ({
  type: 'txn',
  txn: { compares, then, otherwise },
});
export const txnOf = (...then: readonly Op[]): Txn => ({ compares: [], then, otherwise: [] });

/** Applies operations without a condition. */
export async function apply(store: Store, ...ops: readonly Op[]): Promise<TxnResult> {
  return await store.txn(txnOf(...ops));
}

/** The store's revision now. */
export async function revisionOf(store: Store): Promise<Revision> {
  return (await store.list(everything, { limit: 1 })).revision;
}

/** For "now" in lists and "from the beginning" in watches. */
export const revisionZero = 0 as Revision;

/** A revision so much later or earlier. */
export function plus(revision: Revision, distance: number): Revision {
  return (revision + distance) as Revision;
}

/** Keys and values as text. */
export function texts(kvs: readonly KeyValue[]): string[] {
  return kvs.map((kv) => `${kv.key}=${fromUtf8(kv.value)}`);
}

/** An event as text: `+key=value` or `-key`. */
export function eventText(event: StoreEvent): string {
  return event.type === 'put' ? `+${event.kv.key}=${fromUtf8(event.kv.value)}` : `-${event.key}`;
}

/** The reason of what was thrown. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof SteplockError)) throw error;
  return error.reason;
}

/** Expects a failure for a reason. */
export async function expectReason(reason: CallReason, promise: Promise<unknown>): Promise<SteplockError> {
  const error = await failureOf(promise);
  if (!(error instanceof SteplockError)) throw error;
  expect(error.reason).to.equal(reason);
  return error;
}

/** Expects that a transaction is refused. */
export async function expectRefusal(refusal: TxnRefusal, promise: Promise<unknown>): Promise<void> {
  const error = await failureOf(promise);
  if (!(error instanceof TxnRefusedError)) throw error;
  expect(error.refusal).to.equal(refusal);
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`Expected a failure, got ${JSON.stringify(value)}`);
}

/** A watch read step by step. */
export interface Reader {
  /** The next batch with events. */
  next(): Promise<WatchBatch>;
  /** Events as text, batches put together, until there are so many. */
  events(count: number): Promise<string[]>;
  /** The failure that ends the watch, which comes within that time. */
  failure(timeoutMs?: number): Promise<unknown>;
  /** Ends it and waits for that. */
  stop(): Promise<void>;
}

const batchMs = 5_000;

/** Opens a watch at once. */
export function watchFrom(store: Store, after: Revision, range: KeyRange = everything): Reader {
  const abort = new AbortController();
  const batches: AsyncIterator<WatchBatch, unknown> = store
    .watch(range, after, abort.signal)
    [Symbol.asyncIterator]();
  // Begins to open it now: the generator does nothing before it is asked.
  let pending: Promise<IteratorResult<WatchBatch, unknown>> | undefined = batches.next();
  pending.catch(() => undefined);
  const take = async (timeoutMs = batchMs): Promise<IteratorResult<WatchBatch, unknown>> => {
    const promise = pending ?? batches.next();
    pending = undefined;
    return await within(timeoutMs, 'the next batch of a watch', promise);
  };
  const next = async (): Promise<WatchBatch> => {
    for (;;) {
      const result = await take();
      if (result.done === true) throw new Error('The watch ended');
      if (result.value.events.length > 0) return result.value;
    }
  };
  const events = async (count: number): Promise<string[]> => {
    const found: string[] = [];
    while (found.length < count) found.push(...(await next()).events.map(eventText));
    return found;
  };
  const failure = async (timeoutMs?: number): Promise<unknown> => {
    try {
      for (;;) if ((await take(timeoutMs)).done === true) break;
    } catch (error) {
      return error;
    }
    throw new Error('The watch ended without a failure');
  };
  const stop = async (): Promise<void> => {
    abort.abort();
    while ((await take()).done !== true);
  };
  return { next, events, failure, stop };
}
