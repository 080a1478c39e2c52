/** What a child does: follows its parent, and tells it where it stands. No I/O. */
import { toUtf8 } from '../base/bytes.js';
import type { StepId, WorkflowId } from '../base/ids.js';
import {
  FailureAction,
  HeadState,
  type ErrorRecord,
  type MarkRecord,
  type VerbRecord,
} from '../gen/store/steplock/store/v1/workflow.js';
import { errorRecord } from '../model/attempt.js';
import { limits } from '../model/limits.js';
import { isFinal, isRollingBack, type State } from '../model/workflow-state.js';
import { end, moveTo, stop } from './moves.js';
import { resolveOutput } from './output.js';
import type { Run } from './run.js';
import { treeVerb } from './tree-verbs.js';
import type { Turn } from './turn.js';

const S = HeadState;

/** Tells the parent where the child stands, in the transaction that brings it there. */
export function tellParent(run: Run, nowMs: number, turn: Turn): void {
  const { parent, state, stop: why } = run.head;
  // One that is being deleted has ended, and its parent goes as well.
  if (parent === undefined || state === S.DELETING) return;
  const { output, error } =
    state === S.SUCCEEDED ? outputOf(run) : { output: Buffer.alloc(0), error: why?.error };
  const by = why?.mark === undefined ? undefined : errorRecord('STEP_CANCELLED', reasonOf(why.mark), false);
  const reason = error ?? by;
  turn.add({
    kind: 'tell',
    to: { id: parent.workflowId as WorkflowId, shard: parent.shard },
    record: treeVerb('child-moved', run.key, {
      step: parent.step,
      childState: state,
      output,
      timeMs: nowMs,
      ...(reason === undefined ? {} : { error: reason }),
    }),
  });
}

function reasonOf({ verb, actor, reason }: MarkRecord): string {
  return `${verb} by ${actor}${reason === '' ? '' : `: ${reason}`}`;
}

function outputOf(run: Run): { output: Buffer; error: ErrorRecord | undefined } {
  const resolved = resolveOutput(run.plan, run.records);
  const output = Buffer.from(toUtf8(JSON.stringify(resolved ?? {})));
  if (output.length <= limits.workflowOutputBytesMax) return { output, error: undefined };
  const message = `Its output has ${output.length} bytes; at most ${limits.workflowOutputBytesMax} are allowed`;
  return { output: Buffer.alloc(0), error: errorRecord('INVALID_OUTPUT', message, false) };
}

/** Does what the parent asks, as far as that makes sense where the child stands. */
export function followParent(run: Run, verb: VerbRecord, nowMs: number, turn: Turn): void {
  const { state } = run.head;
  switch (verb.verb) {
    case 'ask-suspend':
      if (startsSomething(state)) hold(run, verb, turn);
      return;
    case 'ask-run':
      letGo(run, turn);
      return;
    case 'ask-cancel':
      if (isForward(state)) halt(run, verb, S.CANCELLED, nowMs, turn);
      return;
    case 'ask-rollback':
      if (isForward(state) || state === S.STOPPING) halt(run, verb, S.ROLLED_BACK, nowMs, turn);
      else letGo(run, turn);
      return;
    case 'ask-undo':
      undo(run, verb, nowMs, turn);
      return;
    case 'ask-delete':
      // What waits for a person stays until that is resolved; the parent asks again.
      if (isFinal(state) && !hasOpenIncident(run) && run.callbacks.size === 0) moveTo(run, S.DELETING, turn);
      return;
    case 'locks-granted':
      run.head = { ...run.head, locksGranted: true };
      turn.headChanged = true;
      return;
    case 'locks-refused':
      if (run.head.startTimeMs === 0 && !isFinal(state)) refuse(run, verb, nowMs, turn);
      return;
    default:
  }
}

function markOf({ verb, actor, timeMs }: VerbRecord): MarkRecord {
  return { verb, actor, reason: 'its parent does so', timeMs, step: '' };
}

function startsSomething(state: State): boolean {
  return state === S.QUEUED || state === S.SCHEDULED || state === S.RUNNING || state === S.ROLLING_BACK;
}

function isForward(state: State): boolean {
  const forward: State[] = [S.QUEUED, S.SCHEDULED, S.RUNNING, S.SUSPENDING, S.SUSPENDED];
  return forward.includes(state);
}

function hasOpenIncident(run: Run): boolean {
  return [...run.incidents.values()].some(({ record }) => record.resolveTimeMs === 0);
}

/** Whether it is the parent that holds the child back, and nobody else. */
export function isHeldByParent({ suspension }: Run['head']): boolean {
  return suspension?.verb === 'ask-suspend';
}

function hold(run: Run, verb: VerbRecord, turn: Turn): void {
  const { state } = run.head;
  if (state === S.RUNNING) moveTo(run, S.SUSPENDING, turn);
  else moveTo(run, state === S.ROLLING_BACK ? S.ROLLBACK_SUSPENDING : S.SUSPENDED, turn);
  run.head = { ...run.head, suspension: markOf(verb) };
}

function letGo(run: Run, turn: Turn): void {
  const { state, startTimeMs } = run.head;
  const suspended: State[] = [S.SUSPENDING, S.SUSPENDED, S.ROLLBACK_SUSPENDING, S.ROLLBACK_SUSPENDED];
  if (!isHeldByParent(run.head) || !suspended.includes(state)) return;
  if (isRollingBack(state)) moveTo(run, S.ROLLING_BACK, turn);
  else moveTo(run, startTimeMs === 0 ? S.SCHEDULED : S.RUNNING, turn);
  const { suspension: _, ...head } = run.head;
  run.head = head;
}

function halt(run: Run, verb: VerbRecord, to: State, nowMs: number, turn: Turn): void {
  const isKept = to === S.CANCELLED;
  const action = isKept ? FailureAction.KEEP : FailureAction.ROLL_BACK;
  const why = { cause: isKept ? 'CANCELLED' : 'ROLLED_BACK', step: '', mark: markOf(verb), action };
  if (run.head.startTimeMs !== 0) {
    stop(run, why, verb.cancelRunning, turn);
    return;
  }
  // Nothing has begun, so there is nothing to undo.
  if (run.head.state === S.SUSPENDED) moveTo(run, S.SCHEDULED, turn);
  run.head = { ...run.head, stop: why };
  end(run, to, nowMs, turn);
}

/** A child that has ended is provisional until its root has: now what it did is undone after all. */
function undo(run: Run, verb: VerbRecord, nowMs: number, turn: Turn): void {
  const { state } = run.head;
  if (state === S.ROLLED_BACK) tellParent(run, nowMs, turn);
  else if (!isFinal(state)) letGo(run, turn);
  else {
    moveTo(run, S.ROLLING_BACK, turn);
    const mark = markOf(verb);
    const why = { cause: 'ROLLED_BACK', step: '', mark, action: FailureAction.ROLL_BACK };
    run.head = { ...run.head, stop: why, endTimeMs: 0 };
  }
}

/** It does not get what it wants to lock: it ends before it began. */
function refuse(run: Run, { error }: VerbRecord, nowMs: number, turn: Turn): void {
  if (run.head.state === S.SUSPENDED) moveTo(run, S.SCHEDULED, turn);
  const step = '' as StepId;
  const why = { cause: 'STEP_FAILED', step, action: FailureAction.ROLL_BACK };
  run.head = { ...run.head, stop: error === undefined ? why : { ...why, error } };
  end(run, S.ROLLED_BACK, nowMs, turn);
}
