/**
 * How an incident can be resolved, and which verb about which step that is where its workflow stands. docs/states.md
 * shows it as a table. Pure.
 */
import { isUndo, undoOf, type StepId } from '../base/ids.js';
import type { IncidentRecord } from '../gen/store/steplock/store/v1/step.js';
import type { Verb } from './verbs.js';
import { isRollingBack, type State } from './workflow-state.js';

/** What is to become of an incident; see steplock.v1.IncidentResolution. */
export type Resolution = 'close' | 'retry' | 'done' | 'undone' | 'skip' | 'release';

/** All of them, in the order in which they are offered. */
export const resolutions: readonly Resolution[] = ['retry', 'done', 'undone', 'skip', 'release', 'close'];

/** What is asked of the workflow's owner. */
export interface ResolutionVerb {
  readonly verb: Verb;
  /** What it is about; undefined for the workflow. */
  readonly step: StepId | undefined;
}

/** What an incident says that an orchestrator could not be told: the number of the news; undefined for any other. */
export function untoldOf({
  workflowId,
  incidentId,
}: Pick<IncidentRecord, 'workflowId' | 'incidentId'>): number | undefined {
  const prefix = `${workflowId}.${callbackMark}.`;
  return incidentId.startsWith(prefix) ? Number(incidentId.slice(prefix.length)) : undefined;
}

/** What stands in such an incident's id in place of a step: no step has a name in capitals. */
export const callbackMark = 'CALLBACK';

/** The verb; or in words why there is none, with what to do instead. */
export function verbOf(
  resolution: Resolution,
  incident: Pick<IncidentRecord, 'workflowId' | 'incidentId' | 'stepId'>,
  state: State,
): ResolutionVerb | string {
  const step = incident.stepId === '' ? undefined : (incident.stepId as StepId);
  const isUntold = untoldOf(incident) !== undefined;
  switch (resolution) {
    case 'close':
      return { verb: 'resolve', step: undefined };
    case 'release':
      return { verb: 'release', step: undefined };
    case 'skip':
      if (isUntold) return { verb: 'untell', step: undefined };
      return step === undefined ? aboutWorkflow : { verb: 'skip', step };
    case 'retry':
      if (isUntold) return 'Steplock goes on trying to tell the orchestrator; skip it to give that up';
      if (step === undefined) return aboutWorkflow;
      // Of a step of which nobody knows what came of it, a rollback tries the undo.
      return { verb: 'retry', step: isRollingBack(state) && !isUndo(step) ? undoOf(step) : step };
    case 'done':
    case 'undone':
      return step === undefined
        ? aboutWorkflow
        : { verb: resolution === 'done' ? 'mark-done' : 'mark-undone', step };
  }
}

const aboutWorkflow = 'it is about the workflow and not about a step; what its message says resolves it';
