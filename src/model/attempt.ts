/**
 * What to do next with a claimed step: pure. An item whose call has no known outcome is in doubt: it is polled if it
 * left a task, probed if the method can, called again if the method is idempotent, and else given to a person. It is
 * never taken for "not started".
 */
import type { Random } from '../base/random.js';
import type { Effect, ExecuteResult, PollResult, ProbeResult } from '../contract/contract.js';
import type { StepReason } from '../errors/index.js';
import { EffectKind, OutcomeState, type QueueItem } from '../gen/store/steplock/store/v1/step.js';
import type { ErrorRecord } from '../gen/store/steplock/store/v1/workflow.js';
import { backoffMs } from './backoff.js';
import { limits } from './limits.js';
import type { StepCall } from './plan.js';
import type { JsonObject } from '../base/json.js';

/** What can be done next. */
export type Next =
  /**
   * Call the method: a new attempt, for which the intent is recorded first. A repeat finds out what a call in doubt
   * did, and is made whatever became of the workflow; any other call only if the workflow still wants it. `effect` is
   * what earlier calls are known to have left.
   */
  | { readonly kind: 'execute'; readonly isRepeat: boolean; readonly effect: EffectKind }
  /** Ask after the task. */
  | {
      readonly kind: 'poll';
      readonly task: string;
      readonly afterMs: number;
      readonly progress: Progress | undefined;
    }
  /** Find out what came of the last call. */
  | { readonly kind: 'probe'; readonly afterMs: number; readonly unknownProbes: number }
  /** Let go of the step until that much later. */
  | { readonly kind: 'release'; readonly afterMs: number; readonly patch: ItemPatch }
  /** Record how it ended. */
  | { readonly kind: 'settle'; readonly settlement: Settlement };

/** How far a step is. */
export interface Progress {
  readonly percent: number;
  readonly message: string;
}

/** What a known failure changes in the item. */
export type ItemPatch = Pick<
  QueueItem,
  'inDoubt' | 'failures' | 'error' | 'effect' | 'task' | 'unknownProbes'
>;

/** How a step ended. */
export interface Settlement {
  readonly state: OutcomeState;
  readonly effect: EffectKind;
  readonly output: JsonObject | undefined;
  /** Steps that it adds, as the controller said; not looked at. */
  readonly steps: unknown;
  readonly error: ErrorRecord | undefined;
  /** Whether a person is needed. */
  readonly needsPerson: boolean;
}

/** What decides beside the answer. */
export interface AttemptContext {
  readonly item: QueueItem;
  readonly call: StepCall;
  /** Whether the workflow no longer wants the step to be started again. */
  readonly isStopping: boolean;
  readonly random: Random;
}

/** How a call ended without a known outcome. */
export interface CallBroken {
  readonly reason: StepReason;
  readonly message: string;
}

const probeMsMin = 100;
const probeMsMax = 10_000;

/** What a claimer does first. */
export function firstAction(item: QueueItem, call: StepCall): Next {
  if (!item.inDoubt) return { kind: 'execute', isRepeat: false, effect: item.effect };
  if (item.lostClaims > limits.lostClaimsMax) {
    const message = `${item.lostClaims} claims in a row were lost with their nodes`;
    return giveUp({ reason: 'CLAIM_LOST_TOO_OFTEN', message });
  }
  if (item.task !== '') return { kind: 'poll', task: item.task, afterMs: 0, progress: undefined };
  return clearUp(item, call, 0);
}

/** After a call or a poll that answered. */
export function afterAnswer(answer: ExecuteResult | PollResult, context: AttemptContext): Next {
  switch (answer.kind) {
    case 'done':
      return settle(OutcomeState.SUCCEEDED, EffectKind.SOME, answer);
    case 'pending':
      return {
        kind: 'poll',
        task: answer.task,
        afterMs: Math.max(1, answer.pollAfterMs),
        progress: progressOf(answer),
      };
    case 'failed': {
      const error = errorRecord('CONTROLLER_FAILED', `${answer.reason}: ${answer.message}`, answer.retryable);
      return afterFailure(error, effectKind(answer.effect), context);
    }
    case 'unknown':
      return afterUnknown({ reason: 'EFFECT_UNKNOWN', message: answer.message }, context);
  }
}

/** After a failure that is known, with what it left. */
export function afterFailure(error: ErrorRecord, effect: EffectKind, context: AttemptContext): Next {
  const { item, call, isStopping, random } = context;
  const failures = item.failures + 1;
  const total = joinEffects(item.effect, effect);
  if (!error.retryable || isStopping || failures >= call.retry.maxAttempts) {
    return settle(OutcomeState.FAILED, total, { error });
  }
  return {
    kind: 'release',
    afterMs: backoffMs(call.retry, failures, random),
    patch: { inDoubt: false, failures, error, effect: total, task: '', unknownProbes: 0 },
  };
}

/** After a call whose outcome nobody knows: its time was up, it threw, or its answer was lost. */
export function afterUnknown(broken: CallBroken, context: AttemptContext): Next {
  const { canProbe, idempotent } = context.call.description;
  // The failure is counted when the probe says that it was one.
  if (canProbe) return { kind: 'probe', afterMs: 0, unknownProbes: 0 };
  return idempotent ? stayInDoubt(broken, context) : giveUp(broken);
}

/**
 * After a call that could not be sent: its controller is not there, or its arguments could not be made up. A repeat
 * leaves the earlier call as doubtful as it was.
 */
export function afterUnsent(error: ErrorRecord, isRepeat: boolean, context: AttemptContext): Next {
  if (!isRepeat) return afterFailure(error, EffectKind.NONE, context);
  return stayInDoubt({ reason: error.reason as StepReason, message: error.message }, context);
}

/** After a controller said that a newer attempt owns the step, though the store says that it is this one's. */
export function afterFenced(context: AttemptContext): Next {
  const message = 'The controller has seen a newer fencing token than the one of this claim';
  return stayInDoubt({ reason: 'EFFECT_UNKNOWN', message }, context);
}

/** Lets go for a while of a step whose call stays in doubt; gives up when that happened too often. */
function stayInDoubt(broken: CallBroken, context: AttemptContext): Next {
  const { item, call, random } = context;
  const failures = item.failures + 1;
  if (failures >= call.retry.maxAttempts) return giveUp(broken);
  const error = errorRecord(broken.reason, broken.message, true);
  return {
    kind: 'release',
    afterMs: backoffMs(call.retry, failures, random),
    patch: { inDoubt: true, failures, error, effect: EffectKind.UNKNOWN, task: item.task, unknownProbes: 0 },
  };
}

/** How long an external task may go on after it was told to stop, before a person is asked. */
const overdueMsMax = 300_000;
const pollBackoffMsMax = 30_000;

/** After a poll: `overdueMs` since the step's time was up or it was told to stop, or undefined while it was not. */
export function afterPoll(
  answer: PollResult | undefined,
  last: Extract<Next, { kind: 'poll' }>,
  overdueMs: number | undefined,
  broken: CallBroken | undefined,
  context: AttemptContext,
): Next {
  const isTooLate = overdueMs !== undefined && overdueMs > overdueMsMax;
  if (answer?.kind === 'pending') {
    if (isTooLate)
      return giveUp({ reason: 'STEP_TIMEOUT', message: 'Its task goes on though it was told to stop' });
    return afterAnswer(answer, context);
  }
  if (answer?.kind === 'failed' && broken !== undefined) {
    // Stopped by us: the task's own account of its end is what it left, not why.
    return afterFailure(errorRecord(broken.reason, broken.message, true), effectKind(answer.effect), context);
  }
  if (answer !== undefined) return afterAnswer(answer, context);
  if (overdueMs !== undefined && context.call.description.canProbe) {
    return { kind: 'probe', afterMs: 0, unknownProbes: 0 };
  }
  if (isTooLate)
    return giveUp({ reason: 'EFFECT_UNKNOWN', message: 'Its task can no longer be asked after' });
  return {
    ...last,
    afterMs: Math.min(Math.max(last.afterMs, 500) * 2, pollBackoffMsMax),
    progress: undefined,
  };
}

/** After a probe. `broken` says how the call ended that is probed; undefined if its node was lost. */
export function afterProbe(
  answer: ProbeResult,
  broken: CallBroken | undefined,
  context: AttemptContext,
): Next {
  const { item, isStopping } = context;
  switch (answer.kind) {
    case 'done':
      return settle(OutcomeState.SUCCEEDED, EffectKind.SOME, answer);
    case 'pending':
      return {
        kind: 'poll',
        task: answer.task,
        afterMs: Math.max(1, answer.pollAfterMs),
        progress: progressOf(answer),
      };
    case 'unknown':
      return probeAgain(answer.message, item);
    case 'not-done': {
      const effect = effectKind(answer.effect);
      if (broken !== undefined && broken.reason !== 'STEP_CANCELLED') {
        return afterFailure(errorRecord(broken.reason, broken.message, true), effect, context);
      }
      if (isStopping) {
        const error = errorRecord('STEP_CANCELLED', 'Stopped with its workflow', false);
        return settle(OutcomeState.CANCELLED, joinEffects(item.effect, effect), { error });
      }
      return { kind: 'execute', isRepeat: false, effect: joinEffects(item.effect, effect) };
    }
  }
}

/** After a probe that failed itself: as one that could not tell. */
export function probeAgain(message: string, item: QueueItem): Next {
  const unknownProbes = item.unknownProbes + 1;
  if (unknownProbes >= limits.unknownProbesMax) return giveUp({ reason: 'EFFECT_UNKNOWN', message });
  return { kind: 'probe', afterMs: Math.min(probeMsMin * 2 ** unknownProbes, probeMsMax), unknownProbes };
}

/** Whether a step that ended like this has to be undone. */
export function needsUndo(state: OutcomeState, effect: EffectKind): boolean {
  return state !== OutcomeState.SKIPPED && effect !== EffectKind.NONE;
}

/** What two calls together left. */
export function joinEffects(before: EffectKind, now: EffectKind): EffectKind {
  if (before === EffectKind.UNKNOWN || now === EffectKind.UNKNOWN) return EffectKind.UNKNOWN;
  return before === EffectKind.SOME || now === EffectKind.SOME ? EffectKind.SOME : now;
}

/** An error as it is stored, cut to its limit. */
export function errorRecord(reason: StepReason, message: string, retryable: boolean): ErrorRecord {
  return { reason, message: cut(message), retryable };
}

/** A contract's effect as it is stored. */
export function effectKind(effect: Effect): EffectKind {
  switch (effect) {
    case 'none':
      return EffectKind.NONE;
    case 'some':
      return EffectKind.SOME;
    case 'unknown':
      return EffectKind.UNKNOWN;
  }
}

/** The settlement for a step that only a person can move. */
export function giveUp(broken: CallBroken): Next {
  const error = errorRecord(broken.reason, broken.message, false);
  return {
    kind: 'settle',
    settlement: {
      state: OutcomeState.UNKNOWN,
      effect: EffectKind.UNKNOWN,
      output: undefined,
      steps: undefined,
      error,
      needsPerson: true,
    },
  };
}

function clearUp(item: QueueItem, call: StepCall, afterMs: number): Next {
  if (call.description.canProbe) return { kind: 'probe', afterMs, unknownProbes: item.unknownProbes };
  if (call.description.idempotent) return { kind: 'execute', isRepeat: true, effect: item.effect };
  const message = `Call ${item.attempt} was cut off, and the method can be neither probed nor repeated`;
  return giveUp({ reason: 'EFFECT_UNKNOWN', message });
}

function settle(
  state: OutcomeState,
  effect: EffectKind,
  result: { readonly output?: JsonObject; readonly steps?: unknown; readonly error?: ErrorRecord },
): Next {
  const { output, steps, error } = result;
  return { kind: 'settle', settlement: { state, effect, output, steps, error, needsPerson: false } };
}

function progressOf(answer: { progressPercent?: number; progressMessage?: string }): Progress | undefined {
  const { progressPercent, progressMessage } = answer;
  if (progressPercent === undefined && progressMessage === undefined) return undefined;
  return { percent: clampPercent(progressPercent ?? 0), message: cut(progressMessage ?? '') };
}

/** 0 to 100, whatever a controller says. */
export function clampPercent(percent: number): number {
  return Number.isFinite(percent) ? Math.min(100, Math.max(0, Math.round(percent))) : 0;
}

/** Cuts a message to its limit, not within a character. */
export function cut(message: string): string {
  if (Buffer.byteLength(message) <= limits.messageBytesMax) return message;
  const bytes = Buffer.from(message).subarray(0, limits.messageBytesMax - 3);
  return `${new TextDecoder().decode(bytes).replace(/\uFFFD+$/, '')}…`;
}
