/**
 * Sweeps what nobody needs any more, on one node at a time (the owner of shard 0): records of requests older than a
 * day, notes for the webhook that nobody took in that time, and chunks of plans whose head never came. How old that is the keeper has measured itself, by its monotonic
 * clock: with a wall clock that is ahead it would forget fresh ones, and what is then sent again would run twice.
 */
import { isAborted } from '../base/abort.js';
import { sleep, type Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { errorText } from '../errors/index.js';
import type { Logger } from '../log/log.js';
import { limits } from '../model/limits.js';
import { keys, prefixes, workflowOfKey } from '../store/keys.js';
import {
  isAbsent,
  isUnchanged,
  prefixRange,
  type Compare,
  type KeyValue,
  type Store,
} from '../store/store.js';
import type { Unit, UnitResult } from '../store/unit.js';

/** What sweeping needs. */
export interface HousekeeperOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Whether this node is the one that sweeps. */
  readonly isKeeper: () => boolean;
  readonly commit: (unit: Unit) => Promise<UnitResult>;
}

/** What the store's revision was, by the monotonic clock. */
interface Sample {
  readonly revision: number;
  readonly atMs: number;
}

const sweepMs = 600_000;
const pageSize = 500;

/** See the head of this file. */
export class Housekeeper {
  readonly #options: HousekeeperOptions;
  /** Chunks without a head, as seen by the last sweep: only what was there then and has not changed is swept. */
  #suspects = new Map<string, number>();
  /** The store's revision at earlier sweeps, oldest first; a new keeper has none, which only delays. */
  #samples: readonly Sample[] = [];

  constructor(options: HousekeeperOptions) {
    this.#options = options;
  }

  /** Sweeps now and then until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, isKeeper } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, sweepMs, signal).catch(() => undefined);
      if (isAborted(signal) || !isKeeper()) continue;
      try {
        const old = await this.sweepOld();
        const chunks = await this.sweepChunks();
        log.debug({ old, chunks }, 'swept');
      } catch (error) {
        log.warn({ cause: errorText(error) }, 'sweep broke off, trying again later');
      }
    }
  }

  /** Forgets requests and notes that have been there for a day as this keeper saw it; gives how many. */
  async sweepOld(): Promise<number> {
    const oldRevision = await this.#revisionOfOld();
    let swept = 0;
    for (const prefix of [prefixes.request, prefixes.webhook]) {
      swept += await this.#sweep(prefix, (kv) => (kv.modRevision <= oldRevision ? [] : undefined));
    }
    return swept;
  }

  /** What was written at this revision or before has been there for as long as requests are remembered; 0 for nothing. */
  async #revisionOfOld(): Promise<number> {
    const { store, clock } = this.#options;
    const { revision } = await store.list(prefixRange(prefixes.request), { limit: 1, keysOnly: true });
    // After the answer: what it counts was there by then.
    const sample: Sample = { revision, atMs: clock.monotonicMs() };
    // A store that was restored from a backup gives the same revisions to other writes.
    const former = this.#samples.filter((earlier) => earlier.revision <= revision);
    const isRestored = former.length < this.#samples.length;
    const samples = [...(isRestored ? [] : former), sample];
    const old = samples.findLastIndex(({ atMs }) => atMs <= sample.atMs - limits.requestLifeMs);
    this.#samples = samples.slice(Math.max(0, old));
    return samples[old]?.revision ?? 0;
  }

  /** Deletes chunks that have had no head for a whole sweep; gives how many. */
  async sweepChunks(): Promise<number> {
    const { store } = this.#options;
    const suspects = new Map<string, number>();
    const headless = new Set<string>();
    for (const prefix of [prefixes.plan, prefixes.draft]) {
      for await (const kv of this.#walk(prefix)) {
        const place = workflowOfKey(kv.key);
        if (place === undefined || (await store.get(keys.head(place.workflow))) !== undefined) continue;
        if (this.#suspects.get(kv.key) === kv.modRevision) headless.add(kv.key);
        else suspects.set(kv.key, kv.modRevision);
      }
    }
    this.#suspects = suspects;
    let swept = 0;
    for (const prefix of [prefixes.plan, prefixes.draft]) {
      swept += await this.#sweep(prefix, (kv) => {
        const place = workflowOfKey(kv.key);
        return place !== undefined && headless.has(kv.key)
          ? [isAbsent(keys.head(place.workflow))]
          : undefined;
      });
    }
    return swept;
  }

  /** Deletes what the function gives conditions for, unless it changed meanwhile. */
  async #sweep(prefix: string, judge: (kv: KeyValue) => Compare[] | undefined): Promise<number> {
    const { commit, random } = this.#options;
    let swept = 0;
    for await (const kv of this.#walk(prefix)) {
      const guards = judge(kv);
      if (guards === undefined) continue;
      const result = await commit({
        id: random.hex(8),
        compares: [isUnchanged(kv.key, kv.modRevision), ...guards],
        ops: [{ type: 'delete', at: kv.key }],
        witness: undefined,
      });
      if (result.applied) swept += 1;
    }
    return swept;
  }

  async *#walk(prefix: string): AsyncGenerator<KeyValue> {
    const range = prefixRange(prefix);
    for (let start = range.start; ;) {
      const page = await this.#options.store.list(
        { start, end: range.end },
        { limit: pageSize, keysOnly: true },
      );
      yield* page.kvs;
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return;
      start = `${last.key}\0`;
    }
  }
}
