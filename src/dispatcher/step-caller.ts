/** Calls the controller of one claimed step: with its context, within its bounds, under the node's session. */
import type { Clock } from '../base/clock.js';
import { isUndo, undoneOf, type StepId } from '../base/ids.js';
import type { CallContext, ControllerPort } from '../contract/contract.js';
import type { PlanAnswer } from '../contract/orchestrator.js';
import type { Session } from '../lease/session.js';
import type { Logger } from '../log/log.js';
import { hideInAnswer, readPlanAnswer } from './controller-answer.js';
import { callController, type CallEnd } from './controller-call.js';
import { ClaimLostError, type HeldItem } from './held-item.js';
import { cut } from '../model/attempt.js';
import { redactText } from '../model/secret.js';
import type { ControllerDirectory } from './ports.js';
import { formerKeys, idempotencyKey, type PreparedCall } from './prepare-call.js';
import type { ProgressWriter } from './progress.js';

/** What calling needs. */
export interface StepCallerOptions {
  readonly clock: Clock;
  readonly session: Session;
  readonly controllers: ControllerDirectory;
  /** See GenerationRecord. */
  readonly generation: number;
  readonly log: Logger;
}

/** What ends a call early. */
export interface CallLimits {
  /** By the monotonic clock. */
  readonly deadlineMs: number;
  /** The workflow wants the step to stop; undefined for a call that this does not concern. */
  readonly cancel: AbortSignal | undefined;
}

type Make<T> = (port: ControllerPort, context: CallContext) => Promise<T>;

/** How long a poll, a probe or a cancel may take. */
const questionMsMax = 60_000;

/** See above. */
export class StepCaller {
  readonly #held: HeldItem;
  readonly #progress: ProgressWriter;
  readonly #options: StepCallerOptions;

  constructor(held: HeldItem, progress: ProgressWriter, options: StepCallerOptions) {
    this.#held = held;
    this.#progress = progress;
    this.#options = options;
  }

  /** Asks the controller something, with a time of its own; a wish to stop does not cut it off. */
  async ask<T>(prepared: PreparedCall, make: Make<T>): Promise<CallEnd<T>> {
    const deadlineMs = this.#options.clock.monotonicMs() + questionMsMax;
    return await this.call(prepared, make, { deadlineMs, cancel: undefined });
  }

  /**
   * Calls the controller.
   *
   * @throws ClaimLostError when the session is over: nothing was sent.
   */
  async call<T>(prepared: PreparedCall, make: Make<T>, limits: CallLimits): Promise<CallEnd<T>> {
    const { controllers } = this.#options;
    const { controller } = this.#held.item;
    const port = controllers.find(controller);
    if (port === undefined) return { kind: 'unsent', message: `No controller "${controller}" is registered` };
    return await this.#make(
      prepared,
      async (signal) => await make(port, this.#contextOf(prepared, signal, limits.deadlineMs)),
      limits,
    );
  }

  /**
   * Asks the step's orchestrator for a plan.
   *
   * @throws ClaimLostError when the session is over: nothing was sent.
   */
  async plan(prepared: PreparedCall, limits: CallLimits): Promise<CallEnd<PlanAnswer>> {
    const { controllers, clock } = this.#options;
    const { controller, method, workflowId, stepId, tenant } = this.#held.item;
    const port = controllers.findOrchestrator(controller);
    if (port === undefined)
      return { kind: 'unsent', message: `No orchestrator "${controller}" is registered` };
    const parent = `workflows/${workflowId}/steps/${stepId}`;
    const deadlineMs = clock.nowMs() + Math.max(0, limits.deadlineMs - clock.monotonicMs());
    return await this.#make(
      prepared,
      async (signal) =>
        readPlanAnswer(await port.plan({ parent, tenant, deadlineMs, signal }, method, prepared.args)),
      limits,
    );
  }

  async #make<T>(
    prepared: PreparedCall,
    make: (signal: AbortSignal) => Promise<T>,
    limits: CallLimits,
  ): Promise<CallEnd<T>> {
    const { clock, session } = this.#options;
    // Asked of the clock: after a stall this may run before the timer that ends the session.
    if (!session.isAlive()) throw new ClaimLostError('The session ended');
    const end = await callController({ clock, session: session.signal, ...limits }, make);
    return withoutSecrets(end, prepared.secrets);
  }

  #contextOf({ secrets, undone }: PreparedCall, signal: AbortSignal, deadlineMs: number): CallContext {
    const { clock, generation, log } = this.#options;
    const { item, fence } = this.#held;
    const step = item.stepId as StepId;
    return {
      workflow: item.workflowId,
      workflowUid: item.uid,
      step: undoneOf(step),
      direction: isUndo(step) ? 'undo' : 'forward',
      attempt: item.attempt,
      fencingToken: { generation, revision: fence },
      idempotencyKey: idempotencyKey(item.uid, step, item.series),
      formerKeys: formerKeys(item.uid, step, item.series),
      deadlineMs: clock.nowMs() + Math.max(0, deadlineMs - clock.monotonicMs()),
      system: item.system,
      tenant: item.tenant,
      undone,
      signal,
      progress: (percent, message = '') => {
        if (!signal.aborted) this.#progress.note(percent, message, secrets);
      },
      log,
    };
  }
}

/** Whatever a controller says or throws, nobody sees the call's secrets in it, nor megabytes: neither the store nor the log. */
function withoutSecrets<T>(end: CallEnd<T>, secrets: ReadonlySet<string>): CallEnd<T> {
  switch (end.kind) {
    case 'answered':
      return { ...end, answer: hideInAnswer(end.answer, secrets) };
    case 'unsent':
      return { ...end, message: cut(redactText(end.message, secrets)) };
    case 'broken':
      return { ...end, broken: { ...end.broken, message: cut(redactText(end.broken.message, secrets)) } };
    case 'fenced':
      return end;
  }
}
