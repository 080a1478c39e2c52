/** IncidentService: what a person has to look at. */
import { idPattern, type WorkflowId } from '../../base/ids.js';
import { invalidField, SteplockError } from '../../errors/index.js';
import { IncidentRecord } from '../../gen/store/steplock/store/v1/step.js';
import {
  GetIncidentRequest,
  ListIncidentsRequest,
  ResolveIncidentRequest,
  type Incident,
  type IncidentServiceService,
  type ListIncidentsResponse,
} from '../../gen/wire/steplock/v1/incident_service.js';
import { unary, type Handler } from '../../grpc/adapter.js';
import { keys, prefixes } from '../../store/keys.js';
import { decodeRecord } from '../../store/records.js';
import { prefixRange } from '../../store/store.js';
import type { Api } from '../context.js';
import { pageOf, parsePage } from '../pages.js';
import { parseWorkflowName, workflowKey } from '../workflow/names.js';
import { askOwner } from '../workflow/verbs.js';
import { renderIncident } from './render.js';

/** See above. */
export function incidentHandlers(api: Api): { readonly [Name in keyof IncidentServiceService]: Handler } {
  return {
    listIncidents: unary(ListIncidentsRequest, async (request) => await listIncidents(api, request)),
    resolveIncident: unary(ResolveIncidentRequest, async (request, info) => {
      const { name, requestId, actor, reason } = request;
      if (reason === '') throw invalidField('reason', 'is missing');
      const { workflow } = await getIncident(api, name);
      const call = {
        verb: 'resolve',
        workflow: parseWorkflowName(api, workflow),
        incidentId: name.slice('incidents/'.length),
      } as const;
      const body = ResolveIncidentRequest.toJSON(request);
      await askOwner(api, { ...call, requestId, actor, reason, body }, info);
      return { incident: await getIncident(api, name) };
    }),
    getIncident: unary(GetIncidentRequest, async ({ name }) => ({ incident: await getIncident(api, name) })),
  };
}

async function listIncidents(api: Api, request: ListIncidentsRequest): Promise<ListIncidentsResponse> {
  const filter = { includeResolved: request.includeResolved };
  const { size, after } = parsePage(request, filter, prefixes.incident);
  const options = after === undefined ? {} : { revision: after.revision };
  const { kvs, revision } = await api.store.list(prefixRange(prefixes.incident), options);
  const sorted = kvs
    .map((kv) => ({ key: kv.key, created: kv.createRevision, record: decodeRecord(IncidentRecord, kv) }))
    .filter(({ record }) => request.includeResolved || record.resolveTimeMs === 0)
    .sort((left, right) => right.created - left.created || (left.key < right.key ? -1 : 1));
  const first = after === undefined ? 0 : sorted.findIndex(({ key }) => key === after.key) + 1;
  const shown = sorted.slice(first, first + size);
  const last = shown.at(-1);
  const isCut = first + size < sorted.length && last !== undefined;
  return {
    incidents: shown.map(({ record }) => toIncident(api, record)),
    nextPageToken: isCut ? pageOf({ key: last.key, revision }, filter) : '',
  };
}

async function getIncident(api: Api, name: string): Promise<Incident> {
  const [, workflow, rest] = /^incidents\/([^./]+)\.([^/]+)$/.exec(name) ?? [];
  const isName = workflow !== undefined && rest !== undefined && idPattern.test(workflow);
  const kv = isName
    ? await api.store.get(keys.incident(workflowKey(api, workflow as WorkflowId), rest))
    : undefined;
  if (kv === undefined)
    throw new SteplockError('INCIDENT_NOT_FOUND', `No incident ${name}`, { metadata: { name } });
  return toIncident(api, decodeRecord(IncidentRecord, kv));
}

/** What moves an open incident: nothing of a workflow that has ended can be tried again. */
function waysOut(api: Api, { workflowId }: IncidentRecord): string[] {
  const key = keys.live(workflowKey(api, workflowId as WorkflowId));
  return api.runtime.cache.get(key) === undefined ? ['ResolveIncident'] : ['RetryStep', 'SkipStep'];
}

function toIncident(api: Api, record: IncidentRecord): Incident {
  return renderIncident(record, record.resolveTimeMs === 0 ? waysOut(api, record) : []);
}
