/** Calls of controllers and their answers, between the contract and the wire. Pure. */
import { durationToMs, msToDuration } from '../base/duration.js';
import type { JsonObject } from '../base/json.js';
import type {
  CallContext,
  Done,
  Effect,
  ExecuteResult,
  Failed,
  Pending,
  PollResult,
  ProbeResult,
  UndoneStep,
} from '../contract/contract.js';
import {
  CallContext as WireContext,
  type Done as WireDone,
  type ExecuteResponse,
  type Failed as WireFailed,
  type Pending as WirePending,
  type PollResponse,
  type ProbeResponse,
  type StepOutcome,
} from '../gen/wire/steplock/v1/controller_service.js';
import { StepSpec } from '../gen/wire/steplock/v1/plan.js';
import { Direction, Effect as WireEffect, StepState } from '../gen/wire/steplock/v1/workflow.js';

const defaultPollMs = 1_000;

/** What of a context can be sent: all but what lives in the caller's process. */
export type SentContext = Omit<CallContext, 'signal' | 'progress' | 'log' | 'traceParent'>;

/** The context as it is sent. */
export function toWireContext(context: SentContext): WireContext {
  const { generation, revision } = context.fencingToken;
  return {
    workflow: `workflows/${context.workflow}`,
    workflowUid: context.workflowUid,
    step: context.step,
    direction: context.direction === 'undo' ? Direction.UNDO : Direction.FORWARD,
    attempt: context.attempt,
    fencingToken: { generation: String(generation), revision: String(revision) },
    idempotencyKey: context.idempotencyKey,
    deadline: new Date(context.deadlineMs),
    system: context.system,
    tenant: context.tenant,
    undone: context.undone === undefined ? undefined : toWireUndone(context.undone),
    formerKeys: [...context.formerKeys],
  };
}

/** The context as it arrives. */
export function fromWireContext(given: WireContext | undefined): SentContext {
  const wire = given ?? WireContext.fromPartial({});
  const { generation, revision } = wire.fencingToken ?? { generation: '0', revision: '0' };
  return {
    workflow: wire.workflow.replace(/^workflows\//, ''),
    workflowUid: wire.workflowUid,
    step: wire.step,
    direction: wire.direction === Direction.UNDO ? 'undo' : 'forward',
    attempt: wire.attempt,
    fencingToken: { generation: Number(generation), revision: Number(revision) },
    idempotencyKey: wire.idempotencyKey,
    deadlineMs: wire.deadline?.getTime() ?? 0,
    system: wire.system,
    tenant: wire.tenant,
    undone: wire.undone === undefined ? undefined : fromWireUndone(wire.undone),
    formerKeys: wire.formerKeys,
  };
}

const undoneStates = [
  ['succeeded', StepState.SUCCEEDED],
  ['failed', StepState.FAILED],
  ['cancelled', StepState.CANCELLED],
  ['unknown', StepState.UNKNOWN],
] as const;

function toWireUndone(undone: UndoneStep): StepOutcome {
  return {
    state: undoneStates.find(([name]) => name === undone.state)?.[1] ?? StepState.UNKNOWN,
    effect: toWireEffect(undone.effect),
    output: undone.output,
    idempotencyKey: undone.idempotencyKey,
    formerKeys: [...undone.formerKeys],
  };
}

function fromWireUndone(undone: StepOutcome): UndoneStep {
  return {
    state: undoneStates.find(([, state]) => state === undone.state)?.[0] ?? 'unknown',
    effect: fromWireEffect(undone.effect),
    output: undone.output,
    idempotencyKey: undone.idempotencyKey,
    formerKeys: undone.formerKeys,
  };
}

function toWireEffect(effect: Effect): WireEffect {
  switch (effect) {
    case 'none':
      return WireEffect.NONE;
    case 'some':
      return WireEffect.SOME;
    case 'unknown':
      return WireEffect.UNKNOWN;
  }
}

/** What is not said is not known. */
function fromWireEffect(effect: WireEffect): Effect {
  switch (effect) {
    case WireEffect.NONE:
      return 'none';
    case WireEffect.SOME:
      return 'some';
    default:
      return 'unknown';
  }
}

function toWirePending(pending: Pending): WirePending {
  return {
    task: pending.task,
    pollAfter: msToDuration(pending.pollAfterMs),
    progressPercent: Math.round(pending.progressPercent ?? 0),
    progressMessage: pending.progressMessage ?? '',
  };
}

function fromWirePending(pending: WirePending): Pending {
  return {
    kind: 'pending',
    task: pending.task,
    pollAfterMs: pending.pollAfter === undefined ? defaultPollMs : durationToMs(pending.pollAfter),
    progressPercent: pending.progressPercent,
    progressMessage: pending.progressMessage,
  };
}

function toWireFailed({ reason, message, retryable, effect }: Failed): WireFailed {
  return { reason, message, retryable, effect: toWireEffect(effect) };
}

function fromWireFailed({ reason, message, retryable, effect }: WireFailed): Failed {
  return { kind: 'failed', reason, message, retryable, effect: fromWireEffect(effect) };
}

/** An answer to Execute or Poll as it is sent. */
export function toWireResult(result: ExecuteResult): ExecuteResponse {
  switch (result.kind) {
    case 'done':
      return { result: { $case: 'done', value: toWireDone(result) } };
    case 'pending':
      return { result: { $case: 'pending', value: toWirePending(result) } };
    case 'failed':
      return { result: { $case: 'failed', value: toWireFailed(result) } };
  }
}

/** As {@link toWireResult}, for Poll. */
export function toWirePollResult(result: PollResult): PollResponse {
  if (result.kind === 'unknown') return { result: { $case: 'unknown', value: { message: result.message } } };
  return toWireResult(result);
}

/** As {@link toWireResult}, for Probe. */
export function toWireProbeResult(result: ProbeResult): ProbeResponse {
  switch (result.kind) {
    case 'done':
      return { result: { $case: 'done', value: toWireDone(result) } };
    case 'pending':
      return { result: { $case: 'pending', value: toWirePending(result) } };
    case 'not-done':
      return { result: { $case: 'notDone', value: { effect: toWireEffect(result.effect) } } };
    case 'unknown':
      return { result: { $case: 'unknown', value: { message: result.message } } };
  }
}

/** An answer to Execute as it arrives; undefined when it says nothing, which leaves the outcome unknown. */
export function fromWireResult({ result }: ExecuteResponse): ExecuteResult | undefined {
  switch (result?.$case) {
    case 'done':
      return fromWireDone(result.value);
    case 'pending':
      return fromWirePending(result.value);
    case 'failed':
      return fromWireFailed(result.value);
    case undefined:
      return undefined;
  }
}

/** An answer to Poll as it arrives. */
export function fromWirePollResult({ result }: PollResponse): PollResult {
  if (result?.$case === 'unknown') return { kind: 'unknown', message: result.value.message };
  return fromWireResult({ result }) ?? { kind: 'unknown', message: 'The controller answered nothing' };
}

/** An answer to Probe as it arrives. What is left of a call that did not take effect is "some" unless it says none. */
export function fromWireProbeResult({ result }: ProbeResponse): ProbeResult {
  switch (result?.$case) {
    case 'done':
      return fromWireDone(result.value);
    case 'pending':
      return fromWirePending(result.value);
    case 'notDone':
      return { kind: 'not-done', effect: result.value.effect === WireEffect.NONE ? 'none' : 'some' };
    case 'unknown':
      return { kind: 'unknown', message: result.value.message };
    case undefined:
      return { kind: 'unknown', message: 'The controller answered nothing' };
  }
}

function toWireDone({ output, steps }: Done): WireDone {
  return { output, addedSteps: steps === undefined ? [] : toSpecs(steps) };
}

/** What its author wrote is no more than he says it is: what is no step is sent as an empty one, which is refused by name. */
function toSpecs(steps: unknown): StepSpec[] {
  const list: unknown[] = Array.isArray(steps) ? steps : [steps];
  return list.map((step) => {
    try {
      return StepSpec.fromJSON(step);
    } catch {
      return StepSpec.fromPartial({});
    }
  });
}

function fromWireDone({ output, addedSteps }: WireDone): Done {
  const steps = addedSteps.map((step) => StepSpec.toJSON(step) as JsonObject);
  return { kind: 'done', output: output ?? {}, ...(steps.length === 0 ? {} : { steps }) };
}
