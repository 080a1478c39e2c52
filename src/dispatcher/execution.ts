/**
 * Runs one claimed step from its first call, or from where the last claimer was cut off, to an outcome or until it is
 * let go. What to do next is decided in model/attempt; here it is done, and each thing that must survive is written
 * before the next one begins: intent → call → task → polls → outcome.
 */
import { sleep } from '../base/clock.js';
import { isUndo } from '../base/ids.js';
import { errorText } from '../errors/index.js';
import type { QueueItem } from '../gen/store/steplock/store/v1/step.js';
import { WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';
import {
  afterAnswer,
  afterProbe,
  afterUnknown,
  afterUnsent,
  errorRecord,
  firstAction,
  probeAgain,
  type Next,
} from '../model/attempt.js';
import { callOf, findStep, type Plan } from '../model/plan.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';
import { readExecuteAnswer, readProbeAnswer } from './controller-answer.js';
import { pollTask } from './external-task.js';
import { startChild } from './child-start.js';
import { ClaimLostError } from './held-item.js';
import { recordIntent } from './intent.js';
import { prepareCall, UnpreparedError, type PreparedCall } from './prepare-call.js';
import { RunningStep, type RunningOptions } from './running-step.js';
import { releaseStep, settleStep } from './step-end.js';

/** See the head of this file. */
export class Execution {
  readonly #step: RunningStep;
  #isCancelWanted = false;

  constructor(workflow: WorkflowKey, item: QueueItem, revision: number, options: RunningOptions) {
    this.#step = new RunningStep(workflow, item, revision, options);
  }

  /**
   * Tells the controller to stop, because the workflow was stopped. Undos are not stopped, and neither is a call of
   * which nobody could find out afterwards what it did.
   */
  cancel(): void {
    this.#isCancelWanted = true;
    const description = this.#step.prepared?.call.description;
    if (isUndo(this.#step.id) || description === undefined) return;
    if (description.canProbe || description.idempotent)
      this.#step.cancel.abort(new Error('The workflow was stopped'));
  }

  /** Gives the step away as soon as it only waits for its external task: another node goes on asking after it. */
  handOver(): void {
    this.#step.handOver.abort(new Error('The node gives its work away'));
  }

  /**
   * Runs the step. `hasBegun`: the intent of a call is recorded and the call has not been made. Never throws for what
   * can go wrong with a step; when the claim or the session is lost it just ends.
   */
  async run(hasBegun: boolean): Promise<void> {
    const { session } = this.#step.options;
    try {
      let next: Next | undefined = await this.#prepare(hasBegun);
      for (let isFirst = true; next !== undefined; isFirst = false) {
        session.signal.throwIfAborted();
        next = await this.#perform(next, isFirst && hasBegun);
      }
    } catch (error) {
      if (!(error instanceof ClaimLostError) && !session.signal.aborted) throw error;
      this.#step.log.info({ cause: errorText(error) }, 'claim lost, step left to the next claimer');
    } finally {
      this.#step.progress.stop();
      const { state, error } = this.#step.ended ?? { state: 'let go', error: undefined };
      this.#step.span.end({ 'steplock.state': state }, error);
    }
  }

  async #prepare(hasBegun: boolean): Promise<Next> {
    const step = this.#step;
    const { clock } = step.options;
    const { item } = step.held;
    const plan = await step.untilStoreAnswers(async () => await this.#loadPlan());
    const call = callOf(plan, step.id);
    // After a takeover the attempt has all of its time once more: how much is spent only its former node could say, for
    // wall clocks differ, and a node whose clock is ahead must not stop what is healthy.
    step.deadlineMs = clock.monotonicMs() + call.timeoutMs;
    try {
      const prepare = async (): Promise<PreparedCall> =>
        await prepareCall(step.workflow, item, plan, step.options);
      step.prepared = await step.untilStoreAnswers(prepare);
    } catch (error) {
      if (!(error instanceof UnpreparedError)) throw error;
      step.prepared = { call, args: {}, undone: undefined, secrets: new Set() };
      const record = errorRecord(error.reason, error.message, error.retryable);
      // Planning that was cut off has left nothing to be in doubt about.
      const isRepeat = item.inDoubt && !hasBegun && item.kind !== 'child';
      return afterUnsent(record, isRepeat, step.context());
    }
    if (this.#isCancelWanted) this.cancel();
    if (hasBegun) return { kind: 'execute', isRepeat: false, effect: item.effect };
    const first = firstAction(item, call);
    // Planning that was cut off has left nothing: it is begun anew, and only if the child is still wanted.
    return item.kind === 'child' && first.kind === 'execute' ? { ...first, isRepeat: false } : first;
  }

  async #loadPlan(): Promise<Plan> {
    const step = this.#step;
    const { plans } = step.options;
    const { uid } = step.held.item;
    const known = plans.peek(uid);
    if (known !== undefined && findStep(known, step.id) !== undefined) return known;
    // A node that takes over many steps of a workflow needs its plan for all of them at once.
    const shared = await plans.share(uid, async () => await this.#readPlan());
    // Who asked first may have done so before this step was added.
    return findStep(shared, step.id) === undefined ? await this.#readPlan() : shared;
  }

  async #readPlan(): Promise<Plan> {
    const step = this.#step;
    const { store, plans } = step.options;
    const { uid } = step.held.item;
    const kv = await store.get(keys.head(step.workflow));
    const extent = kv === undefined ? undefined : decodeRecord(WorkflowHead, kv).plan;
    if (extent === undefined) throw new ClaimLostError('The workflow is gone');
    return await plans.load(store, step.workflow, uid, extent);
  }

  async #perform(next: Next, hasBegun: boolean): Promise<Next | undefined> {
    switch (next.kind) {
      case 'execute':
        return await this.#execute(next, hasBegun);
      case 'poll':
        return await pollTask(this.#step, next);
      case 'probe':
        return await this.#probe(next);
      case 'release':
        await releaseStep(this.#step, next);
        return undefined;
      case 'settle':
        await settleStep(this.#step, next);
        return undefined;
    }
  }

  async #execute(next: Extract<Next, { kind: 'execute' }>, hasBegun: boolean): Promise<Next | undefined> {
    const step = this.#step;
    const { isRepeat } = next;
    if (!hasBegun && !(await recordIntent(step, isRepeat, next.effect))) return undefined;
    const { item } = step.held;
    const { args } = step.known;
    step.broken = undefined;
    if (item.kind === 'child') return await startChild(step);
    step.log.debug({ attempt: item.attempt }, 'calling controller');
    const end = await step.caller.call(
      'execute',
      step.known,
      async (port, context) => readExecuteAnswer(await port.execute(context, item.method, args)),
      // A repeat only finds out what an earlier call did; that is wanted all the more when the workflow stops.
      { deadlineMs: step.deadlineMs, cancel: isRepeat ? undefined : step.cancel.signal },
    );
    switch (end.kind) {
      case 'answered':
        return afterAnswer(end.answer, step.context());
      case 'unsent':
        return afterUnsent(
          errorRecord('CONTROLLER_UNAVAILABLE', end.message, true),
          isRepeat,
          step.context(),
        );
      case 'broken':
        step.broken = end.broken;
        step.log.warn({ attempt: item.attempt, cause: end.broken.message }, 'outcome of call not known');
        return afterUnknown(end.broken, step.context());
      case 'fenced':
        return step.fenced();
    }
  }

  async #probe(next: Extract<Next, { kind: 'probe' }>): Promise<Next | undefined> {
    const step = this.#step;
    const { clock, session } = step.options;
    // Its token must be newer than that of the call it asks after, or the fence would let that call pass.
    await step.held.raiseFence({ unknownProbes: next.unknownProbes });
    await sleep(clock, next.afterMs, session.signal);
    const { method } = step.held.item;
    const { args } = step.known;
    const end = await step.caller.ask('probe', step.known, async (port, context) =>
      readProbeAnswer(await port.probe(context, method, args)),
    );
    switch (end.kind) {
      case 'answered':
        step.log.info({ found: end.answer.kind }, 'probed a call in doubt');
        return afterProbe(end.answer, step.broken, step.context());
      case 'unsent':
        return probeAgain(end.message, step.held.item);
      case 'broken':
        return probeAgain(end.broken.message, step.held.item);
      case 'fenced':
        return step.fenced();
    }
  }
}
