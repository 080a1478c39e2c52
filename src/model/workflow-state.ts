/**
 * The states of a workflow and the moves between them, as data: whatever moves a workflow asks {@link checkMove}, and
 * docs/states.md is drawn from this table. What each state means stands in steplock.v1.WorkflowState.
 */
import { assert } from '../base/assert.js';
import { HeadState } from '../gen/store/steplock/store/v1/workflow.js';

/** A state by its number. */
export type State = HeadState;

interface Move {
  readonly from: State;
  readonly to: State;
  readonly why: string;
}

const S = HeadState;
const move = (from: State, to: State, why: string): Move => ({ from, to, why });

/** Every move there is. */
export const moves: readonly Move[] = [
  move(S.DRAFT, S.SCHEDULED, 'started with a start time'),
  move(S.DRAFT, S.RUNNING, 'started'),
  move(S.DRAFT, S.DELETING, 'deleted or expired'),
  move(S.SCHEDULED, S.RUNNING, 'the start time came'),
  move(S.SCHEDULED, S.QUEUED, 'the start time came, and locks are wanted'),
  move(S.QUEUED, S.RUNNING, 'it has all of its locks'),
  move(S.QUEUED, S.SUSPENDED, 'suspend: it loses its place'),
  move(S.QUEUED, S.CANCELLED, 'cancelled before it began'),
  move(S.QUEUED, S.ROLLED_BACK, 'rolled back before it began'),
  move(S.SCHEDULED, S.SUSPENDED, 'suspend'),
  move(S.SCHEDULED, S.CANCELLED, 'cancelled before it began'),
  move(S.SCHEDULED, S.ROLLED_BACK, 'rolled back before it began'),
  move(S.RUNNING, S.SUCCEEDED, 'the last step succeeded'),
  move(
    S.RUNNING,
    S.SUSPENDING,
    'suspend, or a step failed that is to suspend it, or all wait for an unknown one',
  ),
  move(S.RUNNING, S.STOPPING, 'stopped, to keep what was done'),
  move(S.RUNNING, S.ROLLING_BACK, 'stopped, to undo what was done'),
  move(S.SUSPENDING, S.SUSPENDED, 'the last running step ended'),
  move(S.SUSPENDING, S.RUNNING, 'resume'),
  move(S.SUSPENDING, S.SUCCEEDED, 'the last running step was the last of all'),
  move(S.SUSPENDING, S.STOPPING, 'stopped, to keep what was done'),
  move(S.SUSPENDING, S.ROLLING_BACK, 'stopped by an actor, to undo what was done'),
  move(S.SUSPENDING, S.ROLLBACK_SUSPENDING, 'a running step failed: what is to be undone waits for resume'),
  move(S.SUSPENDED, S.RUNNING, 'resume'),
  move(S.SUSPENDED, S.SCHEDULED, 'resume before the start time'),
  move(S.SUSPENDED, S.SUCCEEDED, 'the last step was skipped'),
  move(S.SUSPENDED, S.STOPPING, 'stopped, to keep what was done'),
  move(S.SUSPENDED, S.ROLLING_BACK, 'stopped, to undo what was done'),
  move(S.STOPPING, S.CANCELLED, 'the last running step ended'),
  move(S.STOPPING, S.FAILED, 'the last running step ended after a failure'),
  move(S.STOPPING, S.ROLLING_BACK, 'rollback'),
  move(S.ROLLING_BACK, S.ROLLED_BACK, 'the last undo ended'),
  move(S.ROLLING_BACK, S.ROLLBACK_SUSPENDING, 'suspend'),
  move(S.ROLLING_BACK, S.ROLLBACK_BLOCKED, 'nothing more can be undone without a person'),
  move(S.ROLLBACK_SUSPENDING, S.ROLLBACK_SUSPENDED, 'the last running step ended'),
  move(S.ROLLBACK_SUSPENDING, S.ROLLING_BACK, 'resume'),
  move(S.ROLLBACK_SUSPENDING, S.ROLLED_BACK, 'the last running undo was the last of all'),
  move(S.ROLLBACK_SUSPENDED, S.ROLLING_BACK, 'resume'),
  move(S.ROLLBACK_SUSPENDED, S.ROLLED_BACK, 'the last undo was skipped'),
  move(S.ROLLBACK_BLOCKED, S.ROLLING_BACK, 'an undo was retried or skipped'),
  move(S.SUCCEEDED, S.ROLLING_BACK, 'of a child only: its parent is rolled back'),
  move(S.CANCELLED, S.ROLLING_BACK, 'of a child only: its parent is rolled back'),
  move(S.FAILED, S.ROLLING_BACK, 'of a child only: its parent is rolled back'),
  move(S.SUCCEEDED, S.DELETING, 'deleted'),
  move(S.ROLLED_BACK, S.DELETING, 'deleted'),
  move(S.CANCELLED, S.DELETING, 'deleted'),
  move(S.FAILED, S.DELETING, 'deleted'),
];

/** Asserts that the move is one of {@link moves}. Staying is no move. */
export function checkMove(from: State, to: State): void {
  const isKnown = moves.some((entry) => entry.from === from && entry.to === to);
  assert(isKnown, `A workflow cannot move from ${stateName(from)} to ${stateName(to)}`);
}

const names = new Map<number, string>(Object.entries(HeadState).map(([name, value]) => [value, name]));

/** The state's name as in the proto, without prefix. */
export function stateName(state: State): string {
  return names.get(state) ?? 'UNRECOGNIZED';
}

/** Whether it has ended for ever. */
export function isFinal(state: State): boolean {
  return state === S.SUCCEEDED || state === S.ROLLED_BACK || state === S.CANCELLED || state === S.FAILED;
}

/** Whether it stays as it is until somebody does something. */
export function isResting(state: State): boolean {
  return (
    isFinal(state) || state === S.SUSPENDED || state === S.ROLLBACK_SUSPENDED || state === S.ROLLBACK_BLOCKED
  );
}

/** Whether steps of the plan may be started. */
export function startsSteps(state: State): boolean {
  return state === S.RUNNING;
}

/** Whether undos may be started. */
export function startsUndos(state: State): boolean {
  return state === S.ROLLING_BACK;
}

/** Whether no step of the plan will be started again. */
export function isStopped(state: State): boolean {
  return (
    state === S.STOPPING ||
    state === S.ROLLING_BACK ||
    state === S.ROLLBACK_SUSPENDING ||
    state === S.ROLLBACK_SUSPENDED ||
    state === S.ROLLBACK_BLOCKED ||
    state === S.DELETING ||
    isFinal(state)
  );
}

/** Whether what was done is being undone, or is waiting to be. */
export function isRollingBack(state: State): boolean {
  return (
    state === S.ROLLING_BACK ||
    state === S.ROLLBACK_SUSPENDING ||
    state === S.ROLLBACK_SUSPENDED ||
    state === S.ROLLBACK_BLOCKED
  );
}
