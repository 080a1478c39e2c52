/** What operators ask for, applied to a run. Part of the decision; no I/O. */
import { isUndo, undoneOf, type StepId } from '../base/ids.js';
import { EffectKind, OutcomeState, type StepRecord } from '../gen/store/steplock/store/v1/step.js';
import {
  FailureAction,
  HeadState,
  type ErrorRecord,
  type MarkRecord,
  type VerbRecord,
} from '../gen/store/steplock/store/v1/workflow.js';
import { toUtf8 } from '../base/bytes.js';
import { errorRecord } from '../model/attempt.js';
import { findStep, callOf, stepOf } from '../model/plan.js';
import { refusalOf, type Verb } from '../model/verbs.js';
import { isRollingBack } from '../model/workflow-state.js';
import { end, freePermits, moveTo, remember, resolveIncidents, stop, unlockAll } from './moves.js';
import {
  closeIncident,
  concerns,
  markDone,
  markUndone,
  release,
  resumeIfDecided,
  unblock,
  untell,
} from './resolve-incident.js';
import { followParent } from './child.js';
import { noteChild } from './children.js';
import { wantLocks, type LateLockInputs } from './late-locks.js';
import { isTreeVerb } from './tree-verbs.js';
import { emptyRecord, endWaiting, enqueue, newItem, satisfy, type Now } from './release.js';
import type { Entry, Run } from './run.js';
import type { Turn } from './turn.js';
import { verbView } from './verb-view.js';

const S = HeadState;

/** Takes up the verbs that are there, oldest first. */
export function applyVerbs(run: Run, now: LateLockInputs, turn: Turn): void {
  const verbs = [...run.verbs.values()].sort((left, right) => left.revision - right.revision);
  for (const entry of verbs) {
    if (!turn.hasRoom) {
      turn.hasMore = true;
      return;
    }
    const isOfTree = isTreeVerb(entry.record.verb);
    if (isOfTree) applyTreeVerb(run, entry.record, now, turn);
    const refusal = isOfTree ? undefined : applyVerb(run, entry.record, now, turn);
    turn.add({ kind: 'consume', verb: entry, refusal });
    run.verbs.delete(entry.record.requestId);
  }
}

function applyTreeVerb(run: Run, verb: VerbRecord, now: LateLockInputs, turn: Turn): void {
  if (verb.verb === 'child-moved') noteChild(run, verb, now.nowMs, turn);
  else if (verb.verb === 'want-locks') wantLocks(run, verb, now, turn);
  else followParent(run, verb, now.nowMs, turn);
}

function applyVerb(run: Run, verb: VerbRecord, now: Now, turn: Turn): ErrorRecord | undefined {
  const step = verb.step === '' ? undefined : (verb.step as StepId);
  const isKnown = step === undefined || findStep(run.plan, step) !== undefined;
  const { resource, incidentId, signal } = verb;
  const view = verbView(run, { step, resource, incidentId, signal });
  const refusal = isKnown ? refusalOf(verb.verb as Verb, view) : 'the plan has no such step';
  if (refusal !== undefined) return { reason: 'ILLEGAL_TRANSITION', message: refusal, retryable: false };
  const mark: MarkRecord = {
    verb: verb.verb,
    actor: verb.actor,
    reason: verb.reason,
    timeMs: verb.timeMs,
    step: verb.step,
  };
  remember(run, mark, turn);
  perform(run, verb, mark, now, turn);
  return undefined;
}

function perform(run: Run, verb: VerbRecord, mark: MarkRecord, now: Now, turn: Turn): void {
  const step = verb.step as StepId;
  const { nowMs } = now;
  switch (verb.verb as Verb) {
    case 'suspend':
      suspend(run, mark, turn);
      return;
    case 'resume':
      resume(run, nowMs, turn);
      return;
    case 'cancel':
      stopByActor(run, verb, { verb: mark, cause: 'CANCELLED' }, nowMs, turn);
      return;
    case 'rollback':
      stopByActor(run, { ...verb, keep: false }, { verb: mark, cause: 'ROLLED_BACK' }, nowMs, turn);
      return;
    case 'retry':
      retry(run, step, mark, now, turn);
      return;
    case 'skip':
      skip(run, verb, mark, nowMs, turn);
      return;
    case 'resolve':
      closeIncident(run, verb, mark, turn);
      return;
    case 'mark-done':
      markDone(run, verb, mark, nowMs, turn);
      return;
    case 'mark-undone':
      markUndone(run, verb, mark, nowMs, turn);
      return;
    case 'release':
      release(run, verb, mark, turn);
      return;
    case 'untell':
      untell(run, verb, mark, turn);
      return;
    case 'break':
      breakLock(run, verb.resource, turn);
      return;
    case 'approve':
    case 'reject':
      decideApproval(run, verb, nowMs, turn);
      return;
    case 'signal':
      receiveSignal(run, verb, nowMs, turn);
      return;
    case 'delete':
      if (run.head.state !== S.DELETING) moveTo(run, S.DELETING, turn);
  }
}

function decideApproval(
  run: Run,
  { step, verb, actor, reason }: VerbRecord,
  nowMs: number,
  turn: Turn,
): void {
  const output = Buffer.from(toUtf8(JSON.stringify({ actor, reason })));
  const error = errorRecord('REJECTED', `${actor}: ${reason}`, false);
  const isApproved = verb === 'approve';
  const end = isApproved ? { state: OutcomeState.SUCCEEDED, output } : { state: OutcomeState.FAILED, error };
  endWaiting(run, step as StepId, end, nowMs, turn);
}

/** Kept for the steps whose turn has not come; those that wait now have what they wait for. */
function receiveSignal(run: Run, verb: VerbRecord, nowMs: number, turn: Turn): void {
  const { signal: name, output: payload, actor, timeMs } = verb;
  const entry = { record: { unitId: '', name, payload, actor, timeMs }, revision: 0 };
  turn.add({ kind: 'signal', entry });
  run.signals.set(name, entry);
  for (const step of run.waiting) {
    const { kind, prompt } = stepOf(run.plan, step);
    if (kind === 'signal' && prompt === name) satisfy(run, step, entry.record, nowMs, turn);
  }
}

function breakLock(run: Run, resource: string, turn: Turn): void {
  const need = run.head.locks.find((each) => each.resource === resource);
  if (need === undefined) return;
  // A child holds nothing itself. What is not held yet is deleted in vain.
  if (run.head.parent === undefined) turn.add({ kind: 'unlock', need });
  run.head = { ...run.head, locks: run.head.locks.filter((each) => each !== need) };
}

function suspend(run: Run, mark: MarkRecord, turn: Turn): void {
  const { state } = run.head;
  if (state === S.SCHEDULED || state === S.QUEUED) {
    moveTo(run, S.SUSPENDED, turn);
    // It would keep others waiting who can go on.
    unlockAll(run, turn);
  } else moveTo(run, state === S.RUNNING ? S.SUSPENDING : S.ROLLBACK_SUSPENDING, turn);
  run.head = { ...run.head, suspension: mark };
}

function resume(run: Run, nowMs: number, turn: Turn): void {
  const { state, startTimeMs, notBeforeMs } = run.head;
  if (isRollingBack(state)) moveTo(run, S.ROLLING_BACK, turn);
  else if (startTimeMs === 0 && state === S.SUSPENDED) moveTo(run, S.SCHEDULED, turn);
  else moveTo(run, S.RUNNING, turn);
  const { suspension: _, ...head } = run.head;
  run.head = head;
  if (run.head.state === S.SCHEDULED && notBeforeMs > nowMs) turn.wakeAt(notBeforeMs);
}

function stopByActor(
  run: Run,
  verb: VerbRecord,
  by: { readonly verb: MarkRecord; readonly cause: 'CANCELLED' | 'ROLLED_BACK' },
  nowMs: number,
  turn: Turn,
): void {
  const action = verb.keep ? FailureAction.KEEP : FailureAction.ROLL_BACK;
  const why = { cause: by.cause, step: '', mark: by.verb, action };
  if (
    run.head.state === S.SCHEDULED ||
    run.head.state === S.QUEUED ||
    (run.head.state === S.SUSPENDED && run.head.startTimeMs === 0)
  ) {
    // Nothing has begun, so there is nothing to undo.
    if (run.head.state === S.SUSPENDED) moveTo(run, S.SCHEDULED, turn);
    run.head = { ...run.head, stop: why };
    end(run, verb.keep ? S.CANCELLED : S.ROLLED_BACK, nowMs, turn);
  } else if (run.head.state === S.STOPPING && verb.keep) {
    run.head = { ...run.head, cancelRunning: run.head.cancelRunning || verb.cancelRunning };
  } else {
    stop(run, why, verb.cancelRunning, turn);
  }
}

function retry(run: Run, step: StepId, mark: MarkRecord, now: Now, turn: Turn): void {
  const former = run.records.get(step);
  const item = {
    ...newItem(run, step, now),
    ...(former === undefined ? {} : carriedOver(run, step, former)),
  };
  if (isUndo(step)) {
    unblock(run, turn);
    // Who says that a step of unknown outcome is to be undone has decided: else its undo could wait for the slot that the
    // step itself keeps.
    freePermits(run, ({ stepId }) => stepId === undoneOf(step), turn);
  }
  resolveIncidents(run, (incident) => concerns(incident.stepId, step), mark, turn);
  // Not claimed here: the workflow may be suspended, and a retry is never in a hurry.
  if (former !== undefined && former.record.child !== '') {
    const ref = { id: former.record.child, shard: former.record.childShard, step };
    run.head = { ...run.head, formerChildren: [...run.head.formerChildren, ref] };
  }
  const signal = item.kind === 'signal' ? run.signals.get(stepOf(run.plan, step).prompt)?.record : undefined;
  if (signal !== undefined) satisfy(run, step, signal, now.nowMs, turn);
  else enqueue(run, item, former, { ...now, reserve: () => undefined }, turn);
  resumeIfDecided(run, former, turn);
}

/** What a step that is retried keeps of its former life. */
function carriedOver(run: Run, step: StepId, { record }: Entry<StepRecord>): object {
  const isUnknown = record.state === OutcomeState.UNKNOWN;
  return {
    attempt: record.attempts,
    lastAttempts: record.lastAttempts,
    startTimeMs: record.startTimeMs,
    effect: record.effect,
    // Nobody knows whether its call has ended: what it holds it goes on holding.
    permits: record.permits,
    // A known failure is over: the next call is a new one to the controller. An unknown end is looked into first.
    series: isUnknown ? record.series : record.series + 1,
    inDoubt: isUnknown && callOf(run.plan, step).description.canProbe,
  };
}

function skip(run: Run, verb: VerbRecord, mark: MarkRecord, nowMs: number, turn: Turn): void {
  const step = verb.step as StepId;
  const former = run.records.get(step);
  const item = run.items.get(step);
  const record: StepRecord = {
    ...emptyRecord(step, nowMs),
    ...(former?.record ?? {}),
    state: OutcomeState.SKIPPED,
    effect: former?.record.effect ?? EffectKind.NONE,
    output: verb.output,
    error: { reason: 'SKIPPED_BY_OPERATOR', message: `${mark.actor}: ${mark.reason}`, retryable: false },
    endTimeMs: nowMs,
    incidentId: '',
    permits: [],
  };
  const entry = { record, revision: 0 };
  unblock(run, turn);
  resolveIncidents(run, (incident) => concerns(incident.stepId, step), mark, turn);
  turn.add({ kind: 'record', step, entry, item, former });
  run.end(step, entry);
  resumeIfDecided(run, former, turn);
}
