/**
 * The Store port on an {@link Mvcc} in this process, with or without a journal.
 *
 * Memory runs ahead of the disk by the revisions that the journal has not written yet. Nobody may see those: they
 * are lost, and their numbers used again, if the process dies now. So a transaction is answered when the revision
 * that it saw is durable, and lists and watches read up to the last durable one, which is linearizable because
 * nothing newer has been answered.
 */
import { createDeferred, type Deferred } from '../../base/deferred.js';
import { type CancelTimer, type Clock } from '../../base/clock.js';
import type { LeaseId, Revision } from '../../base/ids.js';
import { errorText, SteplockError } from '../../errors/index.js';
import type {
  KeyRange,
  KeyValue,
  LeaseGrant,
  ListOptions,
  ListResult,
  Store,
  StoreSpace,
  Txn,
  TxnResult,
  WatchBatch,
} from '../store.js';
import type { Journal } from './journal.js';
import { Mvcc, type MvccOptions } from './mvcc.js';
import type { RevisionEntry } from './revision-log.js';

/** How to make one. */
export interface EmbeddedStoreOptions extends Omit<MvccOptions, 'clock' | 'onRevision'> {
  /** Its monotonic time ends leases, and its timers wake the store up for that. */
  readonly clock: Clock;
  /** Where revisions are written; default: nowhere. */
  readonly journal?: Journal;
}

/** How many revisions a watch reads at once. */
const revisionsPerBatchMax = 1_000;
/** After so many revisions without a change in its range a watch hears of the progress. */
const quietRevisionsMax = 1_000;

/** A watch that is open. */
interface OpenWatch {
  readonly range: KeyRange;
  /** Everything up to here was given to its reader. */
  cursor: Revision;
}

interface Waiter {
  readonly revision: Revision;
  readonly deferred: Deferred<undefined>;
}

/** See the head of this file. */
export class EmbeddedStore implements Store {
  readonly #clock: Clock;
  readonly #core: Mvcc;
  readonly #journal: Journal | undefined;
  #durable: Revision;
  /** Transactions that wait for their revision, in the order of these. */
  #waiters: Waiter[] = [];
  /** Watches that wait for something to be durable, or for the end. */
  readonly #sleepers = new Set<() => void>();
  readonly #watches = new Set<OpenWatch>();
  /** Why nothing is taken any more. */
  #end: { readonly message: string; readonly cause?: unknown } | undefined;
  #expiryTimer: { readonly atMs: number; readonly cancel: CancelTimer } | undefined;

  constructor({ clock, journal, ...options }: EmbeddedStoreOptions) {
    this.#clock = clock;
    this.#journal = journal;
    const onRevision = (entry: RevisionEntry): void => {
      if (journal === undefined) this.#advance(entry.revision);
      else journal.append(entry);
    };
    this.#core = new Mvcc({ ...options, clock, onRevision });
    this.#durable = this.#core.revision;
    journal?.listen({
      onDurable: (revision) => {
        this.#advance(revision);
      },
      onFailure: (cause) => {
        this.#fail(cause);
      },
    });
    this.#expireLeases();
  }

  async txn(txn: Txn): Promise<TxnResult> {
    this.#checkOpen();
    const result = this.#core.txn(txn);
    await this.untilDurable();
    return result;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port's methods reject, they do not throw
  async list(range: KeyRange, options: ListOptions = {}): Promise<ListResult> {
    this.#checkOpen();
    const asked = options.revision ?? 0;
    this.#checkDurable(asked);
    return this.#core.list(range, {
      ...options,
      revision: asked === 0 ? this.#durable : asked,
    });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port's methods reject, they do not throw
  async get(key: string): Promise<KeyValue | undefined> {
    this.#checkOpen();
    return this.#core.get(key, this.#durable);
  }

  async *watch(
    range: KeyRange,
    after: Revision,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, void> {
    const watch: OpenWatch = { range, cursor: after };
    let reported = after;
    this.#watches.add(watch);
    try {
      while (!signal.aborted) {
        this.#checkOpen();
        const batch = this.#core.changes(range, watch.cursor, this.#durable, revisionsPerBatchMax);
        if (batch.revision === watch.cursor) {
          await this.#untilWoken(signal);
          continue;
        }
        watch.cursor = batch.revision;
        if (batch.events.length === 0 && watch.cursor - reported < quietRevisionsMax) continue;
        reported = watch.cursor;
        yield batch;
      }
    } finally {
      this.#watches.delete(watch);
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port's methods reject, they do not throw
  async grantLease(ttlMs: number): Promise<LeaseGrant> {
    this.#checkOpen();
    const grant = this.#core.grantLease(ttlMs);
    this.#scheduleExpiry();
    return grant;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port's methods reject, they do not throw
  async renewLease(id: LeaseId): Promise<number> {
    this.#checkOpen();
    return this.#core.renewLease(id);
  }

  async revokeLease(id: LeaseId): Promise<void> {
    this.#checkOpen();
    this.#core.revokeLease(id);
    await this.untilDurable();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port's methods reject, they do not throw
  async compact(revision: Revision): Promise<void> {
    this.#checkOpen();
    this.#checkDurable(revision);
    // A reader that is busy loses nothing as long as nothing has come for it.
    for (const watch of this.#watches) {
      watch.cursor = this.#core.quietUpTo(watch.range, watch.cursor, this.#durable);
    }
    this.#core.compact(revision);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port's methods reject, they do not throw
  async space(): Promise<StoreSpace> {
    this.#checkOpen();
    return this.#core.space();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port's methods reject, they do not throw
  async reclaim(): Promise<void> {
    this.#checkOpen();
    this.#core.reclaim();
  }

  async close(): Promise<void> {
    if (this.#end === undefined) this.#endWith('The store is closed');
    await this.#journal?.close();
  }

  /**
   * Waits until all that was written so far is durable: what a transaction saw, its own writes included.
   *
   * @throws SteplockError OUTCOME_UNKNOWN when writing failed.
   */
  async untilDurable(): Promise<void> {
    const revision = this.#core.revision;
    if (revision === this.#durable) return;
    const deferred = createDeferred<undefined>();
    this.#waiters.push({ revision, deferred });
    await deferred.promise;
  }

  #advance(revision: Revision): void {
    this.#durable = revision;
    const waiting = this.#waiters.findIndex((waiter) => waiter.revision > revision);
    const settled = this.#waiters.splice(0, waiting === -1 ? this.#waiters.length : waiting);
    for (const { deferred } of settled) deferred.resolve(undefined);
    this.#wake();
  }

  /** Memory holds what the disk does not: only opening the directory anew brings the two together again. */
  #fail(cause: unknown): void {
    this.#endWith(`The store could not write and must be opened anew: ${errorText(cause)}`, cause);
    const waiters = this.#waiters;
    this.#waiters = [];
    const error = new SteplockError('OUTCOME_UNKNOWN', 'The store could not write', { cause });
    for (const { deferred } of waiters) deferred.reject(error);
  }

  #endWith(message: string, cause?: unknown): void {
    this.#end ??= { message, cause };
    this.#expiryTimer?.cancel();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#sleepers) wake();
  }

  async #untilWoken(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#sleepers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #checkOpen(): void {
    if (this.#end === undefined) return;
    throw new SteplockError('STORE_UNAVAILABLE', this.#end.message, { cause: this.#end.cause });
  }

  #checkDurable(revision: number): void {
    if (revision <= this.#durable) return;
    const metadata = { revision: String(revision) };
    throw new SteplockError('REVISION_COMPACTED', 'The revision is not there yet', { metadata });
  }

  #expireLeases(): void {
    this.#expiryTimer = undefined;
    this.#core.expireLeases();
    this.#scheduleExpiry();
  }

  /** Sees to it that the timer goes off no later than the next lease ends; renewals leave it where it is. */
  #scheduleExpiry(): void {
    const atMs = this.#core.nextExpiryMs();
    if (atMs === undefined || this.#end !== undefined) return;
    if (this.#expiryTimer !== undefined && this.#expiryTimer.atMs <= atMs) return;
    this.#expiryTimer?.cancel();
    const cancel = this.#clock.setTimer(atMs - this.#clock.monotonicMs(), () => {
      this.#expireLeases();
    });
    this.#expiryTimer = { atMs, cancel };
  }
}
