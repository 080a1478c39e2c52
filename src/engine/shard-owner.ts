/**
 * Owns one shard: holds its record under the session's lease, and keeps an actor for each of its workflows that is
 * not at rest. The record's create revision is the epoch that every unit of its actors compares.
 */
import { AbortScope } from '../base/abort.js';
import type { StepId, WorkflowId } from '../base/ids.js';
import { assert } from '../base/assert.js';
import { ShardRecord } from '../gen/store/steplock/store/v1/cluster.js';
import { HeadState, LiveRecord, WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';
import type { StepRecord } from '../gen/store/steplock/store/v1/step.js';
import type { Session } from '../lease/session.js';
import { isResting } from '../model/workflow-state.js';
import type { StoreCache, CacheEvent } from '../store/cache.js';
import { keys, prefixes, workflowOfKey, type WorkflowKey } from '../store/keys.js';
import { decodeRecord, encodeRecord, readRecord, wasWrittenBy } from '../store/records.js';
import { isAbsent, isSameCreation, type KeyValue } from '../store/store.js';
import type { Report } from './decide.js';
import type { ActorOptions } from './actor-options.js';
import type { FreshWorkflow } from './known-run.js';
import { WorkflowActor } from './workflow-actor.js';

/** What owning a shard needs. */
export interface ShardOwnerOptions extends Omit<ActorOptions, 'epoch' | 'signal' | 'onIdle'> {
  readonly session: Session;
  readonly cache: StoreCache;
}

/** See the head of this file. */
export class ShardOwner {
  readonly shard: number;
  /** Create revision of the shard's record. */
  readonly epoch: number;
  readonly #options: ShardOwnerOptions;
  readonly #scope: AbortScope;
  readonly #actors = new Map<WorkflowId, WorkflowActor>();
  /** Heads whose live record is yet to come: both are written by one transaction, the head first. */
  readonly #heads = new Map<WorkflowId, KeyValue>();

  constructor(shard: number, epoch: number, options: ShardOwnerOptions) {
    this.shard = shard;
    this.epoch = epoch;
    this.#options = options;
    this.#scope = new AbortScope(options.session.signal);
    this.#adopt();
  }

  /** Takes note of a change of one of the shard's keys. */
  onEvent(workflow: WorkflowKey, event: CacheEvent): void {
    if (event.key.startsWith(prefixes.head)) {
      if (event.kv !== undefined) this.#heads.set(workflow.id, event.kv);
      return;
    }
    const head = this.#heads.get(workflow.id);
    this.#heads.delete(workflow.id);
    const known = this.#actors.get(workflow.id);
    if (known !== undefined) known.onEvent(event);
    else if (wakesActor(event)) this.#actorOf(workflow, freshOf(event, head));
  }

  /** Everything cached was listed as of that revision. */
  onListed(asOf: number): void {
    const isCached = (key: string): boolean => this.#options.cache.get(key) !== undefined;
    for (const actor of this.#actors.values()) actor.onListed(asOf, isCached);
  }

  /** Lets the workflow's actor, if there is one, look again. */
  poke(workflow: WorkflowKey): void {
    this.#actors.get(workflow.id)?.poke();
  }

  /** See {@link WorkflowActor.report}. False when the workflow is not being driven here. */
  async report(workflow: WorkflowKey, report: Report): Promise<boolean> {
    if (this.#scope.signal.aborted) return false;
    return await this.#actorOf(workflow).report(report);
  }

  /** See {@link WorkflowActor.peekRecord}. */
  peekRecord(workflow: WorkflowKey, step: StepId): StepRecord | undefined {
    return this.#actors.get(workflow.id)?.peekRecord(step);
  }

  /** Stops driving; what is under way is abandoned, for the next owner to find. */
  stop(): void {
    this.#scope.abort(new Error('The shard was given up'));
    for (const actor of this.#actors.values()) actor.close();
    this.#actors.clear();
    this.#heads.clear();
  }

  /** Starts an actor for each workflow that moves by itself, and for each that a verb waits for. */
  #adopt(): void {
    for (const prefix of [prefixes.live, prefixes.verb]) {
      for (const kv of this.#options.cache.entries(prefix)) {
        const place = workflowOfKey(kv.key);
        if (place?.workflow.shard !== this.shard) continue;
        if (prefix === prefixes.verb || !this.#rests(kv)) this.#actorOf(place.workflow);
      }
    }
  }

  /**
   * Whether the workflow rests. It came to rest when no call of it could take effect any more, and no step of it is
   * claimed since: so nothing of it is to be found out, and what it has need not be read.
   */
  #rests(live: KeyValue): boolean {
    const record = readRecord(LiveRecord, live);
    return record !== undefined && isResting(record.state);
  }

  #actorOf(workflow: WorkflowKey, fresh?: FreshWorkflow): WorkflowActor {
    assert(workflow.shard === this.shard, 'A workflow goes to the owner of its shard');
    const known = this.#actors.get(workflow.id);
    if (known !== undefined) return known;
    const options = {
      ...this.#options,
      epoch: this.epoch,
      signal: this.#scope.signal,
      onIdle: () => {
        if (this.#actors.get(workflow.id) === actor) this.#actors.delete(workflow.id);
      },
    };
    const actor: WorkflowActor = new WorkflowActor(workflow, options, fresh);
    this.#actors.set(workflow.id, actor);
    return actor;
  }
}

/** The workflow as submitted, if the event is its very first and its head has just been seen. */
function freshOf({ kv }: CacheEvent, head: KeyValue | undefined): FreshWorkflow | undefined {
  if (kv === undefined || kv.createRevision !== kv.modRevision || head?.modRevision !== kv.modRevision)
    return undefined;
  if (!kv.key.startsWith(prefixes.live)) return undefined;
  const record = decodeRecord(WorkflowHead, head);
  const isSubmitted = record.state === HeadState.RUNNING || record.state === HeadState.SCHEDULED;
  return isSubmitted ? { head: record, liveRevision: kv.modRevision } : undefined;
}

/** What is at rest moves by a verb only, and what is new has a live record; all else is an echo. */
function wakesActor(event: CacheEvent): boolean {
  return (
    event.kv !== undefined && (event.key.startsWith(prefixes.live) || event.key.startsWith(prefixes.verb))
  );
}

/** Takes a shard that nobody has; gives its epoch, or undefined when somebody has it. */
export async function acquireShard(shard: number, options: ShardOwnerOptions): Promise<number | undefined> {
  const { session, batcher, random, cache } = options;
  const key = keys.shard(shard);
  const unitId = random.hex(8);
  const record: ShardRecord = { unitId, nodeId: session.nodeId, session: session.revision };
  const value = encodeRecord(ShardRecord, record);
  const result = await batcher.commit({
    id: unitId,
    compares: [isAbsent(key)],
    ops: [{ type: 'put', key, value, lease: session.lease }],
    witness: key,
  });
  if (result.applied) return result.revision;
  const found = cache.get(key);
  return found !== undefined && wasWrittenBy(found.value, unitId) ? found.createRevision : undefined;
}

/** Lets go of a shard that this node has. Nothing happens if the epoch is over. */
export async function releaseShard(
  shard: number,
  epoch: number,
  { batcher, random }: Pick<ShardOwnerOptions, 'batcher' | 'random'>,
): Promise<void> {
  const key = keys.shard(shard);
  await batcher.commit({
    id: random.hex(8),
    compares: [isSameCreation(key, epoch)],
    ops: [{ type: 'delete', at: key }],
    witness: undefined,
  });
}
