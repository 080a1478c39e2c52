/**
 * The engine of a node: owns shards and drives their workflows. Which shards it should own is decided here from who
 * is alive; taking one is a transaction that only one node wins.
 */
import type { StepId } from '../base/ids.js';
import { sleep } from '../base/clock.js';
import { ShardRecord } from '../gen/store/steplock/store/v1/cluster.js';
import { errorText, isReason } from '../errors/index.js';
import type { StepRecord } from '../gen/store/steplock/store/v1/step.js';
import type { Members } from '../cluster/members.js';
import type { CacheEvent } from '../store/cache.js';
import { keys, prefixes, workflowOfKey, type WorkflowKey } from '../store/keys.js';
import { readRecord } from '../store/records.js';
import { TxnRefusedError } from '../store/store.js';
import type { Report } from './decide.js';
import { ShardBalance } from './shard-balance.js';
import { acquireShard, releaseShard, ShardOwner, type ShardOwnerOptions } from './shard-owner.js';

/** What an engine needs. */
export interface EngineOptions extends ShardOwnerOptions {
  /** How many shards there are. */
  readonly shards: number;
  readonly members: Members;
  /** How often it looks at who owns what, beside the news of it. @default 1 s */
  readonly lookMs?: number;
}

const lookMsDefault = 1_000;

/** See the head of this file. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #owners = new Map<number, ShardOwner>();
  readonly #balance = new ShardBalance();
  #wake: (() => void) | undefined;
  /** Whether there was news of who owns what since it last began to look: it may have come while it was looking. */
  #hasNews = false;

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
    const { cache, session, clock, log, lookMs = lookMsDefault } = this.#options;
    const unsubscribe = cache.subscribe((event) => {
      const place = workflowOfKey(event.key);
      if (place !== undefined) this.#owners.get(place.workflow.shard)?.onEvent(place.workflow, event);
      else if (event.key.startsWith(prefixes.shard)) this.#onShard(event);
      else if (event.key.startsWith(prefixes.node)) this.#lookAgain();
    });
    const endListening = cache.onListed((asOf) => {
      for (const owner of this.#owners.values()) owner.onListed(asOf);
    });
    try {
      while (session.isAlive()) {
        this.#hasNews = false;
        await this.#moveShards();
        await this.#pause(clock.monotonicMs() + lookMs);
      }
    } catch (error) {
      if (!session.signal.aborted && !isReason(error, 'LEASE_LOST') && !(error instanceof TxnRefusedError))
        throw error;
      log.info({ cause: errorText(error) }, 'engine stopped with its session');
    } finally {
      unsubscribe();
      endListening();
      for (const owner of this.#owners.values()) owner.stop();
      this.#owners.clear();
    }
  }

  /** A ticket for the resource is gone: whoever is in front now may start. */
  onLockFreed(resource: string): void {
    for (const workflow of this.#options.locks.frontOf(resource))
      this.#owners.get(workflow.shard)?.poke(workflow);
  }

  /** See {@link ShardOwner.report}. */
  async report(workflow: WorkflowKey, report: Report): Promise<boolean> {
    return (await this.#owners.get(workflow.shard)?.report(workflow, report)) ?? false;
  }

  /** See {@link ShardOwner.peekRecord}. */
  peekRecord(workflow: WorkflowKey, step: StepId): StepRecord | undefined {
    return this.#owners.get(workflow.shard)?.peekRecord(workflow, step);
  }

  async #moveShards(): Promise<void> {
    const { shards, cache, members, session, clock } = this.#options;
    this.#adoptStrays();
    const { take, give } = this.#balance.next({
      node: session.nodeId,
      nodes: members.taking.map(({ nodeId }) => nodeId),
      shards,
      isOwn: (shard) => this.#owners.has(shard),
      isFree: (shard) => cache.get(keys.shard(shard)) === undefined,
      nowMs: clock.monotonicMs(),
    });
    await Promise.all([
      ...give.map(async (shard) => {
        await this.#giveShard(shard);
      }),
      ...take.map(async (shard) => {
        const epoch = await acquireShard(shard, this.#options);
        if (epoch !== undefined) this.#owners.set(shard, new ShardOwner(shard, epoch, this.#options));
      }),
    ]);
  }

  /**
   * A record of this session for a shard that is not driven here: a transaction that took the shard, was sent again
   * and answered, arrived a second time after the shard had been given away. Nobody else would ever touch it.
   */
  #adoptStrays(): void {
    const { cache, session, log, shards } = this.#options;
    for (let shard = 0; shard < shards; shard++) {
      const kv = this.#owners.has(shard) ? undefined : cache.get(keys.shard(shard));
      if (kv === undefined) continue;
      const record = readRecord(ShardRecord, kv);
      if (record?.nodeId !== session.nodeId || record.session !== session.revision) continue;
      log.info({ shard, epoch: kv.createRevision }, 'shard found under our own name');
      this.#owners.set(shard, new ShardOwner(shard, kv.createRevision, this.#options));
    }
  }

  /** Stops driving the shard and lets go of it; what was under way is refused or found by its next owner. */
  async #giveShard(shard: number): Promise<void> {
    const owner = this.#owners.get(shard);
    if (owner === undefined) return;
    owner.stop();
    this.#owners.delete(shard);
    await releaseShard(shard, owner.epoch, this.#options);
    this.#options.log.info({ shard }, 'shard given away');
  }

  #lookAgain(): void {
    this.#hasNews = true;
    this.#wake?.();
  }

  async #pause(untilMs: number): Promise<void> {
    const { clock, session } = this.#options;
    if (this.#hasNews) return;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([sleep(clock, untilMs - clock.monotonicMs(), session.signal), woken]);
  }

  #onShard({ key, kv }: CacheEvent): void {
    const shard = Number(key.slice(prefixes.shard.length));
    const owner = this.#owners.get(shard);
    // Our own record gone, or another in its place, means that the epoch is over, whoever took it away.
    if (owner !== undefined && kv?.createRevision !== owner.epoch) {
      owner.stop();
      this.#owners.delete(shard);
    }
    if (kv === undefined) this.#lookAgain();
  }
}
