/** Reading incidents, each with the ways out that there are as things stand. */
import { present } from '../../base/assert.js';
import { idPattern, type WorkflowId } from '../../base/ids.js';
import type { WorkflowSnapshot } from '../../engine/load.js';
import { verbView } from '../../engine/verb-view.js';
import { isReason, SteplockError } from '../../errors/index.js';
import { IncidentRecord } from '../../gen/store/steplock/store/v1/step.js';
import type { Incident } from '../../gen/wire/steplock/v1/incident_service.js';
import { resolutions, verbOf } from '../../model/resolutions.js';
import { refusalOf } from '../../model/verbs.js';
import { isFinal } from '../../model/workflow-state.js';
import { keys } from '../../store/keys.js';
import { CorruptRecordError, decodeRecord } from '../../store/records.js';
import type { Api } from '../context.js';
import { workflowKey } from '../workflow/names.js';
import { readSnapshot } from '../workflow/read.js';
import { renderIncident } from './render.js';

/** @throws SteplockError INCIDENT_NOT_FOUND. */
export async function readIncident(api: Api, name: string): Promise<IncidentRecord> {
  const [, workflow, rest] = /^incidents\/([^./]+)\.([^/]+)$/.exec(name) ?? [];
  const isName = workflow !== undefined && rest !== undefined && idPattern.test(workflow);
  const kv = isName
    ? await api.store.get(keys.incident(workflowKey(api, workflow as WorkflowId), rest))
    : undefined;
  if (kv === undefined)
    throw new SteplockError('INCIDENT_NOT_FOUND', `No incident ${name}`, { metadata: { name } });
  return decodeRecord(IncidentRecord, kv);
}

/** As {@link readIncident}, as the wire shows it. */
export async function showIncident(api: Api, name: string): Promise<Incident> {
  const [incident] = await showIncidents(api, [await readIncident(api, name)]);
  return present(incident, 'incident');
}

/** As the wire shows them; a workflow of several of them is read once. */
export async function showIncidents(api: Api, records: readonly IncidentRecord[]): Promise<Incident[]> {
  const snapshots = new Map<string, WorkflowSnapshot | undefined>();
  const shown: Incident[] = [];
  for (const record of records) {
    const { workflowId: id, resolveTimeMs } = record;
    if (resolveTimeMs === 0 && !snapshots.has(id))
      snapshots.set(id, await findSnapshot(api, id as WorkflowId));
    const snapshot = resolveTimeMs === 0 ? snapshots.get(id) : undefined;
    shown.push(renderIncident(record, snapshot === undefined ? [] : waysOutOf(snapshot, record)));
  }
  return shown;
}

/** The resolutions of an incident that its workflow takes as it stands. */
export function waysOutOf(snapshot: WorkflowSnapshot, incident: IncidentRecord): string[] {
  const { state } = snapshot.head;
  return resolutions
    .filter((resolution) => {
      // Once it has ended that is the same as closing it.
      if (resolution === 'release' && isFinal(state)) return false;
      const asked = verbOf(resolution, incident, state);
      if (typeof asked === 'string') return false;
      const target = { step: asked.step, resource: '', incidentId: incident.incidentId, signal: '' };
      return refusalOf(asked.verb, verbView(snapshot, target)) === undefined;
    })
    .map((resolution) => resolution.toUpperCase());
}

/** Undefined when it is being deleted meanwhile, or cannot be read. */
async function findSnapshot(api: Api, id: WorkflowId): Promise<WorkflowSnapshot | undefined> {
  try {
    return await readSnapshot(api, workflowKey(api, id));
  } catch (error) {
    if (isReason(error, 'WORKFLOW_NOT_FOUND') || error instanceof CorruptRecordError) return undefined;
    throw error;
  }
}
