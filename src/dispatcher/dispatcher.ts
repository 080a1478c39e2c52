/**
 * The dispatcher of a node: takes steps from the queue when it has a free slot, and runs them. A claim is a field of
 * the queue's item and is valid as long as the node's session lives; so a dead node's steps are free the moment its
 * lease is gone, and what it had begun stays visible as in doubt.
 */
import type { StepId, WorkflowId } from '../base/ids.js';
import { errorText, isReason } from '../errors/index.js';
import type { Reservation } from '../engine/release.js';
import type { LocalDispatch } from '../engine/actor-options.js';
import { QueueItem, type ClaimRecord } from '../gen/store/steplock/store/v1/step.js';
import { QueueView, type LiveWorkflow, type QueuedStep } from '../queue/queue-view.js';
import type { Census } from '../queue/census.js';
import { claimDelayMs, eligibleNodes } from '../queue/eligible.js';
import type { Member, Members } from '../cluster/members.js';
import type { StoreCache } from '../store/cache.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { encodeRecord } from '../store/records.js';
import { isUnchanged, type Compare } from '../store/store.js';
import type { NodeId } from '../base/ids.js';
import { claimedItem, takenPermits } from './claimed-item.js';
import { Slots, type SlotLimits } from './slots.js';
import { Execution } from './execution.js';
import type { RunningOptions } from './running-step.js';

/** What a dispatcher needs. */
export interface DispatcherOptions extends Omit<RunningOptions, 'live'>, SlotLimits {
  readonly cache: StoreCache;
  readonly members: Members;
  /** How often it looks for claims of its own that it does not know. @default 10 s */
  readonly ownClaimsMs?: number;
}

const ownClaimsMsDefault = 10_000;
/** How long an item is left alone after a claim of it was refused. */
const refusedMs = 200;
/** How long steps that limits or holds keep back are left alone. */
const lookAgainMs = 200;
const nothingTaken = { permits: [], guards: [] } as const;
/** No revision of any key: a guard with it fails. */
const nowhere = -1;

/** See the head of this file. */
export class Dispatcher implements LocalDispatch {
  readonly #options: DispatcherOptions;
  readonly #view: QueueView;
  readonly #slots: Slots<Execution>;
  /** What steps that are about to be claimed start under. */
  readonly #admitted = new Map<string, Pick<Reservation, 'permits' | 'guards'>>();
  #isScheduled = false;
  #isDraining = false;
  #cancelOwnClaims: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;
  readonly #unsubscribe: () => void;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#slots = new Slots(options);
    this.#view = new QueueView({
      cache: options.cache,
      clock: options.clock,
      log: options.log,
      isMine: (key) => this.#slots.has(key),
      ownSession: options.session.revision,
      delayMs: (key, item) => this.#delayMs(key, item),
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
    this.#unsubscribe = options.admission.onChange(() => {
      this.#schedule();
    });
    this.#lookForOwnClaims();
  }

  /** How many steps it runs or is about to run. */
  get busyCount(): number {
    return this.#slots.size;
  }

  /** How many workflows and steps there are, by where they stand; of the whole cluster. */
  census(): Census {
    return this.#view.census();
  }

  /** Takes no more steps, and gives away those that wait for an external task. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (const [, execution] of this.#slots.running()) execution.handOver();
  }

  reserve(item: QueueItem): Reservation | undefined {
    // What waits already comes first, or a busy owner would serve only itself.
    if (!this.#hasSlotFor(item) || this.#view.readyCount > 0) return undefined;
    if (!this.#isEligible(item)) return undefined;
    const workflow = { shard: item.shard, id: item.workflowId as WorkflowId };
    const key = keys.queue(workflow, item.stepId as StepId);
    if (!this.#admits(key, item)) return undefined;
    this.#slots.take(key, item.controller);
    const { permits, guards } = this.#admitted.get(key) ?? nothingTaken;
    return { claim: this.#claim(), permits, guards };
  }

  start(workflow: WorkflowKey, item: QueueItem, revision: number): void {
    this.#options.telemetry.meters.claimEnded(true);
    this.#execute(workflow, item, revision, true);
  }

  cancelReservation(workflow: WorkflowKey, step: StepId): void {
    this.#letGo(keys.queue(workflow, step));
  }

  /** Whether this node may run the item at all. */
  #isEligible(item: QueueItem): boolean {
    const { nodeId } = this.#options.session;
    return this.#eligible(item).some((member) => member.nodeId === nodeId);
  }

  #eligible(item: QueueItem): readonly Member[] {
    const { members, cache } = this.#options;
    const isRemote = (controller: string): boolean => cache.get(keys.controller(controller)) !== undefined;
    return eligibleNodes(item, members.taking, isRemote);
  }

  #delayMs(key: string, item: QueueItem): number | undefined {
    // Nobody else may have it: a claim of ours that we lost sight of.
    if (item.claim?.session === this.#options.session.revision) return 0;
    return claimDelayMs(key, this.#options.session.nodeId, this.#eligible(item));
  }

  #hasSlotFor({ controller }: QueueItem): boolean {
    return this.#hasFreeSlot() && this.#slots.hasRoomFor(controller);
  }

  #hasFreeSlot(): boolean {
    return !this.#isDraining && this.#slots.hasRoom && this.#options.session.isAlive();
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
      const step = this.#view.take(({ key, item }) => this.#hasSlotFor(item) && this.#admits(key, item));
      if (step === undefined) return;
      this.#slots.take(step.key, step.item.controller);
      void this.#claimStep(step);
    }
  }

  async #claimStep(step: QueuedStep): Promise<void> {
    const { batcher, random, log } = this.#options;
    const admitted = this.#admitted.get(step.key) ?? nothingTaken;
    const reservation = { claim: this.#claim(), permits: admitted.permits };
    const { item, revision } = claimedItem(step, reservation, random.hex(8), this.#options.clock.nowMs());
    const hasBegun = !step.item.inDoubt;
    try {
      const result = await batcher.commit({
        id: item.unitId,
        compares: [isUnchanged(step.key, revision), ...this.#claimGuards(step, hasBegun), ...admitted.guards],
        ops: [
          { type: 'put', key: step.key, value: encodeRecord(QueueItem, item) },
          ...takenPermits(step, item),
        ],
        witness: step.key,
      });
      this.#options.telemetry.meters.claimEnded(result.applied);
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

  /** Whether limits and holds let the step start now; its slots are then set aside. A call in doubt has what it needs. */
  #admits(key: string, item: QueueItem): boolean {
    if (item.inDoubt) return true;
    const { admission } = this.#options;
    const admitted = admission.rampDelayMs(key, item) > 0 ? undefined : admission.admit(key, item);
    if (admitted?.ok !== true) {
      this.#lookAgainLater();
      return false;
    }
    this.#admitted.set(key, admitted);
    return true;
  }

  /** A slot that was freed, or a ramp that is over, is noticed at the latest then. */
  #lookAgainLater(): void {
    this.#cancelLook ??= this.#options.clock.setTimer(lookAgainMs, () => {
      this.#cancelLook = undefined;
      this.#schedule();
    });
  }

  #execute(workflow: WorkflowKey, item: QueueItem, revision: number, hasBegun: boolean): void {
    const key = keys.queue(workflow, item.stepId as StepId);
    const live = (id: WorkflowId): LiveWorkflow | undefined => this.#view.live(id);
    const execution = new Execution(workflow, item, revision, { ...this.#options, live });
    this.#slots.take(key, item.controller, execution);
    this.#settlePermits(key);
    if (this.#isDraining) execution.handOver();
    if (this.#view.live(workflow.id)?.record.cancelRunning === true) execution.cancel();
    void this.#runToEnd(key, execution, hasBegun);
  }

  async #runToEnd(key: string, execution: Execution, hasBegun: boolean): Promise<void> {
    try {
      await execution.run(hasBegun);
    } catch (error) {
      // A defect or a corrupt record: the step stays in doubt and is looked into again after a while.
      this.#options.log.error({ err: error, key, cause: errorText(error) }, 'execution broke off');
      this.#options.clock.setTimer(ownClaimsMsDefault, () => {
        this.#letGo(key);
      });
      return;
    }
    this.#letGo(key);
  }

  #settlePermits(key: string): void {
    this.#options.admission.settle(this.#admitted.get(key)?.permits ?? []);
    this.#admitted.delete(key);
  }

  #letGo(key: string, afterMs = 0): void {
    this.#slots.letGo(key);
    this.#settlePermits(key);
    if (this.#options.session.signal.aborted) return;
    this.#view.reconsider(key, afterMs);
    this.#schedule();
  }

  #onLive(workflow: WorkflowId, live: LiveWorkflow | undefined): void {
    if (live?.record.cancelRunning !== true) return;
    for (const [key, execution] of this.#slots.running()) {
      if (this.#view.steps.get(key)?.workflow === workflow) execution.cancel();
    }
  }

  #lookForOwnClaims(): void {
    const { clock, ownClaimsMs = ownClaimsMsDefault } = this.#options;
    this.#cancelOwnClaims = clock.setTimer(ownClaimsMs, () => {
      this.#view.reconsiderOwn();
      this.#lookForOwnClaims();
    });
  }

  #close(): void {
    this.#cancelOwnClaims?.();
    this.#cancelLook?.();
    this.#unsubscribe();
    for (const key of [...this.#admitted.keys()]) this.#settlePermits(key);
    this.#view.close();
  }
}
