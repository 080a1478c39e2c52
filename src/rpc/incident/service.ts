/** IncidentService: what a person has to look at. */
import { IncidentRecord } from '../../gen/store/steplock/store/v1/step.js';
import {
  GetIncidentRequest,
  ListIncidentsRequest,
  ResolveIncidentRequest,
  type IncidentServiceService,
  type ListIncidentsResponse,
} from '../../gen/wire/steplock/v1/incident_service.js';
import { unary, type Handler } from '../../grpc/adapter.js';
import { prefixes } from '../../store/keys.js';
import { decodeRecord } from '../../store/records.js';
import { prefixRange } from '../../store/store.js';
import type { Api } from '../context.js';
import { pageOf, parsePage } from '../pages.js';
import { showIncident, showIncidents } from './read.js';
import { resolveIncident } from './resolve.js';

/** See above. */
export function incidentHandlers(api: Api): { readonly [Name in keyof IncidentServiceService]: Handler } {
  return {
    listIncidents: unary(ListIncidentsRequest, async (request) => await listIncidents(api, request)),
    resolveIncident: unary(
      ResolveIncidentRequest,
      async (request, info) => await resolveIncident(api, request, info),
    ),
    getIncident: unary(GetIncidentRequest, async ({ name }) => ({ incident: await showIncident(api, name) })),
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
    incidents: await showIncidents(
      api,
      shown.map(({ record }) => record),
    ),
    nextPageToken: isCut ? pageOf({ key: last.key, revision }, filter) : '',
  };
}
