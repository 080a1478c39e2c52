/** Counts the open incidents from time to time, on one node of the cluster: they may outlive what is cached. */
import { isAborted } from '../base/abort.js';
import { sleep, type Clock } from '../base/clock.js';
import { errorText } from '../errors/index.js';
import { IncidentRecord } from '../gen/store/steplock/store/v1/step.js';
import type { Logger } from '../log/log.js';
import { prefixes } from '../store/keys.js';
import { readRecord } from '../store/records.js';
import { prefixRange, type Store } from '../store/store.js';

const everyMs = 15_000;

/** What counting needs. */
export interface IncidentCountOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether it is this node that counts now. */
  readonly isKeeper: () => boolean;
}

/** See the head of this file. */
export class IncidentCount {
  readonly #options: IncidentCountOptions;
  #open: number | undefined;

  constructor(options: IncidentCountOptions) {
    this.#options = options;
  }

  /** As last found; undefined while another node counts. */
  get open(): number | undefined {
    return this.#options.isKeeper() ? this.#open : undefined;
  }

  /** Counts until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, isKeeper } = this.#options;
    while (!signal.aborted) {
      try {
        if (isKeeper()) this.#open = await this.#count();
      } catch (error) {
        if (isAborted(signal)) return;
        this.#open = undefined;
        log.warn({ cause: errorText(error) }, 'incidents not counted');
      }
      // Soon after it has become the keeper; else at its leisure.
      const waitMs = this.#open === undefined ? 1_000 : everyMs;
      await sleep(clock, waitMs, signal).catch(() => undefined);
    }
  }

  async #count(): Promise<number> {
    const { kvs } = await this.#options.store.list(prefixRange(prefixes.incident));
    return kvs.filter((kv) => readRecord(IncidentRecord, kv)?.resolveTimeMs === 0).length;
  }
}
