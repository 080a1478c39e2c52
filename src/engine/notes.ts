/** Tells the log, metrics and traces what was committed. Whoever committed it and died at once has told nobody. */
import type { IncidentRecord } from '../gen/store/steplock/store/v1/step.js';
import type { WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';
import type { Logger } from '../log/log.js';
import { isFinal, stateName } from '../model/workflow-state.js';
import type { Telemetry } from '../telemetry/index.js';
import { logOpened } from './incident.js';

/** Whom to tell. */
export interface Listeners {
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

/** The workflow has come to another state. */
export function noteState(head: WorkflowHead, { log, telemetry }: Listeners): void {
  const fields = { workflow: head.workflowId, state: stateName(head.state) };
  log.info(fields, isFinal(head.state) ? 'workflow ended' : 'workflow moved');
  if (isFinal(head.state)) noteEnd(head, telemetry);
}

/** An incident was written; one that was resolved is no news. */
export function noteIncident(record: IncidentRecord, { log, telemetry }: Listeners): void {
  logOpened(log, record);
  if (record.resolveTimeMs === 0) telemetry.meters.incidentOpened(record.error?.reason ?? '');
}

function noteEnd(head: WorkflowHead, { meters, tracer }: Telemetry): void {
  const { workflowId, traceParent, createTimeMs, endTimeMs, state } = head;
  const name = stateName(state).toLowerCase();
  meters.workflowEnded(name, Math.max(0, endTimeMs - createTimeMs));
  const span = tracer.start('workflow', {
    ...{ parent: traceParent, kind: 'internal', startMs: createTimeMs },
    attributes: { 'steplock.workflow': workflowId },
  });
  span.end({ 'steplock.state': name }, name === 'succeeded' ? undefined : (head.stop?.cause ?? name));
}
