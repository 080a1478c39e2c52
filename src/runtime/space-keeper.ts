/**
 * Keeps the store's space in hand. Every node refuses new work while the store is nearly full, so that running work
 * can end; one node at a time (the owner of shard 0) compacts what is old, more eagerly when room is short, and gives
 * freed pages back. When the store has stopped taking writes, that starts it again.
 */
import { sleep, type Clock } from '../base/clock.js';
import type { Revision } from '../base/ids.js';
import { errorText, SteplockError } from '../errors/index.js';
import type { Logger } from '../log/log.js';
import type { StoreCache } from '../store/cache.js';
import type { Store, StoreSpace } from '../store/store.js';

/** What keeping space needs. */
export interface SpaceKeeperOptions {
  readonly store: Store;
  readonly cache: StoreCache;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether this node is the one that compacts. */
  readonly isKeeper: () => boolean;
  /** How long history is kept for watches and pages; shorter when room is short. */
  readonly historyMs: number;
}

/** Share of the quota from which on new work is refused. */
const refuseShare = 0.75;
/** Share of the quota from which on history is not kept. */
const tightShare = 0.5;
/** Share of the store's file in use below which its free pages are worth giving back. */
const looseShare = 0.75;
const lookMs = 2_000;
const compactMs = 60_000;

/** See the head of this file. */
export class SpaceKeeper {
  readonly #options: SpaceKeeperOptions;
  /** Revisions by the monotonic time at which they were the newest. */
  #marks: { readonly revision: Revision; readonly timeMs: number }[] = [];
  /** What the store last said. */
  #space: StoreSpace | undefined;
  #compacted = 0;
  #lastCompactionMs = 0;
  /** What new work was let in with since the last look at the space, and between that and the one before. */
  #promisedBytes = { now: 0, before: 0 };

  constructor(options: SpaceKeeperOptions) {
    this.#options = options;
  }

  /**
   * Lets new work in that writes so many bytes. They count from now on: until the next look at the space a store with
   * little room could be filled many times over.
   *
   * @throws SteplockError STORE_FULL while new work is refused.
   */
  checkRoom(bytes = 0): void {
    const space = this.#space;
    if (space?.quotaBytes === undefined) return;
    const { usedBytes, totalBytes, quotaBytes, isFull } = space;
    const { now, before } = this.#promisedBytes;
    // etcd holds the size of its file against the quota. It does so only for single puts, and not for the nested ones
    // that our units are (fixed in etcd 3.5.33 and 3.6.14): this check is all that bounds us.
    if (!isFull && totalBytes + before + now + bytes < quotaBytes * refuseShare) {
      this.#promisedBytes = { now: now + bytes, before };
      return;
    }
    const message = `The store is nearly full: ${totalBytes} of ${quotaBytes} bytes are taken, ${usedBytes} in use, ${before + now} let in just now; running work goes on`;
    throw new SteplockError('STORE_FULL', message, {
      metadata: {
        used_bytes: String(usedBytes),
        total_bytes: String(totalBytes),
        quota_bytes: String(quotaBytes),
      },
      retryAfterMs: compactMs,
    });
  }

  /** Looks after it until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        log.warn({ cause: errorText(error) }, 'space of the store not looked after, trying again');
      }
      await sleep(clock, lookMs, signal).catch(() => undefined);
    }
  }

  /** Asks the store how full it is, and does what is due. */
  async look(): Promise<void> {
    const { store, cache, clock, isKeeper } = this.#options;
    this.#space = await store.space();
    // What was let in just now may not be written yet, so it counts until the look after this one.
    this.#promisedBytes = { now: 0, before: this.#promisedBytes.now };
    const nowMs = clock.monotonicMs();
    this.#marks.push({ revision: cache.cursor, timeMs: nowMs });
    if (!isKeeper()) return;
    const { totalBytes, quotaBytes = Infinity, isFull } = this.#space;
    const isTight = isFull || totalBytes >= quotaBytes * tightShare;
    if (!isTight && nowMs - this.#lastCompactionMs < compactMs) return;
    this.#lastCompactionMs = nowMs;
    const hasCompacted = await this.#compact(isTight ? lookMs : this.#options.historyMs);
    if (isFull || hasCompacted) await this.#reclaimIfLoose();
  }

  /** Forgets what is older than that. */
  async #compact(ageMs: number): Promise<boolean> {
    const { store, clock, log } = this.#options;
    const limitMs = clock.monotonicMs() - ageMs;
    const old = this.#marks.filter((mark) => mark.timeMs <= limitMs);
    const last = old.at(-1);
    if (last === undefined || last.revision <= this.#compacted) return false;
    await store.compact(last.revision);
    this.#compacted = last.revision;
    this.#marks = this.#marks.filter((mark) => mark.timeMs > limitMs);
    log.debug({ revision: last.revision }, 'history compacted');
    return true;
  }

  /** Gives free pages back if that is worth the standstill that it costs the store. */
  async #reclaimIfLoose(): Promise<void> {
    const { store, log } = this.#options;
    const space = await store.space();
    const { usedBytes, totalBytes, quotaBytes = Infinity, isFull } = space;
    const isLoose = totalBytes >= quotaBytes * tightShare && usedBytes <= totalBytes * looseShare;
    this.#space = space;
    if (!isFull && !isLoose) return;
    await store.reclaim();
    this.#space = await store.space();
    log.info({ before: space, after: this.#space }, 'free pages given back');
  }
}
