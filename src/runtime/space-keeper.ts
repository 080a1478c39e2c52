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
const lookMs = 2_000;
const compactMs = 60_000;

/** See the head of this file. */
export class SpaceKeeper {
  readonly #options: SpaceKeeperOptions;
  /** Revisions by the monotonic time at which they were the newest. */
  #marks: { readonly revision: Revision; readonly timeMs: number }[] = [];
  #space: StoreSpace | undefined;
  #compacted = 0;
  #lastCompactionMs = 0;

  constructor(options: SpaceKeeperOptions) {
    this.#options = options;
  }

  /** What the store last said. */
  get space(): StoreSpace | undefined {
    return this.#space;
  }

  /** @throws SteplockError STORE_FULL while new work is refused. */
  checkRoom(): void {
    const space = this.#space;
    if (space?.quotaBytes === undefined) return;
    const { usedBytes, quotaBytes, isFull } = space;
    if (!isFull && usedBytes < quotaBytes * refuseShare) return;
    const message = `The store is nearly full: ${usedBytes} of ${quotaBytes} bytes are in use; running work goes on`;
    throw new SteplockError('STORE_FULL', message, {
      metadata: { used_bytes: String(usedBytes), quota_bytes: String(quotaBytes) },
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
    const nowMs = clock.monotonicMs();
    this.#marks.push({ revision: cache.cursor, timeMs: nowMs });
    if (!isKeeper()) return;
    const { usedBytes, totalBytes, quotaBytes, isFull } = this.#space;
    const isTight = quotaBytes !== undefined && (isFull || totalBytes >= quotaBytes * tightShare);
    if (!isTight && nowMs - this.#lastCompactionMs < compactMs) return;
    this.#lastCompactionMs = nowMs;
    const hasCompacted = await this.#compact(isTight ? lookMs : this.#options.historyMs);
    const isLoose =
      quotaBytes !== undefined && totalBytes >= quotaBytes * tightShare && usedBytes < totalBytes / 2;
    if (isFull || (isLoose && hasCompacted)) await this.#reclaim();
    this.#space = await store.space();
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

  async #reclaim(): Promise<void> {
    const { store, log } = this.#options;
    await store.reclaim();
    log.info({ space: await store.space() }, 'free pages given back');
  }
}
