/**
 * The Store port: what Steplock needs of a store, in etcd's terms. Two adapters stand behind it, `etcd/` and
 * `embedded/`, and one suite (test/store) holds both to what is written here. Nothing above this folder
 * knows which one it talks to.
 *
 * Keys are ASCII, of 1 to {@link keyLengthMax} characters. Revisions that a caller passes are whole numbers, at
 * least 0, and limits at least 1.
 *
 * Every method may fail with STORE_UNAVAILABLE: the store did not answer in time or cannot be reached. For
 * reads that says nothing else. For writes see {@link Store.txn}.
 */
import { assert } from '../base/assert.js';
import type { LeaseId, Revision } from '../base/ids.js';

/** The longest key, in characters. */
export const keyLengthMax = 1_024;

/** A key with its value as of some revision. */
export interface KeyValue {
  /** The key, without the cluster's prefix. */
  readonly key: string;
  /** The value; empty when only keys were asked for. */
  readonly value: Uint8Array;
  /** The revision at which the key came into being, this time. */
  readonly createRevision: Revision;
  /** The revision of the last put. */
  readonly modRevision: Revision;
  /** The lease that the key goes with; undefined for none. */
  readonly lease: LeaseId | undefined;
}

/** Keys from `start` on to before `end`, in the order of their UTF-8 bytes; `end` is after `start`. */
export interface KeyRange {
  /** The first key that belongs to it. */
  readonly start: string;
  /** The first key that no longer does. */
  readonly end: string;
}

/**
 * A condition on a key, or on all keys of a range. A key that is not there has create and mod revision 0, and
 * so has a range without keys: `{ target: 'create', relation: '=', revision: 0 }` says "not there".
 */
export interface Compare {
  /** The key, or the range of which every key must fulfil it. */
  readonly at: string | KeyRange;
  /** Which of its revisions. */
  readonly target: 'create' | 'mod';
  /** How it must stand to `revision`. */
  readonly relation: '=' | '!=' | '<' | '>';
  /** What it is compared with. */
  readonly revision: number;
}

/** A write or a read within a transaction. */
export type Op =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array; readonly lease?: LeaseId }
  | { readonly type: 'delete'; readonly at: string | KeyRange }
  /** `limit`: at most so many keys, the first ones; default: all. */
  | {
      readonly type: 'get';
      readonly at: string | KeyRange;
      readonly keysOnly?: boolean;
      readonly limit?: number;
    }
  | { readonly type: 'txn'; readonly txn: Txn };

/**
 * If all compares hold then `then`, else `otherwise`. All or nothing, nested ones included.
 *
 * As in etcd the compares of the whole tree are evaluated before anything is applied: of two nested
 * transactions the second does not see what the first one writes. Operations, gets included, do see what
 * those before them wrote, and all writes get one revision.
 *
 * No two puts of the tree may be of one key, nor may a put's key be deleted by another operation, in branches
 * that could be taken together. (One case passes, as in etcd: a put in a nested transaction whose key a later
 * nested one deletes.) A level may have 128 compares and as many operations in each branch; a nested one has
 * what the levels around it leave of that, counting the longest of the three.
 */
export interface Txn {
  readonly compares: readonly Compare[];
  readonly then: readonly Op[];
  readonly otherwise: readonly Op[];
}

/** What came of an operation; in the place of the operation. */
export type OpResult =
  | { readonly type: 'put' }
  | { readonly type: 'delete'; readonly deleted: number }
  | { readonly type: 'get'; readonly kvs: readonly KeyValue[] }
  | { readonly type: 'txn'; readonly result: TxnResult };

/** What came of a transaction. */
export interface TxnResult {
  /** Which branch was taken. */
  readonly succeeded: boolean;
  /** The store's revision after it: that of its writes, if it wrote. */
  readonly revision: Revision;
  /** One for each operation of the branch taken. */
  readonly results: readonly OpResult[];
}

/** How to list. */
export interface ListOptions {
  /** As of this revision; default, and when 0: now. */
  readonly revision?: Revision;
  /** At most so many; default: all. */
  readonly limit?: number;
  /** Leave the values out. */
  readonly keysOnly?: boolean;
  /**
   * `key` (default) ascending, or `newest`: by create revision descending; keys that came into being together
   * stand in no particular order.
   */
  readonly order?: 'key' | 'newest';
  /** Only keys created at or before this revision. */
  readonly createdUpTo?: Revision;
}

/** A list. */
export interface ListResult {
  /** The revision as of which it holds. */
  readonly revision: Revision;
  /** What was found. */
  readonly kvs: readonly KeyValue[];
  /** Whether the limit cut it. */
  readonly more: boolean;
}

/** A change of a key. */
export type StoreEvent =
  | { readonly type: 'put'; readonly kv: KeyValue }
  | { readonly type: 'delete'; readonly key: string; readonly revision: Revision };

/**
 * All changes of one or more whole revisions that are in the watched range, or, without events, the news that
 * there were none.
 */
export interface WatchBatch {
  /** Everything up to this revision has been delivered. */
  readonly revision: Revision;
  /** In the order of their revisions. */
  readonly events: readonly StoreEvent[];
}

/** A lease as granted. */
export interface LeaseGrant {
  /** Its id. */
  readonly id: LeaseId;
  /** How long it lives without renewal; may be longer than asked for. */
  readonly ttlMs: number;
}

/** How full the store is. */
export interface StoreSpace {
  /** What is in use. */
  readonly usedBytes: number;
  /** What is allotted to the store's file, free pages included. This is what counts against the quota. */
  readonly totalBytes: number;
  /** Where the store stops taking writes; undefined for no limit. */
  readonly quotaBytes: number | undefined;
  /** Whether it has stopped taking writes. */
  readonly isFull: boolean;
}

/** Why a transaction was refused as a whole, with nothing of it applied. */
export type TxnRefusal = 'DUPLICATE_KEY' | 'TOO_MANY_OPS' | 'TOO_LARGE' | 'LEASE_NOT_FOUND';

/**
 * A transaction that the store refused as a whole: nothing of it was applied or will be. That is said of this very
 * call; of an earlier one with the same transaction, whose answer was lost, it says nothing.
 */
export class TxnRefusedError extends Error {
  override readonly name = 'TxnRefusedError';
  /** Why. */
  readonly refusal: TxnRefusal;

  constructor(refusal: TxnRefusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.refusal = refusal;
  }
}

/** See the head of this file. */
export interface Store {
  /**
   * The keys of a range, or those that begin with a prefix, see {@link prefixRange}. Linearizable.
   *
   * @throws SteplockError REVISION_COMPACTED when the revision is gone, or (after a restore from a backup) not
   *   there yet.
   */
  list(range: KeyRange, options?: ListOptions): Promise<ListResult>;

  /** One key, or undefined. Linearizable. */
  get(key: string): Promise<KeyValue | undefined>;

  /**
   * Applies a transaction.
   *
   * @throws TxnRefusedError when the store refused it as a whole.
   * @throws SteplockError OUTCOME_UNKNOWN when no answer came: it may have been applied, may yet be, or never.
   *   A later read that does not show it proves nothing. Send the same again until it is answered; its
   *   compares must fail if it was applied before.
   * @throws SteplockError STORE_FULL when there is no room. As etcd may have applied the very transaction
   *   that used up the room, this too leaves the outcome unknown. What only deletes and reads is never refused
   *   so; nor are puts in nested transactions, which etcd's quota does not count before 3.5.33, 3.6.14 and 3.7.1.
   * @throws SteplockError STORE_UNAVAILABLE when it was not even sent, because the store is closed.
   */
  txn(txn: Txn): Promise<TxnResult>;

  /**
   * Delivers what changes in the range after revision `after`, until the signal aborts, which ends it without an
   * error, or the stream breaks, which throws STORE_UNAVAILABLE. It opens one stream and never reopens it:
   * whoever reads it keeps the cursor (see cache.ts). A slow reader holds up its own stream and nothing else,
   * and nothing piles up for it; after a compaction it may find that what it has not read is gone.
   *
   * A revision that is not there yet is waited for.
   *
   * @throws SteplockError REVISION_COMPACTED when the store was compacted at a later revision than `after`, so
   *   that what came in between may be gone; list again.
   */
  watch(range: KeyRange, after: Revision, signal: AbortSignal): AsyncIterable<WatchBatch>;

  /**
   * Grants a lease. A grant whose answer is lost expires by itself.
   *
   * @throws SteplockError STORE_FULL when there is no room.
   */
  grantLease(ttlMs: number): Promise<LeaseGrant>;

  /**
   * Renews a lease once; gives how long it lives from when the store handled it. Count from before the call.
   *
   * @throws SteplockError LEASE_LOST when the store no longer has it.
   */
  renewLease(id: LeaseId): Promise<number>;

  /** Ends a lease and deletes its keys, all at one revision. Ending one that is gone does nothing. */
  revokeLease(id: LeaseId): Promise<void>;

  /**
   * Forgets what was before that revision; a list as of it is still answered. Doing it twice does nothing.
   *
   * @throws SteplockError REVISION_COMPACTED when the revision is not there yet.
   */
  compact(revision: Revision): Promise<void>;

  /** How full it is. */
  space(): Promise<StoreSpace>;

  /** After a compaction: gives free pages back and, if the store had stopped taking writes, starts it again. */
  reclaim(): Promise<void>;

  /** Lets go of connections and files. Calls under way may fail, watches do. */
  close(): Promise<void>;
}

/**
 * What every adapter checks of a key that it is to write.
 *
 * @throws TxnRefusedError TOO_LARGE when it is too long.
 */
export function checkKey(key: string): void {
  assert(key !== '', 'A key is not empty');
  if (key.length > keyLengthMax) throw new TxnRefusedError('TOO_LARGE', 'The key is too long');
}

/** The range of all keys that begin with the prefix, which must not be empty nor end in U+10FFFF. */
export function prefixRange(prefix: string): KeyRange {
  const last = prefix.codePointAt(prefix.length - 1) ?? 0;
  return { start: prefix, end: prefix.slice(0, -1) + String.fromCodePoint(last + 1) };
}

/** Whether the key lies in the range. Keys are ASCII, so that the order of their code units is that of bytes. */
export function isInRange(key: string, range: KeyRange): boolean {
  return key >= range.start && key < range.end;
}

/** The condition that the key is not there. */
export function isAbsent(at: string | KeyRange): Compare {
  return { at, target: 'create', relation: '=', revision: 0 };
}

/** The condition that the key was not changed since; with revision 0, that it is not there. */
export function isUnchanged(key: string, modRevision: number): Compare {
  return { at: key, target: 'mod', relation: '=', revision: modRevision };
}

/** The condition that the key is still the one that was created then. */
export function isSameCreation(key: string, createRevision: number): Compare {
  return { at: key, target: 'create', relation: '=', revision: createRevision };
}
