/** ResolveIncident: what a person says about an incident, as a verb of its workflow. */
import type { WorkflowId } from '../../base/ids.js';
import type { WorkflowSnapshot } from '../../engine/load.js';
import { invalidField, SteplockError } from '../../errors/index.js';
import type { IncidentRecord } from '../../gen/store/steplock/store/v1/step.js';
import {
  IncidentResolution,
  ResolveIncidentRequest,
  type ResolveIncidentResponse,
} from '../../gen/wire/steplock/v1/incident_service.js';
import type { CallInfo } from '../../grpc/adapter.js';
import { verbOf, type Resolution } from '../../model/resolutions.js';
import { stateName } from '../../model/workflow-state.js';
import type { Api } from '../context.js';
import { workflowKey } from '../workflow/names.js';
import { readSnapshot } from '../workflow/read.js';
import { askOwner, takeSkipOutput } from '../workflow/verbs.js';
import { readIncident, showIncident, waysOutOf } from './read.js';

const byNumber = new Map<IncidentResolution, Resolution>([
  [IncidentResolution.UNSPECIFIED, 'close'],
  [IncidentResolution.CLOSE, 'close'],
  [IncidentResolution.RETRY, 'retry'],
  [IncidentResolution.DONE, 'done'],
  [IncidentResolution.UNDONE, 'undone'],
  [IncidentResolution.SKIP, 'skip'],
  [IncidentResolution.RELEASE, 'release'],
]);

/** See above. */
export async function resolveIncident(
  api: Api,
  request: ResolveIncidentRequest,
  info: CallInfo,
): Promise<ResolveIncidentResponse> {
  const { name, requestId, actor, reason } = request;
  if (reason === '') throw invalidField('reason', 'is missing');
  const resolution = byNumber.get(request.resolution);
  if (resolution === undefined) throw invalidField('resolution', 'is none that this server knows');
  const takesOutput = resolution === 'done' || resolution === 'skip';
  if (request.output !== undefined && !takesOutput) throw invalidField('output', 'is for DONE and SKIP');
  const incident = await readIncident(api, name);
  const workflow = workflowKey(api, incident.workflowId as WorkflowId);
  const snapshot = await readSnapshot(api, workflow);
  const asked = verbOf(resolution, incident, snapshot.head.state);
  if (typeof asked === 'string') throw unfit(incident, snapshot, `Cannot ${resolution} ${name}: ${asked}`);
  const { verb, step } = asked;
  const output =
    takesOutput && step !== undefined ? takeSkipOutput(api, snapshot, step, request.output) : undefined;
  const { incidentId } = incident;
  const body = ResolveIncidentRequest.toJSON(request);
  const call = { verb, workflow, incidentId, requestId, actor, reason, body, output };
  try {
    await askOwner(api, step === undefined ? call : { ...call, step }, info);
  } catch (error) {
    if (error instanceof SteplockError && error.reason === 'ILLEGAL_TRANSITION')
      throw unfit(incident, await readSnapshot(api, workflow), error.message);
    throw error;
  }
  return { incident: await showIncident(api, name) };
}

/** With what would fit. */
function unfit(incident: IncidentRecord, snapshot: WorkflowSnapshot, message: string): SteplockError {
  const ways = incident.resolveTimeMs === 0 ? waysOutOf(snapshot, incident).join(', ') : '';
  const name = `incidents/${incident.incidentId}`;
  return new SteplockError('ILLEGAL_TRANSITION', ways === '' ? message : `${message}; ways out: ${ways}`, {
    metadata: { name, state: stateName(snapshot.head.state), why: message, ways_out: ways },
  });
}
