/** Writes down that a call is about to be made, before it is made: the last word on whether it is still wanted. */
import { sleep } from '../base/clock.js';
import { isUndo } from '../base/ids.js';
import { beginAttempt } from '../engine/release.js';
import type { EffectKind } from '../gen/store/steplock/store/v1/step.js';
import { startsSteps, startsUndos } from '../model/workflow-state.js';
import type { LiveWorkflow } from '../queue/queue-view.js';
import { keys } from '../store/keys.js';
import { isUnchanged } from '../store/store.js';
import { storeRetryMsMin, type RunningStep } from './running-step.js';

/** Records that a new call is about to be made; false, with the step let go, when it is no longer wanted. */
export async function recordIntent(
  step: RunningStep,
  isRepeat: boolean,
  effect: EffectKind,
): Promise<boolean> {
  const { admission, clock, live, session } = step.options;
  for (;;) {
    const workflow = live(step.workflow.id);
    const isHeld = admission.isHeld(step.held.item);
    if (!isRepeat && (isHeld || !isStartWanted(step, workflow))) {
      await step.held.write({ claim: undefined, inDoubt: false, task: '', effect, permits: [] });
      return false;
    }
    const nowMs = clock.nowMs();
    const claim = { node: session.nodeId, session: session.revision, timeMs: nowMs };
    const { permits } = step.held.item;
    const patch = { ...beginAttempt(step.held.item, { claim, permits }, nowMs), effect };
    const guards = isRepeat
      ? []
      : [isUnchanged(keys.live(step.workflow), workflow?.revision ?? -1), admission.guard()];
    if (await step.held.beginAttempt(patch, guards)) {
      step.beginCall();
      return true;
    }
    // Refused: the workflow moved, or the claim is lost. The cache may not know of the move yet.
    await step.held.write({});
    await sleep(clock, storeRetryMsMin, session.signal);
  }
}

function isStartWanted(step: RunningStep, workflow: LiveWorkflow | undefined): boolean {
  if (workflow === undefined) return false;
  const { state } = workflow.record;
  return isUndo(step.id) ? startsUndos(state) : startsSteps(state);
}
