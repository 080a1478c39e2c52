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
import type { CallKind, Span, Telemetry } from '../telemetry/index.js';

/** What calling needs. */
export interface StepCallerOptions {
  readonly clock: Clock;
  readonly session: Session;
  readonly controllers: ControllerDirectory;
  /** See GenerationRecord. */
  readonly generation: number;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /** Of the step: its calls are a part of it. */
  readonly traceParent: string;
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
  async ask<T>(kind: CallKind, prepared: PreparedCall, make: Make<T>): Promise<CallEnd<T>> {
    const deadlineMs = this.#options.clock.monotonicMs() + questionMsMax;
    return await this.call(kind, prepared, make, { deadlineMs, cancel: undefined });
  }

  /**
   * Calls the controller.
   *
   * @throws ClaimLostError when the session is over: nothing was sent.
   */
  async call<T>(
    kind: CallKind,
    prepared: PreparedCall,
    make: Make<T>,
    limits: CallLimits,
  ): Promise<CallEnd<T>> {
    const { controllers } = this.#options;
    const { controller } = this.#held.item;
    const port = controllers.find(controller);
    if (port === undefined) return { kind: 'unsent', message: `No controller "${controller}" is registered` };
    return await this.#make(
      kind,
      prepared,
      async (signal, { traceParent }) =>
        await make(port, this.#contextOf(prepared, signal, { ...limits, traceParent })),
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
      'plan',
      prepared,
      async (signal) =>
        readPlanAnswer(await port.plan({ parent, tenant, deadlineMs, signal }, method, prepared.args)),
      limits,
    );
  }

  async #make<T>(
    kind: CallKind,
    prepared: PreparedCall,
    make: (signal: AbortSignal, span: Span) => Promise<T>,
    limits: CallLimits,
  ): Promise<CallEnd<T>> {
    const { clock, session, telemetry, traceParent: parent } = this.#options;
    const { controller, method } = this.#held.item;
    // Asked of the clock: after a stall this may run before the timer that ends the session.
    if (!session.isAlive()) throw new ClaimLostError('The session ended');
    const span = telemetry.tracer.start(`${controller}/${method} ${kind}`, {
      ...{ parent, kind: 'client' },
      attributes: { 'steplock.controller': controller, 'steplock.method': method, 'steplock.call': kind },
    });
    const startedMs = clock.monotonicMs();
    let outcome = 'broken';
    try {
      const bounds = { clock, session: session.signal, ...limits };
      const end = withoutSecrets(
        await callController(bounds, async (signal) => await make(signal, span)),
        prepared.secrets,
      );
      outcome = outcomeOf(end);
      return end;
    } finally {
      telemetry.meters.callEnded({ controller, method, kind, outcome, ms: clock.monotonicMs() - startedMs });
      const isUnusual = outcome === 'broken' || outcome === 'failed' || outcome === 'unsent';
      span.end({ 'steplock.outcome': outcome }, isUnusual ? outcome : undefined);
    }
  }

  #contextOf(
    { secrets, undone }: PreparedCall,
    signal: AbortSignal,
    { deadlineMs, traceParent }: CallLimits & Pick<Span, 'traceParent'>,
  ): CallContext {
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
      ...(traceParent === '' ? {} : { traceParent }),
      signal,
      progress: (percent, message = '') => {
        if (!signal.aborted) this.#progress.note(percent, message, secrets);
      },
      log,
    };
  }
}

/** The kind of an answer, or why there is none. */
function outcomeOf(end: CallEnd<unknown>): string {
  if (end.kind !== 'answered') return end.kind;
  const { answer } = end;
  const hasKind = typeof answer === 'object' && answer !== null && 'kind' in answer;
  return hasKind && typeof answer.kind === 'string' ? answer.kind : 'done';
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
