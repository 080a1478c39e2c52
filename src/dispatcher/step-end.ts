/** How a step leaves this node's hands: let go to be tried again later, or with its outcome. */
import { isUndo } from '../base/ids.js';
import { noteIncident } from '../engine/notes.js';
import { OutcomeState, type StepRecord } from '../gen/store/steplock/store/v1/step.js';
import type { Next } from '../model/attempt.js';
import { addedSteps } from './added-steps.js';
import { hideSecrets, toOutcome, withAttempt } from './outcome.js';
import type { RunningStep } from './running-step.js';

/** Lets go of the step: it is tried again, after a while. */
export async function releaseStep(
  step: RunningStep,
  next: Extract<Next, { kind: 'release' }>,
): Promise<void> {
  step.progress.stop();
  const nowMs = step.options.clock.nowMs();
  const { item } = step.held;
  const error = hideSecrets(next.patch.error, step.known.secrets);
  const result = next.patch.inDoubt ? 'unknown' : 'failed';
  await step.held.write({
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
  step.log.info(fields, 'step will be tried again');
  step.options.telemetry.meters.stepReleased(item.controller);
  step.ended = { state: 'tried again', error: error?.reason };
}

/** Records the outcome: through the owner if it is this node, who goes on from it in the same commit. */
export async function settleStep(step: RunningStep, next: Extract<Next, { kind: 'settle' }>): Promise<void> {
  step.progress.stop();
  await step.held.settled();
  const { clock, checker, secrets: vault, outcomes } = step.options;
  const { call, secrets } = step.known;
  const { item } = step.held;
  const added = await addedSteps(step, next.settlement);
  const nowMs = clock.nowMs();
  const context = { workflow: step.workflow, item, call, checker, vault, secrets, nowMs, added };
  const outcome = toOutcome(next.settlement, context);
  const report = { step: step.id, itemRevision: step.held.revision, ...outcome };
  if (!(await outcomes.report(step.workflow, report))) {
    await step.held.finish(outcome);
    if (outcome.incident !== undefined) noteIncident(outcome.incident, step.options);
  }
  noteEnd(step, outcome.record);
  const { error } = outcome.record;
  if (error !== undefined && outcome.incident === undefined) {
    step.log.warn({ reason: error.reason, cause: error.message }, 'step failed');
  }
}

const stateNames = new Map<OutcomeState, string>(
  Object.entries(OutcomeState).map(([name, value]) => [value, name.toLowerCase()]),
);

function noteEnd(step: RunningStep, record: StepRecord): void {
  const { controller, method } = step.held.item;
  const state = stateNames.get(record.state) ?? 'unknown';
  const { queueTimeMs, startTimeMs, endTimeMs, error } = record;
  step.ended = { state, error: error?.reason };
  step.options.telemetry.meters.stepEnded({
    ...{ controller, method, state, direction: isUndo(step.id) ? 'undo' : 'forward' },
    // By wall clocks of nodes, which may differ.
    ms: startTimeMs === 0 ? 0 : Math.max(0, endTimeMs - startTimeMs),
    queuedMs: startTimeMs === 0 ? 0 : Math.max(0, startTimeMs - queueTimeMs),
  });
}
