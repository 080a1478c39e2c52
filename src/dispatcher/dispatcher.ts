/**
 * The dispatcher of a node: takes steps from the queue when it has a free slot, and runs them. A claim is a field of
 * the queue's item and is valid as long as the node's session lives; so a dead node's steps are free the moment its
 * lease is gone, and what it had begun stays visible as in doubt.
 */
import type { StepId, WorkflowId } from '../base/ids.js';
import { errorText, isReason } from '../errors/index.js';
import { beginAttempt } from '../engine/release.js';
import type { LocalDispatch } from '../engine/workflow-actor.js';
import { QueueItem, type ClaimRecord } from '../gen/store/steplock/store/v1/step.js';
import { withAttempt } from './outcome.js';
import { QueueView, type LiveWorkflow, type QueuedStep } from '../queue/queue-view.js';
import type { StoreCache } from '../store/cache.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { encodeRecord } from '../store/records.js';
import { isUnchanged, type Compare } from '../store/store.js';
import type { NodeId } from '../base/ids.js';
import { Execution, type ExecutionOptions } from './execution.js';

/** What a dispatcher needs. */
export interface DispatcherOptions extends Omit<ExecutionOptions, 'live'> {
  readonly cache: StoreCache;
  /** Steps that it runs at once. */
  readonly capacity: number;
}

/** How often it looks for claims of its own that it does not know. */
const ownClaimsMs = 10_000;
/** How long an item is left alone after a claim of it was refused. */
const refusedMs = 200;
/** No revision of any key: a guard with it fails. */
const nowhere = -1;

/** See the head of this file. */
export class Dispatcher implements LocalDispatch {
  readonly #options: DispatcherOptions;
  readonly #view: QueueView;
  /** Items that this node runs, is about to claim, or has reserved a slot for; undefined while it does not run yet. */
  readonly #mine = new Map<string, Execution | undefined>();
  #isScheduled = false;
  #isDraining = false;
  #cancelOwnClaims: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#view = new QueueView({
      cache: options.cache,
      clock: options.clock,
      log: options.log,
      isMine: (key) => this.#mine.has(key),
      ownSession: options.session.revision,
      onReady: () => {
        this.#schedule();
      },
      onLive: (workflow, live) => {
        this.#onLive(workflow, live);
      },
      onTakenAway: (key) => {
        options.log.debug({ key }, 'queue item gone');
      },
    });
    options.session.signal.addEventListener('abort', () => {
      this.#close();
    });
    this.#lookForOwnClaims();
  }

  /** The whole queue. */
  get view(): QueueView {
    return this.#view;
  }

  /** How many steps it runs or is about to run. */
  get busyCount(): number {
    return this.#mine.size;
  }

  /** Takes no more steps. */
  drain(): void {
    this.#isDraining = true;
  }

  reserve(item: QueueItem): ClaimRecord | undefined {
    // What waits already comes first, or a busy owner would serve only itself.
    if (!this.#hasFreeSlot() || this.#view.readyCount > 0) return undefined;
    const workflow = { shard: item.shard, id: item.workflowId as WorkflowId };
    this.#mine.set(keys.queue(workflow, item.stepId as StepId), undefined);
    return this.#claim();
  }

  start(workflow: WorkflowKey, item: QueueItem, revision: number): void {
    this.#execute(workflow, item, revision, true);
  }

  cancelReservation(workflow: WorkflowKey, step: StepId): void {
    this.#letGo(keys.queue(workflow, step));
  }

  #hasFreeSlot(): boolean {
    return !this.#isDraining && this.#mine.size < this.#options.capacity && this.#options.session.isAlive();
  }

  #claim(): ClaimRecord {
    const { session, clock } = this.#options;
    return { node: session.nodeId, session: session.revision, timeMs: clock.nowMs() };
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.clock.soon(() => {
      this.#isScheduled = false;
      this.#claimReady();
    });
  }

  #claimReady(): void {
    while (this.#hasFreeSlot()) {
      const step = this.#view.take(() => true);
      if (step === undefined) return;
      this.#mine.set(step.key, undefined);
      void this.#claimStep(step);
    }
  }

  async #claimStep(step: QueuedStep): Promise<void> {
    const { batcher, random, log } = this.#options;
    const { item, revision } = claimedItem(step, this.#claim(), random.hex(8), this.#options.clock.nowMs());
    const hasBegun = !step.item.inDoubt;
    try {
      const result = await batcher.commit({
        id: item.unitId,
        compares: [isUnchanged(step.key, revision), ...this.#claimGuards(step, hasBegun)],
        ops: [{ type: 'put', key: step.key, value: encodeRecord(QueueItem, item) }],
        witness: step.key,
      });
      if (result.applied) {
        this.#execute(step.place, item, result.revision, hasBegun);
        return;
      }
    } catch (error) {
      if (!isReason(error, 'LEASE_LOST')) log.error({ err: error, step: step.key }, 'claim failed');
    }
    this.#letGo(step.key, refusedMs);
  }

  /** Beside the item itself: the former claimer's session is gone, and the workflow wants the step to be started. */
  #claimGuards({ item, workflow, place }: QueuedStep, hasBegun: boolean): Compare[] {
    const guards: Compare[] = [];
    const former = item.claim;
    if (former !== undefined && former.session !== this.#options.session.revision) {
      const at = keys.node(former.node as NodeId);
      guards.push({ at, target: 'create', relation: '!=', revision: former.session });
    }
    if (hasBegun) {
      const live = this.#view.live(workflow as WorkflowId);
      guards.push(isUnchanged(keys.live(place), live?.revision ?? nowhere));
    }
    return guards;
  }

  #execute(workflow: WorkflowKey, item: QueueItem, revision: number, hasBegun: boolean): void {
    const key = keys.queue(workflow, item.stepId as StepId);
    const live = (id: WorkflowId): LiveWorkflow | undefined => this.#view.live(id);
    const execution = new Execution(workflow, item, revision, { ...this.#options, live });
    this.#mine.set(key, execution);
    if (this.#view.live(workflow.id)?.record.cancelRunning === true) execution.cancel();
    void this.#runToEnd(key, execution, hasBegun);
  }

  async #runToEnd(key: string, execution: Execution, hasBegun: boolean): Promise<void> {
    try {
      await execution.run(hasBegun);
    } catch (error) {
      // A defect or a corrupt record: the step stays in doubt and is looked into again after a while.
      this.#options.log.error({ err: error, key, cause: errorText(error) }, 'execution broke off');
      this.#options.clock.setTimer(ownClaimsMs, () => {
        this.#letGo(key);
      });
      return;
    }
    this.#letGo(key);
  }

  #letGo(key: string, afterMs = 0): void {
    this.#mine.delete(key);
    if (this.#options.session.signal.aborted) return;
    this.#view.reconsider(key, afterMs);
    this.#schedule();
  }

  #onLive(workflow: WorkflowId, live: LiveWorkflow | undefined): void {
    if (live?.record.cancelRunning !== true) return;
    for (const [key, execution] of this.#mine) {
      if (this.#view.steps.get(key)?.workflow === workflow) execution?.cancel();
    }
  }

  #lookForOwnClaims(): void {
    this.#cancelOwnClaims = this.#options.clock.setTimer(ownClaimsMs, () => {
      this.#view.reconsiderOwn();
      this.#lookForOwnClaims();
    });
  }

  #close(): void {
    this.#cancelOwnClaims?.();
    this.#view.close();
  }
}

/** The item as it is when this node has claimed it: with a new attempt begun, or with the old one still in doubt. */
function claimedItem(
  step: QueuedStep,
  claim: ClaimRecord,
  unitId: string,
  nowMs: number,
): { item: QueueItem; revision: number } {
  const { item, revision } = step;
  if (!item.inDoubt) return { item: { ...beginAttempt(item, claim, nowMs), unitId }, revision };
  // Let go in doubt by its claimer it has no claim; with one, its claimer was lost.
  const isLost = item.claim !== undefined;
  const lost = isLost
    ? { lostClaims: item.lostClaims + 1, lastAttempts: withAttempt(item, 'lost', undefined, nowMs) }
    : {};
  return { item: { ...item, ...lost, claim, notBeforeMs: 0, unitId }, revision };
}
