/**
 * What a node knows of the store: a cache of some prefixes, fed by one watch of everything, by what the node itself
 * commits, and by a list every now and then. The watch is a hint: with every event of it lost, the list finds the
 * same state, missed deletes included. Per key the newest revision wins, whichever way it came.
 */
import { sleep, type Clock } from '../base/clock.js';
import type { Revision } from '../base/ids.js';
import { errorText, isReason } from '../errors/index.js';
import type { Logger } from '../log/log.js';
import {
  isInRange,
  prefixRange,
  type KeyRange,
  type KeyValue,
  type Store,
  type WatchBatch,
} from './store.js';
import type { Unit } from './unit.js';

/** A key that changed. */
export interface CacheEvent {
  readonly key: string;
  /** What it holds now; undefined when it was deleted. */
  readonly kv: KeyValue | undefined;
  /** The revision of the change; for a delete that was missed, of the list that showed it. */
  readonly revision: number;
}

/** What a cache needs. */
export interface CacheOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is watched. */
  readonly range: KeyRange;
  /** What is kept and listed again; of other keys only events are passed on. */
  readonly kept: readonly string[];
  /** How often everything kept is listed and compared. */
  readonly resyncMs: number;
}

const pageSize = 1_000;
const reopenMsMin = 50;
const reopenMsMax = 2_000;

/** See the head of this file. */
export class StoreCache {
  readonly #options: CacheOptions;
  readonly #kept: readonly KeyRange[];
  /** The same by the first part of their keys, up to the first slash. */
  readonly #keptOf = new Map<string, readonly KeyRange[]>();
  readonly #entries = new Map<string, KeyValue>();
  /**
   * Keys that this node deleted, or wrote though they are not kept, and when: until the watch has passed that
   * revision, older news of them are echoes.
   */
  readonly #recent = new Map<string, number>();
  readonly #listeners = new Set<(event: CacheEvent) => void>();
  readonly #listListeners = new Set<(asOf: Revision) => void>();
  readonly #keyListeners = new Map<string, Set<(event: CacheEvent) => void>>();
  #cursor = 0 as Revision;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#kept = options.kept.map(prefixRange);
    for (const range of this.#kept) {
      const part = firstPart(range.start);
      this.#keptOf.set(part, [...(this.#keptOf.get(part) ?? []), range]);
    }
  }

  /** Everything up to this revision has been delivered by the watch. */
  get cursor(): Revision {
    return this.#cursor;
  }

  /** What a kept key holds. */
  get(key: string): KeyValue | undefined {
    return this.#entries.get(key);
  }

  /** All kept keys with the prefix, in no particular order. */
  *entries(prefix: string): Generator<KeyValue> {
    for (const [key, kv] of this.#entries) if (key.startsWith(prefix)) yield kv;
  }

  /** Calls for each change from now on, in an order that is right for each key by itself. */
  subscribe(listener: (event: CacheEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** As {@link subscribe}, for one key: thousands may each wait for theirs. */
  subscribeKey(key: string, listener: (event: CacheEvent) => void): () => void {
    const listeners = this.#keyListeners.get(key) ?? new Set();
    this.#keyListeners.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#keyListeners.get(key) === listeners) this.#keyListeners.delete(key);
    };
  }

  /** Calls after each list of everything kept, with its revision: what is not cached then is not there. */
  onListed(listener: (asOf: Revision) => void): () => void {
    this.#listListeners.add(listener);
    return () => this.#listListeners.delete(listener);
  }

  /** Lists, then keeps watching and listing until the signal aborts. Ends when the first list is there. */
  async start(signal: AbortSignal): Promise<void> {
    this.#cursor = await this.resync();
    void this.#watchForEver(signal);
    void this.#resyncForEver(signal);
  }

  /** Takes over what this node has just committed, without waiting for the watch. */
  applyUnit(unit: Unit, revision: number): void {
    for (const op of unit.ops) {
      if (op.type === 'put') {
        // Of a record that the cache does not have yet, only the watch can tell when it was created.
        if (this.#isKept(op.key) && this.#lacksFormer(unit, op.key)) continue;
        const createRevision = this.#entries.get(op.key)?.createRevision ?? (revision as Revision);
        const kv = {
          key: op.key,
          value: op.value,
          createRevision,
          modRevision: revision as Revision,
          lease: op.lease,
        };
        this.#apply({ key: op.key, kv, revision });
        if (!this.#isKept(op.key)) this.#noteRecent(op.key, revision);
      } else if (typeof op.at === 'string') {
        this.#apply({ key: op.at, kv: undefined, revision });
        this.#noteRecent(op.at, revision);
      }
      // A deleted range is left to the watch: which keys it had is not known here.
    }
  }

  /** Lists everything kept and passes on what differs. Gives the revision of the list. */
  async resync(): Promise<Revision> {
    let revision: Revision | undefined;
    const listed = new Set<string>();
    for (const range of this.#kept) {
      revision = await this.#listRange(range, revision, listed);
    }
    const asOf = revision ?? (0 as Revision);
    for (const [key, kv] of this.#entries) {
      if (!listed.has(key) && kv.modRevision <= asOf) this.#apply({ key, kv: undefined, revision: asOf });
    }
    for (const listener of this.#listListeners) listener(asOf);
    return asOf;
  }

  async #listRange(range: KeyRange, at: Revision | undefined, listed: Set<string>): Promise<Revision> {
    let revision = at;
    let start = range.start;
    for (;;) {
      const options = { limit: pageSize, ...(revision === undefined ? {} : { revision }) };
      const page = await this.#options.store.list({ start, end: range.end }, options);
      // All pages as of the first one's revision: a key must not fall between two of them.
      revision ??= page.revision;
      for (const kv of page.kvs) {
        listed.add(kv.key);
        this.#apply({ key: kv.key, kv, revision: kv.modRevision });
      }
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return revision;
      start = `${last.key}\0`;
    }
  }

  #apply(event: CacheEvent): void {
    const { key, kv, revision } = event;
    const known = this.#entries.get(key)?.modRevision ?? 0;
    if (revision <= known && kv !== undefined) return;
    if (kv === undefined && revision < known) return;
    if (revision <= (this.#recent.get(key) ?? 0)) return;
    if (this.#isKept(key)) {
      if (kv === undefined && !this.#entries.has(key)) return;
      if (kv === undefined) this.#entries.delete(key);
      else this.#entries.set(key, kv);
    }
    for (const listener of this.#listeners) listener(event);
    for (const listener of this.#keyListeners.get(key) ?? []) listener(event);
  }

  /** Whether the unit changed something else than what is cached of the key. */
  #lacksFormer({ compares }: Unit, key: string): boolean {
    const known = this.#entries.get(key)?.modRevision;
    return compares.some(
      ({ at, target, relation, revision }) =>
        at === key && target === 'mod' && relation === '=' && revision > 0 && revision !== known,
    );
  }

  #isKept(key: string): boolean {
    const ranges = this.#keptOf.get(firstPart(key));
    return ranges?.some((range) => isInRange(key, range)) === true;
  }

  async #watchForEver(signal: AbortSignal): Promise<void> {
    const { store, clock, log, range } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      try {
        for await (const batch of store.watch(range, this.#cursor, signal)) {
          failures = 0;
          this.#applyBatch(batch);
        }
      } catch (error) {
        if (isReason(error, 'REVISION_COMPACTED')) {
          await this.#restartFromList(signal);
          continue;
        }
        log.warn({ cause: errorText(error), cursor: this.#cursor }, 'watch broke, opening it again');
      }
      const waitMs = Math.min(reopenMsMin * 2 ** failures, reopenMsMax);
      failures = Math.min(failures + 1, 10);
      await sleep(clock, waitMs, signal).catch(() => undefined);
    }
  }

  async #restartFromList(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    try {
      this.#moveCursor(await this.resync());
      log.info({ cursor: this.#cursor }, 'watch was compacted away, listed again');
    } catch (error) {
      log.warn({ cause: errorText(error) }, 'list failed, trying again');
      await sleep(clock, reopenMsMax, signal).catch(() => undefined);
    }
  }

  #applyBatch(batch: WatchBatch): void {
    for (const event of batch.events) {
      if (event.type === 'put') {
        this.#apply({ key: event.kv.key, kv: event.kv, revision: event.kv.modRevision });
      } else {
        this.#apply({ key: event.key, kv: undefined, revision: event.revision });
      }
    }
    this.#moveCursor(batch.revision);
  }

  #moveCursor(revision: Revision): void {
    if (revision <= this.#cursor) return;
    this.#cursor = revision;
    for (const [key, changedAt] of this.#recent) if (changedAt <= revision) this.#recent.delete(key);
  }

  #noteRecent(key: string, revision: number): void {
    if (revision > this.#cursor) this.#recent.set(key, revision);
  }

  async #resyncForEver(signal: AbortSignal): Promise<void> {
    const { clock, log, resyncMs } = this.#options;
    for (;;) {
      try {
        await sleep(clock, resyncMs, signal);
      } catch {
        // The signal aborted: nothing of this cache is needed any more.
        return;
      }
      try {
        await this.resync();
      } catch (error) {
        log.warn({ cause: errorText(error) }, 'list failed, trying again');
      }
    }
  }
}

/** The key up to its first slash, or all of it: kept prefixes reach at least that far. */
function firstPart(key: string): string {
  const slash = key.indexOf('/');
  return slash === -1 ? key : key.slice(0, slash);
}
