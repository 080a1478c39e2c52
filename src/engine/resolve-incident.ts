/** What a person says about an incident, applied to a run. Part of the decision; no I/O. */
import { isUndo, undoneOf, type StepId } from '../base/ids.js';
import { EffectKind, OutcomeState, type StepRecord } from '../gen/store/steplock/store/v1/step.js';
import { HeadState, type MarkRecord, type VerbRecord } from '../gen/store/steplock/store/v1/workflow.js';
import { errorRecord } from '../model/attempt.js';
import { untoldOf } from '../model/resolutions.js';
import { isFinal } from '../model/workflow-state.js';
import { engineActor, freePermits, moveTo, resolveIncidents, unlockAll } from './moves.js';
import type { Entry, Run } from './run.js';
import type { Turn } from './turn.js';

const S = HeadState;

/** Nothing more is done about what a workflow that has ended has left open. */
export function closeIncident(run: Run, verb: VerbRecord, mark: MarkRecord, turn: Turn): void {
  resolveIncidents(run, ({ incidentId }) => incidentId === verb.incidentId, mark, turn);
  freePermits(run, ({ incidentId }) => incidentId === verb.incidentId, turn);
}

/** The step, of which nobody knew what came of it, has succeeded. */
export function markDone(run: Run, verb: VerbRecord, mark: MarkRecord, nowMs: number, turn: Turn): void {
  const fact = { state: OutcomeState.SUCCEEDED, effect: EffectKind.SOME, output: verb.output };
  decideStep(run, verb.step as StepId, fact, { mark, nowMs }, turn);
}

/** Nothing of the step is left: it counts as failed without effect, so that nothing undoes it; its undo as succeeded. */
export function markUndone(run: Run, verb: VerbRecord, mark: MarkRecord, nowMs: number, turn: Turn): void {
  const step = verb.step as StepId;
  const error = errorRecord('UNDONE_BY_OPERATOR', `${mark.actor}: ${mark.reason}`, false);
  const fact = isUndo(step)
    ? { state: OutcomeState.SUCCEEDED, effect: EffectKind.SOME }
    : { state: OutcomeState.FAILED, effect: EffectKind.NONE, error };
  decideStep(run, step, fact, { mark, nowMs }, turn);
}

/** The quarantine ends, and what is half undone stays as it is: its incident stays open. */
export function release(run: Run, verb: VerbRecord, mark: MarkRecord, turn: Turn): void {
  if (isFinal(run.head.state)) {
    closeIncident(run, verb, mark, turn);
    return;
  }
  freePermits(run, () => true, turn);
  unlockAll(run, turn);
  // A child's are its root's.
  if (run.head.parent === undefined) run.head = { ...run.head, locks: [] };
}

/** Nobody tells the orchestrator any more. */
export function untell(run: Run, verb: VerbRecord, mark: MarkRecord, turn: Turn): void {
  const sequence = untoldOf({ workflowId: run.key.id, incidentId: verb.incidentId }) ?? 0;
  turn.add({ kind: 'untell', sequence });
  for (const name of run.callbacks) if (Number(name) === sequence) run.callbacks.delete(name);
  resolveIncidents(run, ({ incidentId }) => incidentId === verb.incidentId, mark, turn);
}

/** An incident about a step is settled by what is done about its undo, too. */
export function concerns(incidentStep: string, step: StepId): boolean {
  return incidentStep === step || (isUndo(step) && incidentStep === undoneOf(step));
}

/** A blocked rollback has something to go on with. */
export function unblock(run: Run, turn: Turn): void {
  if (run.head.state === S.ROLLBACK_BLOCKED) moveTo(run, S.ROLLING_BACK, turn);
}

/** What Steplock had suspended, because nobody knew what came of this step, goes on once a person has said so. */
export function resumeIfDecided(run: Run, former: Entry<StepRecord> | undefined, turn: Turn): void {
  const { state, suspension } = run.head;
  const isWaiting = state === S.SUSPENDED || state === S.SUSPENDING;
  if (!isWaiting || suspension?.actor !== engineActor) return;
  if (former?.record.state === OutcomeState.UNKNOWN) moveTo(run, S.RUNNING, turn);
}

function decideStep(
  run: Run,
  step: StepId,
  fact: Pick<StepRecord, 'state' | 'effect'> & Partial<StepRecord>,
  { mark, nowMs }: { readonly mark: MarkRecord; readonly nowMs: number },
  turn: Turn,
): void {
  const former = run.records.get(step);
  if (former === undefined) return;
  const { error: _, ...known } = former.record;
  const record: StepRecord = { ...known, ...fact, endTimeMs: nowMs, incidentId: '', task: '', permits: [] };
  const entry = { record, revision: 0 };
  unblock(run, turn);
  resolveIncidents(run, (incident) => concerns(incident.stepId, step), mark, turn);
  turn.add({ kind: 'record', step, entry, item: undefined, former });
  run.end(step, entry);
  resumeIfDecided(run, former, turn);
}
