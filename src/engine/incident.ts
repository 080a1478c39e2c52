/** Incidents: what does not go on without a person. Ids are derived, so that opening one twice is opening one. */
import type { StepId } from '../base/ids.js';
import { IncidentRecord, type EffectKind } from '../gen/store/steplock/store/v1/step.js';
import type { ErrorRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { Logger } from '../log/log.js';
import { keys, type WorkflowKey } from '../store/keys.js';
import { encodeRecord } from '../store/records.js';
import type { UnitOp } from '../store/unit.js';

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

/**
 * The note that goes with an open incident, in the transaction that writes it: whoever delivers the webhook finds it
 * whichever nodes die, and deletes it when it was told.
 */
export function webhookNote(workflow: WorkflowKey, incident: IncidentRecord): UnitOp[] {
  if (incident.resolveTimeMs !== 0) return [];
  const key = keys.webhook(workflow, incidentKeyName(incident));
  return [{ type: 'put', key, value: encodeRecord(IncidentRecord, incident) }];
}

/** Logs that an incident was opened; nothing for one that was resolved. Whoever has written it does so. */
export function logOpened(log: Logger, incident: IncidentRecord): void {
  if (incident.resolveTimeMs !== 0) return;
  const { incidentId, workflowId, stepId, error } = incident;
  const fields = { incident: incidentId, workflow: workflowId, step: stepId };
  log.warn({ ...fields, reason: error?.reason, cause: error?.message }, 'incident opened');
}
