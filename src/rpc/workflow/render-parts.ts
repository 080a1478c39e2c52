/** What workflows, steps and incidents have in common, as the wire shows it. Pure. */
import { msToDate } from '../../base/duration.js';
import { EffectKind } from '../../gen/store/steplock/store/v1/step.js';
import type { ErrorRecord, MarkRecord } from '../../gen/store/steplock/store/v1/workflow.js';
import { Effect, type Mark, type StepError } from '../../gen/wire/steplock/v1/workflow.js';

/** An error of a step. */
export function renderError({ reason, message, retryable }: ErrorRecord): StepError {
  return { reason, message, retryable };
}

/** What an operator did. */
export function renderMark({ verb, actor, reason, timeMs, step }: MarkRecord): Mark {
  return { verb, actor, reason, time: msToDate(timeMs), step };
}

/** What a step left. */
export function renderEffect(effect: EffectKind | undefined): Effect {
  switch (effect) {
    case EffectKind.NONE:
      return Effect.NONE;
    case EffectKind.SOME:
      return Effect.SOME;
    case EffectKind.UNKNOWN:
      return Effect.UNKNOWN;
    default:
      return Effect.UNSPECIFIED;
  }
}
