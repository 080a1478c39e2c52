/**
 * Steps that wait: for a person, a message, or their child. They stand in the queue, so that whatever looks after queued
 * steps looks after them, but no node claims them: they hold no slot, and their owner ends them. Pure.
 */
import type { QueueItem } from '../gen/store/steplock/store/v1/step.js';
import { HeadState } from '../gen/store/steplock/store/v1/workflow.js';
import { isResting, type State } from './workflow-state.js';

/** What of an item says that it waits. */
export type Waiting = Pick<QueueItem, 'kind' | 'child'>;

/** Whether the kind of step waits for somebody outside, from its release on. */
export function isAwaited(kind: string): boolean {
  return kind === 'approval' || kind === 'signal';
}

/** Whether the item is nothing that a node runs. A child that is yet to be planned is. */
export function isWaiting({ kind, child }: Waiting): boolean {
  return isAwaited(kind) || child !== '';
}

/** Whether something of the item may still take effect: a call, a task, or a step of its child. */
export function isLive(item: QueueItem): boolean {
  return item.inDoubt && !(item.child !== '' && isResting(item.childState));
}

/** What a parent wants of a child. */
export type Ask = 'run' | 'suspend' | 'cancel' | 'rollback' | 'undo';

/** What a workflow in that state wants of the child that one of its steps, or undos, waits for. */
export function askOf(state: State, isUndoing: boolean): Ask | undefined {
  switch (state) {
    case HeadState.RUNNING:
      return 'run';
    case HeadState.SUSPENDING:
    case HeadState.SUSPENDED:
    case HeadState.ROLLBACK_SUSPENDING:
    case HeadState.ROLLBACK_SUSPENDED:
      return 'suspend';
    case HeadState.STOPPING:
      return 'cancel';
    case HeadState.ROLLING_BACK:
    case HeadState.ROLLBACK_BLOCKED:
      return isUndoing ? 'undo' : 'rollback';
    default:
      return undefined;
  }
}
