/**
 * The whole queue as every node sees it: each item with its state, kept up to date from the cache. Tells which items
 * this node may claim now: those that nobody has, or whose claimer's session is gone, that are due, and whose
 * workflow wants them to be started (or looked into, if a call of them is in doubt).
 */
import type { Clock } from '../base/clock.js';
import { isUndo, type NodeId, type StepId, type WorkflowId } from '../base/ids.js';
import { errorText } from '../errors/index.js';
import { QueueItem, type ClaimRecord } from '../gen/store/steplock/store/v1/step.js';
import { LiveRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { Logger } from '../log/log.js';
import { isWaiting } from '../model/waiting.js';
import { startsSteps, startsUndos } from '../model/workflow-state.js';
import type { CacheEvent, StoreCache } from '../store/cache.js';
import { keys, prefixes, workflowOfKey, type WorkflowKey } from '../store/keys.js';
import { decodeRecord, type RecordType } from '../store/records.js';
import type { KeyValue } from '../store/store.js';
import { takeCensus, type Census } from './census.js';
import { ReadyQueue } from './ready-queue.js';

/** An item of the queue as it stands. */
export interface QueuedStep {
  readonly key: string;
  readonly lane: number;
  readonly tenant: string;
  readonly workflow: string;
  readonly place: WorkflowKey;
  readonly item: QueueItem;
  /** Mod revision of the item. */
  readonly revision: number;
  /** When this node saw it, by the monotonic clock: wall clocks of nodes differ, and a wait must not be cut short. */
  readonly seenMs: number;
}

/** A workflow as every node knows it. */
export interface LiveWorkflow {
  readonly record: LiveRecord;
  readonly revision: number;
}

/** What the view needs. */
export interface QueueViewOptions {
  readonly cache: StoreCache;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether this node is busy with the item, or has reserved a slot for it. */
  readonly isMine: (key: string) => boolean;
  /** This node's own session: what it has claimed without being busy with it is lost. */
  readonly ownSession: number;
  /** How long this node leaves the item to others; undefined if it may not run it. */
  readonly delayMs: (key: string, item: QueueItem) => number | undefined;
  /** Something can be claimed that could not be before. */
  readonly onReady: () => void;
  /** The workflow's live record changed, or went. */
  readonly onLive: (workflow: WorkflowId, live: LiveWorkflow | undefined) => void;
  /** An item that this node is busy with is gone. */
  readonly onTakenAway: (key: string) => void;
}

const orphanLane = -1;

/** See the head of this file. */
export class QueueView {
  readonly #options: QueueViewOptions;
  readonly #steps = new Map<string, QueuedStep>();
  readonly #byWorkflow = new Map<string, Set<string>>();
  readonly #live = new Map<string, LiveWorkflow>();
  readonly #ready = new ReadyQueue<QueuedStep>();
  readonly #timers = new Map<string, () => void>();
  readonly #unsubscribe: () => void;

  constructor(options: QueueViewOptions) {
    this.#options = options;
    for (const prefix of [prefixes.live, prefixes.queue]) {
      for (const kv of options.cache.entries(prefix)) {
        this.#onEvent({ key: kv.key, kv, revision: kv.modRevision });
      }
    }
    this.#unsubscribe = options.cache.subscribe((event) => {
      this.#onEvent(event);
    });
  }

  /** How many steps can be claimed now. */
  get readyCount(): number {
    return this.#ready.size;
  }

  /** All items. */
  get steps(): ReadonlyMap<string, QueuedStep> {
    return this.#steps;
  }

  /** Those that can be claimed now, in the order in which they are taken. */
  readyInOrder(): QueuedStep[] {
    return this.#ready.inOrder();
  }

  /** The workflow as every node knows it. */
  live(workflow: WorkflowId): LiveWorkflow | undefined {
    return this.#live.get(workflow);
  }

  /** How many workflows and steps there are, by where they stand. Looks at all of them. */
  census(): Census {
    return takeCensus({
      steps: this.#steps.values(),
      live: this.#live.values(),
      isClaimValid: ({ claim }) => claim !== undefined && this.isClaimValid(claim),
      isWanted: (step) => this.#isWanted(step),
      nowMs: this.#options.clock.monotonicMs(),
    });
  }

  /** Takes the next step that can be claimed and that the function accepts. */
  take(accepts: (step: QueuedStep) => boolean): QueuedStep | undefined {
    return this.#ready.take(accepts);
  }

  /**
   * Judges an item again: this node has let go of it, or a claim of it was refused. What is known of it may be old
   * then, so it is left alone for a while, unless news of it come first.
   */
  reconsider(key: string, afterMs: number): void {
    if (afterMs === 0) {
      this.#place(key);
      return;
    }
    this.#timers.get(key)?.();
    const cancel = this.#options.clock.setTimer(afterMs, () => {
      this.#place(key);
    });
    this.#timers.set(key, cancel);
  }

  /** Whether the claim still holds: its node has the session that it names. */
  isClaimValid(claim: ClaimRecord): boolean {
    return this.#options.cache.get(keys.node(claim.node as NodeId))?.createRevision === claim.session;
  }

  /** Looks for items that this node has claimed and is not busy with: a claim whose answer was lost for good. */
  reconsiderOwn(): void {
    for (const [key, { item }] of this.#steps) {
      if (item.claim?.session === this.#options.ownSession && !this.#options.isMine(key)) this.#place(key);
    }
  }

  /** Lets go of timers and of the cache. */
  close(): void {
    this.#unsubscribe();
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #onEvent(event: CacheEvent): void {
    if (event.key.startsWith(prefixes.queue)) this.#onItem(event);
    else if (event.key.startsWith(prefixes.live)) this.#onLive(event);
    else if (event.key.startsWith(prefixes.node)) this.#onNode(event.key);
  }

  #onItem({ key, kv, revision }: CacheEvent): void {
    const place = workflowOfKey(key)?.workflow;
    if (place === undefined) return;
    const keysOfWorkflow = this.#byWorkflow.get(place.id);
    if (kv === undefined) {
      this.#steps.delete(key);
      keysOfWorkflow?.delete(key);
      if (keysOfWorkflow?.size === 0) this.#byWorkflow.delete(place.id);
    } else {
      const item = this.#decode(QueueItem, kv);
      if (item === undefined) return;
      const step = {
        key,
        // What a lost node had begun comes before anything new.
        lane: item.inDoubt ? orphanLane : item.priority,
        tenant: item.tenant,
        workflow: place.id,
        place,
        item,
        revision,
        seenMs: this.#options.clock.monotonicMs(),
      };
      this.#steps.set(key, step);
      if (keysOfWorkflow === undefined) this.#byWorkflow.set(place.id, new Set([key]));
      else keysOfWorkflow.add(key);
    }
    if (kv === undefined && this.#options.isMine(key)) this.#options.onTakenAway(key);
    this.#place(key);
  }

  /** A record that cannot be read is left alone: its workflow's owner opens an incident for it. */
  #decode<T>(type: RecordType<T>, kv: KeyValue): T | undefined {
    try {
      return decodeRecord(type, kv);
    } catch (error) {
      this.#options.log.error({ key: kv.key, cause: errorText(error) }, 'record cannot be read, left alone');
      return undefined;
    }
  }

  #onLive({ key, kv, revision }: CacheEvent): void {
    const id = workflowOfKey(key)?.workflow.id;
    if (id === undefined) return;
    const record = kv === undefined ? undefined : this.#decode(LiveRecord, kv);
    if (record === undefined) this.#live.delete(id);
    else this.#live.set(id, { record, revision });
    this.#options.onLive(id, this.#live.get(id));
    for (const item of this.#byWorkflow.get(id) ?? []) this.#place(item);
  }

  /** It came, changed or went; or it came back with another session: then that it went was missed. */
  #onNode(key: string): void {
    const node = key.slice(prefixes.node.length);
    for (const [itemKey, { item }] of this.#steps) {
      const isAffected = item.claim === undefined || item.claim.node === node;
      if (isAffected) this.#place(itemKey);
    }
  }

  /** Puts the item where it belongs: among those that can be claimed, behind a timer, or nowhere. */
  #place(key: string): void {
    this.#timers.get(key)?.();
    this.#timers.delete(key);
    const step = this.#steps.get(key);
    if (step === undefined || !this.#isClaimable(step)) {
      this.#ready.remove(key);
      return;
    }
    const delayMs = this.#options.delayMs(key, step.item);
    if (delayMs === undefined) {
      // A node that joins or changes has it looked at again.
      this.#ready.remove(key);
      return;
    }
    const dueMs = Math.max(0, step.seenMs + step.item.delayMs - this.#options.clock.monotonicMs());
    if (dueMs > 0) this.#ready.remove(key);
    const waitMs = dueMs + delayMs;
    if (waitMs > 0 && !this.#ready.has(key)) {
      const cancel = this.#options.clock.setTimer(waitMs, () => {
        this.#timers.delete(key);
        this.#makeReady(key);
      });
      this.#timers.set(key, cancel);
      return;
    }
    this.#makeReady(key);
  }

  #makeReady(key: string): void {
    const step = this.#steps.get(key);
    if (step === undefined || !this.#isClaimable(step)) return;
    this.#ready.add(step);
    this.#options.onReady();
  }

  #isClaimable(step: QueuedStep): boolean {
    const { claim, inDoubt } = step.item;
    if (isWaiting(step.item) || this.#options.isMine(step.key)) return false;
    const isLost = claim?.session === this.#options.ownSession;
    if (claim !== undefined && !isLost && this.isClaimValid(claim)) return false;
    // A call that may have taken effect is looked into whatever became of its workflow.
    return inDoubt || this.#isWanted(step);
  }

  #isWanted({ workflow, item }: QueuedStep): boolean {
    const state = this.#live.get(workflow)?.record.state;
    if (state === undefined) return false;
    return isUndo(item.stepId as StepId) ? startsUndos(state) : startsSteps(state);
  }
}
