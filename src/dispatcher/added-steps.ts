/** What a step that has succeeded adds to its workflow, ready to be recorded with its outcome. */
import { isUndo } from '../base/ids.js';
import type { PlanChunk } from '../gen/store/steplock/store/v1/plan.js';
import { WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';
import { takeAddedSteps } from '../intake/added-steps.js';
import type { Settlement } from '../model/attempt.js';
import { findStep } from '../model/plan.js';
import { secretScopeOf } from '../model/secret.js';
import { keys } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';
import { ClaimLostError } from './held-item.js';
import type { RunningStep } from './running-step.js';

/** The part of the plan, or what is wrong with it; undefined if the step adds nothing. */
export async function addedSteps(
  step: RunningStep,
  { steps }: Settlement,
): Promise<PlanChunk | string | undefined> {
  if (steps === undefined || (Array.isArray(steps) && steps.length === 0)) return undefined;
  if (isUndo(step.id)) return 'added_steps: an undo adds no steps';
  const { store, plans, intake } = step.options;
  const { item } = step.held;
  // As it is now: others may have added steps that these wait for, or an operator may have broken a lock.
  const { head, plan } = await step.untilStoreAnswers(async () => {
    const kv = await store.get(keys.head(step.workflow));
    const read = kv === undefined ? undefined : decodeRecord(WorkflowHead, kv);
    if (read?.plan === undefined) throw new ClaimLostError('The workflow is gone');
    return { head: read, plan: await plans.load(store, step.workflow, item.uid, read.plan) };
  });
  const by = findStep(plan, step.id);
  if (by === undefined) throw new ClaimLostError('The workflow is gone');
  return takeAddedSteps(intake, steps, {
    by,
    plan,
    locks: head.locks,
    planBytes: head.plan?.bytes ?? 0,
    secretScope: secretScopeOf(item),
    secrets: step.known.secrets,
  });
}
