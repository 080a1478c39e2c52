/** The moves of a workflow and its incidents, as changes of the run within a turn. Part of the decision; no I/O. */
import type { IncidentRecord, StepRecord } from '../gen/store/steplock/store/v1/step.js';
import {
  FailureAction,
  HeadState,
  type MarkRecord,
  type StopRecord,
} from '../gen/store/steplock/store/v1/workflow.js';
import { limits } from '../model/limits.js';
import { assert } from '../base/assert.js';
import { uniteLocks } from '../model/locks.js';
import { checkMove, isFinal, isRollingBack, type State } from '../model/workflow-state.js';
import type { Entry, Run } from './run.js';
import type { Turn } from './turn.js';

/** Who acts when Steplock does. */
export const engineActor = 'steplock';

const S = HeadState;

/** Stops a workflow for good; what was done is kept or undone, as the stop says. */
export function stop(run: Run, why: StopRecord, cancelRunning: boolean, turn: Turn): void {
  const isKeeping = why.action === FailureAction.KEEP;
  // A stop decided by a failure while an operator has it suspended keeps to the suspension.
  const isHeld = run.head.state === S.SUSPENDING && why.mark === undefined;
  const rollback = isHeld ? S.ROLLBACK_SUSPENDING : S.ROLLING_BACK;
  moveTo(run, isKeeping ? S.STOPPING : rollback, turn);
  run.head = { ...run.head, stop: why, cancelRunning: run.head.cancelRunning || cancelRunning };
}

/** Moves the workflow to another state. */
export function moveTo(run: Run, state: State, turn: Turn): void {
  checkMove(run.head.state, state);
  const isComeback = isFinal(run.head.state) && state !== S.DELETING;
  assert(!isComeback || run.head.parent !== undefined, 'Only a child comes back from its end');
  const isSuspended = state === S.SUSPENDING || state === S.SUSPENDED || isRollingBack(state);
  const { suspension, ...head } = run.head;
  run.head = { ...head, state, ...(isSuspended && suspension !== undefined ? { suspension } : {}) };
  turn.headChanged = true;
}

/** Moves the workflow to its final state. */
export function end(run: Run, state: State, nowMs: number, turn: Turn): void {
  moveTo(run, state, turn);
  const { suspension: _, ...head } = run.head;
  run.head = { ...head, endTimeMs: nowMs };
  callBack(run, turn);
  unlockAll(run, turn);
  // With everything undone, or on somebody's word, nothing is left for a person; else what is unknown stays so.
  const undone = { verb: 'rollback', actor: engineActor, reason: 'undone', timeMs: nowMs, step: '' };
  const mark = run.head.stop?.mark ?? (state === HeadState.ROLLED_BACK ? undone : undefined);
  if (mark === undefined) return;
  resolveIncidents(run, () => true, mark, turn);
  freePermits(run, () => true, turn);
}

/** Whoever planned the workflow is to be told where it has come to. */
export function callBack(run: Run, turn: Turn): void {
  const { callback: orchestrator, state, uid } = run.head;
  if (orchestrator === '') return;
  const sequence = run.head.callbackSequence + 1;
  run.head = { ...run.head, callbackSequence: sequence };
  turn.headChanged = true;
  turn.add({
    kind: 'callback',
    entry: { record: { unitId: '', orchestrator, sequence, state, uid }, revision: 0 },
  });
}

/** Frees what the steps that the function picks held until a person had decided: their outcome is unknown. */
export function freePermits(run: Run, picks: (record: StepRecord) => boolean, turn: Turn): void {
  for (const [step, former] of run.records) {
    if (former.record.permits.length === 0 || !picks(former.record)) continue;
    const entry = { record: { ...former.record, permits: [] }, revision: 0 };
    turn.add({ kind: 'record', step, entry, item: undefined, former });
    run.records.set(step, entry);
  }
}

/** Lets go of all locks, or of the places for them. */
export function unlockAll(run: Run, turn: Turn): void {
  // A child's locks are its root's.
  if (run.head.parent !== undefined) return;
  const { locks, lateLocks } = run.head;
  if (run.ticket === 0 && lateLocks.length === 0 && !isFinal(run.head.state)) return;
  const late = lateLocks.flatMap(({ needs }) => needs);
  for (const need of uniteLocks([locks, late])) {
    if (!turn.takeBackTicket(need)) turn.add({ kind: 'unlock', need });
  }
  run.head = { ...run.head, lateLocks: [] };
  run.ticket = 0;
  run.lateTickets.clear();
}

/** Notes what an actor did, within the limit. */
export function remember(run: Run, mark: MarkRecord, turn: Turn): void {
  const history = [...run.head.history, mark].slice(-limits.historyMax);
  run.head = { ...run.head, history };
  turn.headChanged = true;
}

/** Opens an incident. */
export function openIncident(run: Run, record: IncidentRecord, turn: Turn): void {
  const entry: Entry<IncidentRecord> = { record, revision: 0 };
  const former = run.incidents.get(record.incidentId)?.revision ?? 0;
  run.incidents.set(record.incidentId, entry);
  turn.add({ kind: 'incident', entry, former });
}

/** Resolves the open incidents that the function picks. */
export function resolveIncidents(
  run: Run,
  picks: (incident: IncidentRecord) => boolean,
  mark: MarkRecord,
  turn: Turn,
): void {
  for (const [id, { record, revision }] of run.incidents) {
    if (record.resolveTimeMs !== 0 || !picks(record)) continue;
    const entry = { record: { ...record, resolveTimeMs: mark.timeMs, resolution: mark }, revision: 0 };
    run.incidents.set(id, entry);
    turn.add({ kind: 'incident', entry, former: revision });
  }
}
