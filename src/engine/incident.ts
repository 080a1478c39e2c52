/** Incidents: what does not go on without a person. Ids are derived, so that opening one twice is opening one. */
import type { StepId } from '../base/ids.js';
import type { EffectKind, IncidentRecord } from '../gen/store/steplock/store/v1/step.js';
import type { ErrorRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { WorkflowKey } from '../store/keys.js';

/** What an incident is about. */
export interface IncidentCause {
  readonly error: ErrorRecord;
  readonly effect: EffectKind;
  readonly task: string;
  /** Tells incidents of one step apart: the attempt. */
  readonly number: number;
  readonly nowMs: number;
}

/** The incident of a step, or an undo. */
export function incidentFor(workflow: WorkflowKey, step: StepId, cause: IncidentCause): IncidentRecord {
  return {
    unitId: '',
    incidentId: `${workflow.id}.${step}.${cause.number}`,
    workflowId: workflow.id,
    stepId: step,
    error: cause.error,
    effect: cause.effect,
    task: cause.task,
    openTimeMs: cause.nowMs,
    resolveTimeMs: 0,
  };
}

/** The part of an incident's id behind its workflow's, as it stands in its key. */
export function incidentKeyName(incident: IncidentRecord): string {
  return incident.incidentId.slice(incident.workflowId.length + 1);
}
