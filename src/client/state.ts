/** States of workflows by name, as the SDK shows them. */
import { WorkflowState } from '../gen/wire/steplock/v1/workflow.js';

/** Names of steplock.v1.WorkflowState, without prefix. */
export type WorkflowStateName = Exclude<keyof typeof WorkflowState, 'UNRECOGNIZED' | 'UNSPECIFIED'>;

const names = new Map<number, string>(Object.entries(WorkflowState).map(([name, value]) => [value, name]));

/** The state's name. */
export function stateNameOf(state: WorkflowState): WorkflowStateName {
  return (names.get(state) ?? 'UNSPECIFIED') as WorkflowStateName;
}

const finalStates: readonly number[] = [
  WorkflowState.SUCCEEDED,
  WorkflowState.ROLLED_BACK,
  WorkflowState.CANCELLED,
  WorkflowState.FAILED,
];

/** Whether it has ended for ever. */
export function isFinalState(state: WorkflowState): boolean {
  return finalStates.includes(state);
}
