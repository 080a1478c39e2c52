/**
 * Sweeps what nobody needs any more, on one node at a time (the owner of shard 0): records of requests older than a
 * day, and chunks of plans whose head never came.
 */
import { isAborted } from '../base/abort.js';
import { sleep, type Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { errorText } from '../errors/index.js';
import { RequestRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { Logger } from '../log/log.js';
import { limits } from '../model/limits.js';
import { keys, prefixes, workflowOfKey } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';
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

const sweepMs = 600_000;
const pageSize = 500;

/** See the head of this file. */
export class Housekeeper {
  readonly #options: HousekeeperOptions;
  /** Chunks without a head, as seen by the last sweep: only what was there then and has not changed is swept. */
  #suspects = new Map<string, number>();

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
        const requests = await this.sweepRequests();
        const chunks = await this.sweepChunks();
        log.debug({ requests, chunks }, 'swept');
      } catch (error) {
        log.warn({ cause: errorText(error) }, 'sweep broke off, trying again later');
      }
    }
  }

  /** Forgets requests older than a day; gives how many. */
  async sweepRequests(): Promise<number> {
    const { clock } = this.#options;
    const oldest = clock.nowMs() - limits.requestLifeMs;
    return await this.#sweep(prefixes.request, (kv) => {
      return decodeRecord(RequestRecord, kv).timeMs < oldest ? [] : undefined;
    });
  }

  /** Deletes chunks that have had no head for a whole sweep; gives how many. */
  async sweepChunks(): Promise<number> {
    const { store } = this.#options;
    const suspects = new Map<string, number>();
    const headless = new Set<string>();
    for (const prefix of [prefixes.plan, prefixes.draft]) {
      for await (const kv of this.#walk(prefix, true)) {
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
    for await (const kv of this.#walk(prefix, prefix !== prefixes.request)) {
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

  async *#walk(prefix: string, keysOnly: boolean): AsyncGenerator<KeyValue> {
    const range = prefixRange(prefix);
    for (let start = range.start; ;) {
      const page = await this.#options.store.list({ start, end: range.end }, { limit: pageSize, keysOnly });
      yield* page.kvs;
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return;
      start = `${last.key}\0`;
    }
  }
}
