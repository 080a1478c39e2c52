/** An incident's record as the wire shows it. Pure. */
import { msToDate } from '../../base/duration.js';
import type { IncidentRecord } from '../../gen/store/steplock/store/v1/step.js';
import type { Incident } from '../../gen/wire/steplock/v1/incident_service.js';
import { stepName, workflowName } from '../workflow/names.js';
import { renderEffect, renderError, renderMark } from '../workflow/render-parts.js';

/** The incident; `waysOut` are those of an open one. */
export function renderIncident(record: IncidentRecord, waysOut: string[]): Incident {
  return {
    name: `incidents/${record.incidentId}`,
    workflow: workflowName(record.workflowId),
    step: record.stepId === '' ? '' : stepName(record.workflowId, record.stepId),
    error: record.error === undefined ? undefined : renderError(record.error),
    effect: renderEffect(record.effect),
    task: record.task,
    openTime: msToDate(record.openTimeMs),
    resolveTime: msToDate(record.resolveTimeMs),
    resolution: record.resolution === undefined ? undefined : renderMark(record.resolution),
    waysOut,
  };
}
