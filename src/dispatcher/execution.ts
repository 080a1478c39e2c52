/**
 * Runs one claimed step from its first call, or from where the last claimer was cut off, to an outcome or until it is
 * let go. What to do next is decided in model/attempt; here it is done, and each thing that must survive is written
 * before the next one begins: intent → call → task → polls → outcome.
 */
import type { Admission } from '../admission/admission.js';
import { AbortScope } from '../base/abort.js';
import { sleep, type Clock } from '../base/clock.js';
import { isUndo, type StepId, type WorkflowId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import type { PollResult } from '../contract/contract.js';
import type { PlanCache } from '../engine/plan-cache.js';
import { beginAttempt } from '../engine/release.js';
import { errorText, isReason } from '../errors/index.js';
import type { EffectKind, QueueItem } from '../gen/store/steplock/store/v1/step.js';
import { WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';
import type { Session } from '../lease/session.js';
import type { Logger } from '../log/log.js';
import {
  afterAnswer,
  afterFenced,
  afterPoll,
  afterProbe,
  afterUnknown,
  afterUnsent,
  errorRecord,
  firstAction,
  probeAgain,
  type AttemptContext,
  type CallBroken,
  type Next,
} from '../model/attempt.js';
import { callOf, findStep, type Plan } from '../model/plan.js';
import type { SchemaChecker } from '../model/schema.js';
import { isStopped, startsSteps, startsUndos } from '../model/workflow-state.js';
import type { LiveWorkflow } from '../queue/queue-view.js';
import type { Batcher } from '../store/batcher.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';
import { isUnchanged, type Store } from '../store/store.js';
import { readExecuteAnswer, readPollAnswer, readProbeAnswer } from './controller-answer.js';
import { ClaimLostError, HeldItem } from './held-item.js';
import { hideSecrets, toOutcome, withAttempt } from './outcome.js';
import type { ControllerDirectory, OutcomeSink, SecretVault } from './ports.js';
import { prepareCall, UnpreparedError, type PreparedCall } from './prepare-call.js';
import { ProgressWriter } from './progress.js';
import { StepCaller } from './step-caller.js';

/** What an execution needs. */
export interface ExecutionOptions {
  readonly store: Store;
  readonly batcher: Batcher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly session: Session;
  readonly plans: PlanCache;
  readonly controllers: ControllerDirectory;
  readonly secrets: SecretVault;
  readonly checker: SchemaChecker;
  readonly outcomes: OutcomeSink;
  readonly admission: Admission;
  /** See GenerationRecord. */
  readonly generation: number;
  /** The workflow as every node knows it. */
  readonly live: (workflow: WorkflowId) => LiveWorkflow | undefined;
}

type PollNext = Extract<Next, { kind: 'poll' }>;

const storeRetryMsMin = 50;
const storeRetryMsMax = 2_000;

/** See the head of this file. */
export class Execution {
  readonly #options: ExecutionOptions;
  readonly #held: HeldItem;
  readonly #progress: ProgressWriter;
  readonly #caller: StepCaller;
  readonly #workflow: WorkflowKey;
  readonly #step: StepId;
  readonly #log: Logger;
  readonly #cancel = new AbortController();
  readonly #handOver = new AbortController();
  #prepared: PreparedCall | undefined;
  /** How the call ended that is now being looked into; undefined if its node was lost. */
  #broken: CallBroken | undefined;
  /** By the monotonic clock. */
  #deadlineMs = 0;
  #stoppedMs: number | undefined;
  #isCancelWanted = false;

  constructor(workflow: WorkflowKey, item: QueueItem, revision: number, options: ExecutionOptions) {
    this.#options = options;
    this.#workflow = workflow;
    this.#step = item.stepId as StepId;
    this.#held = new HeldItem(workflow, item, revision, options.batcher, options.random);
    this.#progress = new ProgressWriter(this.#held, options.clock);
    this.#log = options.log.child({ workflow: workflow.id, step: item.stepId });
    this.#caller = new StepCaller(this.#held, this.#progress, { ...options, log: this.#log });
  }

  /**
   * Tells the controller to stop, because the workflow was stopped. Undos are not stopped, and neither is a call of
   * which nobody could find out afterwards what it did.
   */
  cancel(): void {
    this.#isCancelWanted = true;
    const description = this.#prepared?.call.description;
    if (isUndo(this.#step) || description === undefined) return;
    if (description.canProbe || description.idempotent)
      this.#cancel.abort(new Error('The workflow was stopped'));
  }

  /** Gives the step away as soon as it only waits for its external task: another node goes on asking after it. */
  handOver(): void {
    this.#handOver.abort(new Error('The node gives its work away'));
  }

  /**
   * Runs the step. `hasBegun`: the intent of a call is recorded and the call has not been made. Never throws for what
   * can go wrong with a step; when the claim or the session is lost it just ends.
   */
  async run(hasBegun: boolean): Promise<void> {
    const { session } = this.#options;
    try {
      let next: Next | undefined = await this.#prepare(hasBegun);
      for (let isFirst = true; next !== undefined; isFirst = false) {
        session.signal.throwIfAborted();
        next = await this.#perform(next, isFirst && hasBegun);
      }
    } catch (error) {
      if (!(error instanceof ClaimLostError) && !session.signal.aborted) throw error;
      this.#log.info({ cause: errorText(error) }, 'claim lost, step left to the next claimer');
    } finally {
      this.#progress.stop();
    }
  }

  async #prepare(hasBegun: boolean): Promise<Next> {
    const { clock } = this.#options;
    const { item } = this.#held;
    const plan = await this.#untilStoreAnswers(async () => await this.#loadPlan());
    const call = callOf(plan, this.#step);
    // After a takeover the attempt has all of its time once more: how much is spent only its former node could say, for
    // wall clocks differ, and a node whose clock is ahead must not stop what is healthy.
    this.#deadlineMs = clock.monotonicMs() + call.timeoutMs;
    try {
      const prepare = async (): Promise<PreparedCall> =>
        await prepareCall(this.#workflow, item, plan, this.#options);
      this.#prepared = await this.#untilStoreAnswers(prepare);
    } catch (error) {
      if (!(error instanceof UnpreparedError)) throw error;
      this.#prepared = { call, args: {}, undone: undefined, secrets: new Set() };
      const record = errorRecord(error.reason, error.message, error.retryable);
      return afterUnsent(record, item.inDoubt && !hasBegun, this.#context());
    }
    if (this.#isCancelWanted) this.cancel();
    return hasBegun ? { kind: 'execute', isRepeat: false, effect: item.effect } : firstAction(item, call);
  }

  async #loadPlan(): Promise<Plan> {
    const { store, plans } = this.#options;
    const { uid } = this.#held.item;
    const known = plans.peek(uid);
    if (known !== undefined && findStep(known, this.#step) !== undefined) return known;
    const kv = await store.get(keys.head(this.#workflow));
    const extent = kv === undefined ? undefined : decodeRecord(WorkflowHead, kv).plan;
    if (extent === undefined) throw new ClaimLostError('The workflow is gone');
    return await plans.load(store, this.#workflow, uid, extent);
  }

  async #perform(next: Next, hasBegun: boolean): Promise<Next | undefined> {
    switch (next.kind) {
      case 'execute':
        return await this.#execute(next, hasBegun);
      case 'poll':
        return await this.#poll(next);
      case 'probe':
        return await this.#probe(next);
      case 'release':
        await this.#release(next);
        return undefined;
      case 'settle':
        await this.#settle(next);
        return undefined;
    }
  }

  async #execute(next: Extract<Next, { kind: 'execute' }>, hasBegun: boolean): Promise<Next | undefined> {
    const { isRepeat } = next;
    if (!hasBegun && !(await this.#recordIntent(isRepeat, next.effect))) return undefined;
    const { item } = this.#held;
    const { args } = this.#known();
    this.#broken = undefined;
    this.#log.debug({ attempt: item.attempt }, 'calling controller');
    const end = await this.#caller.call(
      this.#known(),
      async (port, context) => readExecuteAnswer(await port.execute(context, item.method, args)),
      // A repeat only finds out what an earlier call did; that is wanted all the more when the workflow stops.
      { deadlineMs: this.#deadlineMs, cancel: isRepeat ? undefined : this.#cancel.signal },
    );
    switch (end.kind) {
      case 'answered':
        return afterAnswer(end.answer, this.#context());
      case 'unsent':
        return afterUnsent(
          errorRecord('CONTROLLER_UNAVAILABLE', end.message, true),
          isRepeat,
          this.#context(),
        );
      case 'broken':
        this.#broken = end.broken;
        this.#log.warn({ attempt: item.attempt, cause: end.broken.message }, 'outcome of call not known');
        return afterUnknown(end.broken, this.#context());
      case 'fenced':
        return this.#onFenced();
    }
  }

  /** Records that a new call is about to be made; false, with the step let go, when it is no longer wanted. */
  async #recordIntent(isRepeat: boolean, effect: EffectKind): Promise<boolean> {
    const { admission, clock, live, session } = this.#options;
    for (;;) {
      const workflow = live(this.#workflow.id);
      const isHeld = admission.isHeld(this.#held.item);
      if (!isRepeat && (isHeld || !this.#isStartWanted(workflow))) {
        await this.#held.write({ claim: undefined, inDoubt: false, task: '', effect, permits: [] });
        return false;
      }
      const nowMs = clock.nowMs();
      const claim = { node: session.nodeId, session: session.revision, timeMs: nowMs };
      const { permits } = this.#held.item;
      const patch = { ...beginAttempt(this.#held.item, { claim, permits }, nowMs), effect };
      const guards = isRepeat
        ? []
        : [isUnchanged(keys.live(this.#workflow), workflow?.revision ?? -1), admission.guard()];
      if (await this.#held.beginAttempt(patch, guards)) {
        this.#deadlineMs = clock.monotonicMs() + this.#known().call.timeoutMs;
        this.#stoppedMs = undefined;
        return true;
      }
      // Refused: the workflow moved, or the claim is lost. The cache may not know of the move yet.
      await this.#held.write({});
      await sleep(clock, storeRetryMsMin, session.signal);
    }
  }

  #isStartWanted(workflow: LiveWorkflow | undefined): boolean {
    if (workflow === undefined) return false;
    const { state } = workflow.record;
    return isUndo(this.#step) ? startsUndos(state) : startsSteps(state);
  }

  async #poll(next: PollNext): Promise<Next | undefined> {
    const { clock } = this.#options;
    if (this.#held.item.task !== next.task) await this.#held.write({ task: next.task });
    if (next.progress !== undefined) {
      this.#progress.note(next.progress.percent, next.progress.message, this.#known().secrets);
    }
    await this.#waitToPoll(next.afterMs);
    if (this.#handOver.signal.aborted) {
      this.#progress.stop();
      await this.#held.write({ claim: undefined });
      this.#log.info({ task: next.task }, 'external task left to another node');
      return undefined;
    }
    if (this.#mustStop() && this.#stoppedMs === undefined) await this.#stopTask(next.task);
    const { args } = this.#known();
    const { method, lostClaims } = this.#held.item;
    const end = await this.#caller.ask(this.#known(), async (port, context) =>
      readPollAnswer(await port.poll(context, method, next.task, args)),
    );
    if (end.kind === 'fenced') return this.#onFenced();
    const answer: PollResult | undefined = end.kind === 'answered' ? end.answer : undefined;
    if (answer !== undefined && lostClaims > 0) await this.#held.write({ lostClaims: 0 });
    const overdueMs = this.#stoppedMs === undefined ? undefined : clock.monotonicMs() - this.#stoppedMs;
    return afterPoll(answer, next, overdueMs, this.#broken, this.#context());
  }

  /** Waits for the time to ask; cut short when the step is to be stopped. */
  async #waitToPoll(afterMs: number): Promise<void> {
    const { clock, session } = this.#options;
    const leftMs = this.#deadlineMs - clock.monotonicMs();
    const waitMs = this.#stoppedMs === undefined ? Math.max(0, Math.min(afterMs, leftMs)) : afterMs;
    const scope = new AbortScope(
      session.signal,
      this.#handOver.signal,
      ...(this.#stoppedMs === undefined ? [this.#cancel.signal] : []),
    );
    await sleep(clock, waitMs, scope.signal).catch(() => undefined);
    scope.close();
    session.signal.throwIfAborted();
  }

  #mustStop(): boolean {
    return this.#cancel.signal.aborted || this.#options.clock.monotonicMs() >= this.#deadlineMs;
  }

  async #stopTask(task: string): Promise<void> {
    this.#stoppedMs = this.#options.clock.monotonicMs();
    this.#broken = this.#cancel.signal.aborted
      ? { reason: 'STEP_CANCELLED', message: 'Stopped with its workflow' }
      : { reason: 'STEP_TIMEOUT', message: 'Its time was up' };
    this.#log.info({ task, reason: this.#broken.reason }, 'stopping external task');
    const { method } = this.#held.item;
    // Whether it could be told or not: the polls that follow say what came of it.
    await this.#caller.ask(this.#known(), async (port, context) => {
      await port.cancel(context, method, task);
    });
  }

  async #probe(next: Extract<Next, { kind: 'probe' }>): Promise<Next | undefined> {
    const { clock, session } = this.#options;
    // Its token must be newer than that of the call it asks after, or the fence would let that call pass.
    await this.#held.raiseFence({ unknownProbes: next.unknownProbes });
    await sleep(clock, next.afterMs, session.signal);
    const { method } = this.#held.item;
    const { args } = this.#known();
    const end = await this.#caller.ask(this.#known(), async (port, context) =>
      readProbeAnswer(await port.probe(context, method, args)),
    );
    switch (end.kind) {
      case 'answered':
        this.#log.info({ found: end.answer.kind }, 'probed a call in doubt');
        return afterProbe(end.answer, this.#broken, this.#context());
      case 'unsent':
        return probeAgain(end.message, this.#held.item);
      case 'broken':
        return probeAgain(end.broken.message, this.#held.item);
      case 'fenced':
        return this.#onFenced();
    }
  }

  #onFenced(): Next {
    this.#log.warn({ fencingToken: this.#held.fence }, 'fenced by the controller');
    return afterFenced(this.#context());
  }

  async #release(next: Extract<Next, { kind: 'release' }>): Promise<void> {
    this.#progress.stop();
    const nowMs = this.#options.clock.nowMs();
    const { item } = this.#held;
    const error = hideSecrets(next.patch.error, this.#known().secrets);
    const result = next.patch.inDoubt ? 'unknown' : 'failed';
    await this.#held.write({
      ...next.patch,
      claim: undefined,
      permits: next.patch.inDoubt ? item.permits : [],
      error,
      lostClaims: 0,
      lastAttempts: withAttempt(item, result, error, nowMs),
      notBeforeMs: nowMs + next.afterMs,
      delayMs: next.afterMs,
    });
    const fields = {
      attempt: item.attempt,
      afterMs: next.afterMs,
      reason: error?.reason,
      cause: error?.message,
    };
    this.#log.info(fields, 'step will be tried again');
  }

  async #settle(next: Extract<Next, { kind: 'settle' }>): Promise<void> {
    this.#progress.stop();
    await this.#held.settled();
    const { clock, checker, secrets: vault, outcomes } = this.#options;
    const { call, secrets } = this.#known();
    const { item } = this.#held;
    const context = { workflow: this.#workflow, item, call, checker, vault, secrets, nowMs: clock.nowMs() };
    const outcome = toOutcome(next.settlement, context);
    const report = { step: this.#step, itemRevision: this.#held.revision, ...outcome };
    if (!(await outcomes.report(this.#workflow, report))) await this.#held.finish(outcome);
    const { error } = outcome.record;
    if (outcome.incident !== undefined) {
      this.#log.error({ incident: outcome.incident.incidentId, reason: error?.reason }, 'incident opened');
    } else if (error !== undefined) {
      this.#log.warn({ reason: error.reason, cause: error.message }, 'step failed');
    }
  }

  #known(): PreparedCall {
    if (this.#prepared === undefined) throw new TypeError('The call was not prepared');
    return this.#prepared;
  }

  #context(): AttemptContext {
    const { live, random } = this.#options;
    const state = live(this.#workflow.id)?.record.state;
    const isStopping = !isUndo(this.#step) && (state === undefined || isStopped(state));
    return { item: this.#held.item, call: this.#known().call, isStopping, random };
  }

  /** Reads, however long the store takes: the step is claimed and must come to its end. */
  async #untilStoreAnswers<T>(read: () => Promise<T>): Promise<T> {
    const { clock, session } = this.#options;
    for (let waitMs = storeRetryMsMin; ; waitMs = Math.min(waitMs * 2, storeRetryMsMax)) {
      try {
        return await read();
      } catch (error) {
        if (!isReason(error, 'STORE_UNAVAILABLE')) throw error;
        await sleep(clock, waitMs, session.signal);
      }
    }
  }
}
