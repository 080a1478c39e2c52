/**
 * Decides what happens next in a workflow: from what is known (the run), what was just reported or asked, and the
 * time, to the changes to be committed. Deterministic, without I/O; the run is changed at once (see run.ts).
 */
import type { StepId } from '../base/ids.js';
import { OutcomeState, type IncidentRecord, type StepRecord } from '../gen/store/steplock/store/v1/step.js';
import type { Compare } from '../store/store.js';
import { FailureAction, HeadState } from '../gen/store/steplock/store/v1/workflow.js';
import { errorRecord } from '../model/attempt.js';
import { limits } from '../model/limits.js';
import { applyVerbs } from './apply-verb.js';
import { tellParent } from './child.js';
import { askChildren } from './children.js';
import { settleLateLocks, type LateLockInputs } from './late-locks.js';
import { callBack, end, engineActor, moveTo, openIncident, resolveIncidents, stop } from './moves.js';
import { endWaiting, releaseSteps, releaseUndos, tidyStopped, type Reserve } from './release.js';
import type { Run } from './run.js';
import { takeUpAdded } from './take-up-added.js';
import type { Turn } from './turn.js';

/** A step whose outcome the node that ran it reports to the owner, to be committed with what follows from it. */
export interface Report {
  readonly step: StepId;
  /** The revision of the queue item that the outcome ends. */
  readonly itemRevision: number;
  readonly record: StepRecord;
  readonly incident: IncidentRecord | undefined;
}

/** What a decision is made of beside the run. */
export interface Inputs {
  readonly reports: readonly Report[];
  readonly nowMs: number;
  /** How long the workflow has been running, or a draft: measured, for wall clocks differ and jump. */
  readonly elapsedMs: number;
  /** Claims a slot of this node for a step that is about to be queued, if one is free. */
  readonly reserve: Reserve;
  /** If nobody comes before the workflow for what it locks: the conditions under which that is true. */
  readonly lockGuards: (run: Run) => readonly Compare[] | undefined;
  /** The same for one resource that a child wants. */
  readonly lateGuards: LateLockInputs['lateGuards'];
  /** Whether roots wait for each other. */
  readonly cycleGuards: LateLockInputs['cycleGuards'];
}

const S = HeadState;
/** How much measured time may be lost with an owner, at least. */
const keepElapsedMsMin = 60_000;

/** Decides. Gives the reports that no longer fit what is known; their reporters write them by themselves. */
export function decide(run: Run, inputs: Inputs, turn: Turn): Report[] {
  const stateBefore = run.head.state;
  const refused = inputs.reports.filter((report) => !applyReport(run, report, turn));
  if (!takeUpAdded(run, turn)) return refused;
  resolveRepaired(run, inputs.nowMs, turn);
  applyVerbs(run, inputs, turn);
  // Each pass moves the state at most once; no chain of moves is longer than this.
  for (let passes = 0; passes < 8; passes++) {
    const before = run.head.state;
    advance(run, inputs, turn);
    if (run.head.state === before) break;
  }
  settleLateLocks(run, inputs, turn);
  askChildren(run, inputs.nowMs, turn);
  if (run.head.state !== stateBefore) tellParent(run, inputs.nowMs, turn);
  return refused;
}

/** A run that could be loaded has no corrupt record any more. */
function resolveRepaired(run: Run, nowMs: number, turn: Turn): void {
  if (run.incidents.size === 0) return;
  const reason = 'the record can be read again';
  const mark = { verb: 'repair', actor: engineActor, reason, timeMs: nowMs, step: '' };
  resolveIncidents(run, ({ error }) => error?.reason === 'RECORD_CORRUPT', mark, turn);
}

function applyReport(run: Run, report: Report, turn: Turn): boolean {
  const item = run.items.get(report.step);
  if (item?.revision !== report.itemRevision) return false;
  const entry = { record: report.record, revision: 0 };
  turn.add({ kind: 'record', step: report.step, entry, item, former: run.records.get(report.step) });
  if (report.incident !== undefined) openIncident(run, report.incident, turn);
  run.end(report.step, entry);
  return true;
}

function advance(run: Run, inputs: Inputs, turn: Turn): void {
  const { nowMs } = inputs;
  switch (run.head.state) {
    case S.DRAFT:
      if (hasElapsed(run, limits.draftLifeMs, inputs, turn)) moveTo(run, S.DELETING, turn);
      return;
    case S.SCHEDULED:
      advanceScheduled(run, nowMs, turn);
      return;
    case S.QUEUED:
      advanceQueued(run, inputs, turn);
      return;
    case S.RUNNING:
      advanceRunning(run, inputs, turn);
      return;
    case S.SUSPENDING:
    case S.SUSPENDED:
      advanceSuspended(run, nowMs, turn);
      return;
    case S.STOPPING:
      tidyStopped(run, nowMs, turn);
      if (run.items.size === 0)
        end(run, run.head.stop?.cause === 'STEP_FAILED' ? S.FAILED : S.CANCELLED, nowMs, turn);
      return;
    case S.ROLLING_BACK:
    case S.ROLLBACK_SUSPENDING:
    case S.ROLLBACK_SUSPENDED:
    case S.ROLLBACK_BLOCKED:
      advanceRollback(run, inputs, turn);
      return;
    default:
  }
}

function isDue(timeMs: number, nowMs: number, turn: Turn): boolean {
  if (nowMs >= timeMs) return true;
  turn.wakeAt(timeMs);
  return false;
}

function advanceScheduled(run: Run, nowMs: number, turn: Turn): void {
  if (!isDue(run.head.notBeforeMs, nowMs, turn)) return;
  const { locks, parent } = run.head;
  if (locks.length === 0) begin(run, nowMs, turn);
  // What a child locks its root takes.
  else if (parent === undefined) joinLockQueues(run, nowMs, turn);
  else moveTo(run, S.QUEUED, turn);
}

function advanceQueued(run: Run, { nowMs, lockGuards }: Inputs, turn: Turn): void {
  if (run.head.parent !== undefined) {
    if (run.head.locksGranted) begin(run, nowMs, turn);
    return;
  }
  const isWaiting = run.head.locks.length > 0;
  // Its place is known once its tickets are written.
  const guards = isWaiting && run.ticket === 0 ? undefined : lockGuards(run);
  if (guards === undefined) return;
  turn.add({ kind: 'grant', guards });
  begin(run, nowMs, turn);
}

/** Takes a place in the queue of each resource, all at one revision. */
function joinLockQueues(run: Run, nowMs: number, turn: Turn): void {
  if (turn.changes.some(({ kind }) => kind === 'unlock')) {
    // Suspended and resumed at once: its old tickets go first.
    turn.hasMore = true;
    return;
  }
  moveTo(run, S.QUEUED, turn);
  for (const need of run.head.locks) turn.add({ kind: 'ticket', need, timeMs: nowMs, isLate: false });
}

function begin(run: Run, nowMs: number, turn: Turn): void {
  moveTo(run, S.RUNNING, turn);
  if (run.head.startTimeMs === 0) run.head = { ...run.head, startTimeMs: nowMs, elapsedMs: 0 };
}

function advanceRunning(run: Run, inputs: Inputs, turn: Turn): void {
  const { nowMs } = inputs;
  const [failed] = run.failed;
  if (failed !== undefined) {
    failWith(run, failed, nowMs, turn);
  } else if (run.isComplete) {
    end(run, S.SUCCEEDED, nowMs, turn);
  } else if (run.head.deadlineMs > 0 && hasElapsed(run, run.head.deadlineMs, inputs, turn)) {
    stop(run, { cause: 'DEADLINE', step: '', action: run.head.deadlineAction }, true, turn);
  } else if (!endOverdue(run, inputs, turn)) {
    releaseSteps(run, inputs, turn);
    const unknown = run.items.size === 0 && run.ready.size === 0 ? run.unknownStep() : undefined;
    if (unknown !== undefined)
      suspendFor(run, unknown, `nobody knows what came of step ${unknown}`, nowMs, turn);
  }
}

/** Ends a step that has waited too long, if there is one: the workflow has a failed step then. */
function endOverdue(run: Run, inputs: Inputs, turn: Turn): boolean {
  for (const step of run.waiting) {
    const item = run.items.get(step);
    // What was queued within this turn is looked at in the next one.
    if (item === undefined || item.revision === 0 || item.record.waitUntilElapsedMs === 0) continue;
    if (!hasElapsed(run, item.record.waitUntilElapsedMs, inputs, turn)) continue;
    const error = errorRecord('STEP_TIMEOUT', 'Nobody answered in time', false);
    endWaiting(run, step, { state: OutcomeState.FAILED, error }, inputs.nowMs, turn);
    turn.hasMore = true;
    return true;
  }
  return false;
}

/** Nothing goes on without a person. */
function suspendFor(run: Run, step: StepId, reason: string, nowMs: number, turn: Turn): void {
  moveTo(run, S.SUSPENDING, turn);
  const suspension = { verb: 'suspend', actor: engineActor, reason, timeMs: nowMs, step };
  run.head = { ...run.head, suspension };
}

/** Whether that much time has passed; what was measured is kept now and then, for the next owner to go on from. */
function hasElapsed(run: Run, limitMs: number, { elapsedMs, nowMs }: Inputs, turn: Turn): boolean {
  if (elapsedMs >= limitMs) return true;
  const keepMs = Math.max(keepElapsedMsMin, limitMs / 10);
  if (elapsedMs - run.head.elapsedMs >= keepMs) {
    run.head = { ...run.head, elapsedMs };
    turn.headChanged = true;
  }
  turn.wakeAt(nowMs + Math.min(limitMs - elapsedMs, keepMs));
  return false;
}

function advanceSuspended(run: Run, nowMs: number, turn: Turn): void {
  const [failed] = run.failed;
  const isWanted = run.head.onFailure !== FailureAction.SUSPEND && run.head.stop === undefined;
  if (failed !== undefined && isWanted && run.head.state === S.SUSPENDING) {
    failWith(run, failed, nowMs, turn);
  } else if (run.isComplete) {
    end(run, S.SUCCEEDED, nowMs, turn);
  } else if (run.head.state === S.SUSPENDING && !run.hasLiveItem) {
    moveTo(run, S.SUSPENDED, turn);
  }
}

function advanceRollback(run: Run, inputs: Inputs, turn: Turn): void {
  const { nowMs } = inputs;
  run.startBackward();
  tidyStopped(run, nowMs, turn);
  if (run.isCleared) {
    if (run.head.state === S.ROLLBACK_BLOCKED) moveTo(run, S.ROLLING_BACK, turn);
    end(run, S.ROLLED_BACK, nowMs, turn);
  } else if (run.head.state === S.ROLLING_BACK) {
    releaseUndos(run, inputs, turn);
    // After the last undo that could be queued: what is left waits for one that failed.
    if (run.items.size === 0 && run.undoReady.size === 0) {
      moveTo(run, S.ROLLBACK_BLOCKED, turn);
      callBack(run, turn);
    }
  } else if (run.head.state === S.ROLLBACK_SUSPENDING && !run.hasLiveItem) {
    moveTo(run, S.ROLLBACK_SUSPENDED, turn);
  }
}

/** Does what the workflow's settings say about a step that failed for good. */
function failWith(run: Run, step: StepId, nowMs: number, turn: Turn): void {
  const { onFailure, cancelRunningOnFailure } = run.head;
  if (onFailure === FailureAction.SUSPEND) {
    suspendFor(run, step, `step ${step} failed`, nowMs, turn);
    return;
  }
  const error = run.records.get(step)?.record.error;
  stop(
    run,
    { cause: 'STEP_FAILED', step, action: onFailure, ...(error === undefined ? {} : { error }) },
    cancelRunningOnFailure,
    turn,
  );
}
