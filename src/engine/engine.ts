/**
 * The engine of a node: owns shards and drives their workflows. Which shards it should own is decided here from who
 * is alive; taking one is a transaction that only one node wins.
 */
import type { StepId } from '../base/ids.js';
import { sleep } from '../base/clock.js';
import { errorText, isReason } from '../errors/index.js';
import type { StepRecord } from '../gen/store/steplock/store/v1/step.js';
import { keys, workflowOfKey, type WorkflowKey } from '../store/keys.js';
import { TxnRefusedError } from '../store/store.js';
import type { Report } from './decide.js';
import { acquireShard, ShardOwner, type ShardOwnerOptions } from './shard-owner.js';

/** What an engine needs. */
export interface EngineOptions extends ShardOwnerOptions {
  /** How many shards there are. */
  readonly shards: number;
}

/** How often it looks for shards that nobody has, beside the news of them. */
const lookMs = 1_000;

/** See the head of this file. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #owners = new Map<number, ShardOwner>();
  #wake: (() => void) | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** How many shards it owns. */
  get ownedShards(): number {
    return this.#owners.size;
  }

  /** Whether it owns that shard. */
  ownsShard(shard: number): boolean {
    return this.#owners.has(shard);
  }

  /** Takes shards and drives them until the session ends. */
  async run(): Promise<void> {
    const { cache, session, clock, log } = this.#options;
    const unsubscribe = cache.subscribe((event) => {
      const place = workflowOfKey(event.key);
      if (place !== undefined) this.#owners.get(place.workflow.shard)?.onEvent(place.workflow, event);
      else if (event.key.startsWith('shard/') && event.kv === undefined) this.#onShardFreed(event.key);
    });
    try {
      while (session.isAlive()) {
        await this.#takeFreeShards();
        await this.#pause(clock.monotonicMs() + lookMs);
      }
    } catch (error) {
      if (!session.signal.aborted && !isReason(error, 'LEASE_LOST') && !(error instanceof TxnRefusedError))
        throw error;
      log.info({ cause: errorText(error) }, 'engine stopped with its session');
    } finally {
      unsubscribe();
      for (const owner of this.#owners.values()) owner.stop();
      this.#owners.clear();
    }
  }

  /** See {@link ShardOwner.report}. */
  async report(workflow: WorkflowKey, report: Report): Promise<boolean> {
    return (await this.#owners.get(workflow.shard)?.report(workflow, report)) ?? false;
  }

  /** See {@link ShardOwner.peekRecord}. */
  peekRecord(workflow: WorkflowKey, step: StepId): StepRecord | undefined {
    return this.#owners.get(workflow.shard)?.peekRecord(workflow, step);
  }

  async #takeFreeShards(): Promise<void> {
    const { shards, cache } = this.#options;
    const free: number[] = [];
    for (let shard = 0; shard < shards; shard++) {
      if (!this.#owners.has(shard) && cache.get(keys.shard(shard)) === undefined) free.push(shard);
    }
    await Promise.all(
      free.map(async (shard) => {
        const epoch = await acquireShard(shard, this.#options);
        if (epoch !== undefined) this.#owners.set(shard, new ShardOwner(shard, epoch, this.#options));
      }),
    );
  }

  async #pause(untilMs: number): Promise<void> {
    const { clock, session } = this.#options;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([sleep(clock, untilMs - clock.monotonicMs(), session.signal), woken]);
  }

  #onShardFreed(key: string): void {
    const shard = Number(key.slice('shard/'.length));
    // Our own record gone means that the epoch is over, whoever took it away.
    this.#owners.get(shard)?.stop();
    this.#owners.delete(shard);
    this.#wake?.();
  }
}
