/**
 * The store itself, with the semantics of etcd: revisions, history, transactions, leases, watches, compaction, quota.
 * Synchronous and deterministic: it does no I/O, sets no timer and holds nothing outside itself, so that a
 * simulation can run thousands of it and put its own network in front. Time is read from the clock passed in;
 * leases end when {@link Mvcc.expireLeases} is called.
 */
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import type { LeaseId, Revision } from '../../base/ids.js';
import { SteplockError } from '../../errors/index.js';
import {
  isInRange,
  type KeyRange,
  type KeyValue,
  type LeaseGrant,
  type ListOptions,
  type ListResult,
  type StoreSpace,
  type Txn,
  type TxnResult,
  type WatchBatch,
} from '../store.js';
import { keyOf, KeyIndex } from './key-index.js';
import { LeaseTable } from './lease-table.js';
import { RevisionLog, type RevisionEntry } from './revision-log.js';
import { applyTxn, checkPuts, decide, RevisionWriter, toResult, withoutValue } from './txn-apply.js';
import { checkTxn } from './txn-rules.js';

/** What a store starts from. */
export interface MvccSnapshot {
  /** Its revision. History before it is gone. */
  readonly revision: Revision;
  /** Its keys. */
  readonly kvs: Iterable<KeyValue>;
}

/** How to make one. */
export interface MvccOptions {
  /** Its monotonic time ends leases. */
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** How many bytes of keys and values it takes, history included; default: no limit. */
  readonly quotaBytes?: number;
  /** What it starts from; default: nothing, at revision 1 as etcd. */
  readonly snapshot?: MvccSnapshot;
  /** Ids of leases are counted up from the one after this; default 0. */
  readonly leaseIdBase?: number;
  /** Called with each new revision before any watch hears of it. Must not call back. */
  readonly onRevision?: (entry: RevisionEntry) => void;
}

interface Watcher {
  readonly range: KeyRange;
  readonly onBatch: (batch: WatchBatch) => void;
  cursor: number;
}

/** See the head of this file. */
export class Mvcc {
  readonly #options: MvccOptions;
  readonly #index = new KeyIndex();
  readonly #leases = new LeaseTable();
  readonly #log: RevisionLog;
  readonly #watchers = new Set<Watcher>();
  #revision: Revision;
  #compacted: Revision;
  #lastLeaseId: number;
  #totalBytes = 0;
  #isFull = false;

  constructor(options: MvccOptions) {
    this.#options = options;
    this.#lastLeaseId = options.leaseIdBase ?? 0;
    this.#revision = options.snapshot?.revision ?? (1 as Revision);
    this.#compacted = options.snapshot?.revision ?? (0 as Revision);
    this.#log = new RevisionLog(this.#revision);
    for (const kv of options.snapshot?.kvs ?? []) this.#restore(kv);
    this.#totalBytes = this.#index.bytes;
  }

  /** The newest revision. */
  get revision(): Revision {
    return this.#revision;
  }

  /** Applies a transaction; throws what {@link Store.txn} throws, but for OUTCOME_UNKNOWN. */
  txn(txn: Txn): TxnResult {
    checkTxn(txn);
    const decision = decide(this.#index, txn);
    const bytes = checkPuts(this.#leases, txn, decision);
    if (bytes > 0 && this.#isFull) throw this.#storeFull();
    const isOverQuota = bytes > 0 && this.#totalBytes + bytes > (this.#options.quotaBytes ?? Infinity);
    const writer = this.#beginRevision();
    const outcome = applyTxn(writer, txn, decision);
    this.#endRevision(writer);
    if (isOverQuota) {
      // etcd's quota applier does the same: the transaction that crosses the quota is applied and then refused.
      this.#isFull = true;
      throw this.#storeFull();
    }
    return toResult(outcome, this.#revision);
  }

  /** As {@link Store.list}. */
  list(range: KeyRange, options: ListOptions = {}): ListResult {
    const { limit = Infinity, createdUpTo = Infinity, order = 'key', keysOnly = false } = options;
    assert(limit >= 1, 'A list has at least one key');
    const revision = this.#readable(options.revision);
    const found: KeyValue[] = [];
    this.#index.visit(range, revision, (kv) => {
      if (kv.createRevision <= createdUpTo) found.push(kv);
      return order === 'newest' || found.length <= limit;
    });
    if (order === 'newest') found.sort((left, right) => right.createRevision - left.createRevision);
    const kvs = found.slice(0, limit);
    return { revision, kvs: keysOnly ? kvs.map(withoutValue) : kvs, more: found.length > limit };
  }

  /** One key as of a revision, by default now. */
  get(key: string, revision?: Revision): KeyValue | undefined {
    return this.#index.at(key, this.#readable(revision));
  }

  /**
   * Calls for all changes of the range after a revision, one batch for each revision that has any, in order: at
   * once for those that are there, and then whenever one comes, before the call that makes it returns. It may call
   * back, but not compact: other watches may have what it would take away still before them.
   *
   * @returns what ends it.
   * @throws SteplockError REVISION_COMPACTED
   */
  watch(range: KeyRange, after: Revision, onBatch: (batch: WatchBatch) => void): () => void {
    this.#checkNotCompacted(after);
    const watcher: Watcher = { range, onBatch, cursor: after };
    this.#watchers.add(watcher);
    this.#deliverTo(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /**
   * What changed in the range after a revision and up to another one, of at most so many revisions; without
   * events when nothing did. For those who fetch instead of being called.
   *
   * @throws SteplockError REVISION_COMPACTED
   */
  changes(range: KeyRange, after: Revision, upTo: Revision, revisionsMax: number): WatchBatch {
    this.#checkNotCompacted(after);
    // Of revision 1, the empty store, there is no entry.
    const entries = this.#log.between(Math.max(after, this.#compacted, 1), upTo, revisionsMax);
    const events = entries.flatMap((entry) => entry.events.filter((event) => isInRange(keyOf(event), range)));
    return { revision: entries.at(-1)?.revision ?? after, events };
  }

  /** The last revision, up to that one, until which the range has not changed after a revision. */
  quietUpTo(range: KeyRange, after: Revision, upTo: Revision): Revision {
    if (after < this.#compacted) return after;
    for (const { revision, events } of this.#log.between(after, upTo, Infinity)) {
      if (events.some((event) => isInRange(keyOf(event), range))) return (revision - 1) as Revision;
    }
    return Math.max(after, upTo) as Revision;
  }

  /** Grants a lease of exactly that time. */
  grantLease(ttlMs: number): LeaseGrant {
    assert(ttlMs > 0, 'A lease lives for a while');
    if (this.#isFull) throw this.#storeFull();
    const id = this.#newLeaseId();
    this.#leases.add(id, ttlMs, this.#nowMs());
    return { id, ttlMs };
  }

  /** As {@link Store.renewLease}. A lease whose time is over is lost, be its keys still there or not. */
  renewLease(id: LeaseId): number {
    const ttlMs = this.#leases.renew(id, this.#nowMs());
    if (ttlMs === undefined) {
      throw new SteplockError('LEASE_LOST', 'The store does not have the lease', { metadata: { lease: id } });
    }
    return ttlMs;
  }

  /** As {@link Store.revokeLease}. */
  revokeLease(id: LeaseId): void {
    const keys = this.#leases.remove(id);
    if (keys === undefined) return;
    const writer = this.#beginRevision();
    for (const key of keys) writer.delete(key);
    this.#endRevision(writer);
  }

  /** Ends all leases whose time is over, each at a revision of its own. */
  expireLeases(): void {
    for (const id of this.#leases.expired(this.#nowMs())) this.revokeLease(id);
  }

  /** When, by the monotonic clock, the next lease ends; undefined when there is none. */
  nextExpiryMs(): number | undefined {
    return this.#leases.nextExpiryMs();
  }

  /** As {@link Store.compact}. */
  compact(revision: Revision): void {
    if (revision > this.#revision) throw this.#notThere(revision);
    if (revision <= this.#compacted) return;
    for (const { events } of this.#log.takeUpTo(revision)) {
      for (const event of events) this.#index.prune(keyOf(event), revision);
    }
    this.#compacted = revision;
  }

  /** As {@link Store.space}. */
  space(): StoreSpace {
    const quotaBytes = this.#options.quotaBytes;
    return { usedBytes: this.#index.bytes, totalBytes: this.#totalBytes, quotaBytes, isFull: this.#isFull };
  }

  /** As {@link Store.reclaim}. */
  reclaim(): void {
    this.#totalBytes = this.#index.bytes;
    this.#isFull &&= this.#totalBytes > (this.#options.quotaBytes ?? Infinity);
  }

  #beginRevision(): RevisionWriter {
    return new RevisionWriter(this.#index, this.#leases, (this.#revision + 1) as Revision);
  }

  #endRevision({ events }: RevisionWriter): void {
    if (events.length === 0) return;
    this.#revision = (this.#revision + 1) as Revision;
    this.#totalBytes = Math.max(this.#totalBytes, this.#index.bytes);
    const entry = { revision: this.#revision, events };
    this.#log.append(entry);
    this.#options.onRevision?.(entry);
    for (const watcher of this.#watchers) this.#deliverTo(watcher);
  }

  /** Each watcher has its own cursor, so that a watcher that writes upsets nobody's order. */
  #deliverTo(watcher: Watcher): void {
    while (watcher.cursor < this.#revision && this.#watchers.has(watcher)) {
      const batch = this.changes(watcher.range, watcher.cursor as Revision, this.#revision, 1);
      watcher.cursor = batch.revision;
      if (batch.events.length > 0) watcher.onBatch(batch);
    }
  }

  /** The revision, 0 and undefined being now, once it is known that it can be read. */
  #readable(asked: Revision | undefined): Revision {
    const revision = asked === undefined || asked === 0 ? this.#revision : asked;
    if (revision > this.#revision) throw this.#notThere(revision);
    if (revision < this.#compacted) throw this.#compactedError(revision);
    return revision;
  }

  #checkNotCompacted(after: Revision): void {
    if (Math.max(after, 1) < this.#compacted) throw this.#compactedError(after);
  }

  #compactedError(revision: Revision): SteplockError {
    const metadata = { revision: String(revision), compacted_revision: String(this.#compacted) };
    return new SteplockError('REVISION_COMPACTED', 'The revision was compacted', { metadata });
  }

  #notThere(revision: Revision): SteplockError {
    const metadata = { revision: String(revision) };
    return new SteplockError('REVISION_COMPACTED', 'The revision is not there yet', { metadata });
  }

  #storeFull(): SteplockError {
    const metadata = { quota_bytes: String(this.#options.quotaBytes) };
    return new SteplockError('STORE_FULL', 'The store is full', { metadata });
  }

  #newLeaseId(): LeaseId {
    this.#lastLeaseId += 1;
    return String(this.#lastLeaseId) as LeaseId;
  }

  #restore(kv: KeyValue): void {
    this.#index.append({ type: 'put', kv });
    if (kv.lease === undefined) return;
    // The time that such a lease had left was not kept: it is over.
    if (!this.#leases.has(kv.lease)) this.#leases.add(kv.lease, 0, this.#nowMs());
    this.#leases.attach(kv.lease, kv.key);
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}
