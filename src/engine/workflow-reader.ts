/**
 * Reads workflows for those who drive them, several in one transaction. Who takes a shard has all of its workflows to
 * read: each by itself costs a call of the store, and all at once they would keep each other, and the session's
 * renewals, from being answered in time. What is asked for at the same time, or waits while others are read, goes
 * together into one transaction.
 */
import type { Clock } from '../base/clock.js';
import { createDeferred, type Deferred } from '../base/deferred.js';
import { LiveRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { StoreCache } from '../store/cache.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { readRecord } from '../store/records.js';
import type { Store } from '../store/store.js';
import { toSnapshot, type WorkflowSnapshot } from './load.js';
import type { PlanCache } from './plan-cache.js';
import { readNow, readTogetherMax } from './read-keys.js';

/** What reading needs. */
export interface WorkflowReaderOptions {
  readonly store: Store;
  readonly plans: PlanCache;
  readonly cache: StoreCache;
  readonly clock: Clock;
  /** Transactions under way at once. */
  readonly atOnceMax: number;
}

interface Waiting {
  readonly key: WorkflowKey;
  /** Aborts when nobody needs it any more. */
  readonly signal: AbortSignal | undefined;
  readonly deferred: Deferred<WorkflowSnapshot | undefined>;
}

/** See the head of this file. */
export class WorkflowReader {
  readonly #options: WorkflowReaderOptions;
  #waiting: Waiting[] = [];
  #underWay = 0;
  #isScheduled = false;

  constructor(options: WorkflowReaderOptions) {
    this.#options = options;
  }

  /**
   * The workflow as it stands, or undefined if there is none.
   *
   * @throws the signal's reason when it has aborted before its turn came.
   * @throws CorruptRecordError, SteplockError as loadWorkflow.
   */
  async read(key: WorkflowKey, signal?: AbortSignal): Promise<WorkflowSnapshot | undefined> {
    const deferred = createDeferred<WorkflowSnapshot | undefined>();
    this.#waiting.push({ key, signal, deferred });
    this.#schedule();
    return await deferred.promise;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.clock.soon(() => {
      this.#isScheduled = false;
      this.#next();
    });
  }

  #next(): void {
    while (this.#underWay < this.#options.atOnceMax && this.#waiting.length > 0) {
      const taken = this.#waiting.splice(0, readTogetherMax);
      this.#underWay += 1;
      void this.#readTogether(taken).finally(() => {
        this.#underWay -= 1;
        this.#next();
      });
    }
  }

  /** Never throws: who waits is told. */
  async #readTogether(taken: readonly Waiting[]): Promise<void> {
    const wanted = taken.filter(({ signal, deferred }) => {
      if (signal?.aborted === true) deferred.reject(signal.reason);
      return signal?.aborted !== true;
    });
    if (wanted.length === 0) return;
    const { store, plans } = this.#options;
    try {
      const read = await readNow(
        store,
        wanted.map(({ key }) => ({ key, needsPlan: this.#needsPlan(key) })),
      );
      await Promise.all(
        wanted.map(async ({ key, deferred }, index) => {
          const own = read[index];
          // One that is corrupt, or whose rest cannot be read, is no matter of the others.
          const snapshot = own === undefined ? undefined : toSnapshot(store, plans, key, own);
          await Promise.resolve(snapshot).then(deferred.resolve, deferred.reject);
        }),
      );
    } catch (error) {
      for (const { deferred } of wanted) deferred.reject(error);
    }
  }

  /** Whether its plan is not here, as far as its live record tells. */
  #needsPlan(key: WorkflowKey): boolean {
    const kv = this.#options.cache.get(keys.live(key));
    const record = kv === undefined ? undefined : readRecord(LiveRecord, kv);
    return record !== undefined && this.#options.plans.peek(record.uid) === undefined;
  }
}
