/** Getting and listing resources. A list is in the order of ids, all pages as of one revision. */
import type { JsonObject } from '../../base/json.js';
import { invalidField } from '../../errors/index.js';
import { ResourceRecord } from '../../gen/store/steplock/store/v1/inventory.js';
import {
  ListResourcesRequest,
  type ResourceState,
  type ListResourcesResponse,
  type Resource,
} from '../../gen/wire/steplock/v1/inventory_service.js';
import { parseResourceName, resourceNotFound } from '../../inventory/index.js';
import { isLiveWorkflow } from '../../runtime/live-workflow.js';
import { keys, ranges, resourceOfKey, type ResourceKey } from '../../store/keys.js';
import { decodeRecord } from '../../store/records.js';
import type { KeyRange, KeyValue, ListResult } from '../../store/store.js';
import type { Api } from '../context.js';
import { pageOf, parsePage } from '../pages.js';
import { kindName, renderResource } from './render.js';

/** Keys that are read in one go. */
const readSize = 500;

/** @throws SteplockError INVALID_FIELD. */
export function parseName(name: string, field = 'name'): ResourceKey {
  const target = parseResourceName(name);
  if (target === undefined)
    throw invalidField(field, 'must be the name of a resource, e.g. volumes/{volume}');
  return target;
}

/** @throws SteplockError INVALID_FIELD unless it names one of that kind; gives its id. */
export function parseIdOf(kind: string, name: string, field: string): string {
  const target = parseResourceName(name);
  if (target?.kind !== kind) throw invalidField(field, `must be ${kind}s/{${kind}}`);
  return target.id;
}

/** See GetResource. */
export async function readResource(api: Api, target: ResourceKey): Promise<Resource> {
  const kv = await api.store.get(keys.resource(target));
  if (kv === undefined) throw resourceNotFound(target);
  return await show(api, kv);
}

async function show(api: Api, kv: KeyValue): Promise<Resource> {
  const record = decodeRecord(ResourceRecord, kv);
  const { workflow } = record;
  const isLeft = workflow !== '' && !(await isLiveWorkflow(api.store, api.runtime.shards, workflow));
  if (!isLeft) return renderResource(record, kv.modRevision, false);
  // Ended meanwhile, and the record with it: what was read is old.
  const now = await api.store.get(kv.key);
  const isSame = now?.modRevision === kv.modRevision;
  return renderResource(record, kv.modRevision, isSame);
}

/** See ListResources. */
export async function listResources(api: Api, request: ListResourcesRequest): Promise<ListResourcesResponse> {
  const kind = kindName(request.kind);
  if (kind === undefined) throw invalidField('kind', 'must be one of ResourceKind');
  const filter = ListResourcesRequest.toJSON({ ...request, pageSize: 0, pageToken: '' }) as JsonObject;
  const of = request.of === '' ? undefined : parseName(request.of, 'of');
  const range = of === undefined ? ranges.resources(kind) : await rangeOf(api, of, kind);
  const { size, after } = parsePage(request, filter, range.start);
  const resources: Resource[] = [];
  let { start } = range;
  if (after !== undefined) start = `${after.key}\0`;
  let revision = after?.revision;
  for (;;) {
    const page: ListResult = await api.store.list(
      { start, end: range.end },
      { limit: readSize, ...(revision === undefined ? {} : { revision }) },
    );
    revision ??= page.revision;
    const kvs = of === undefined ? page.kvs : await recordsOf(api, page.kvs, revision);
    for (const [index, kv] of kvs.entries()) {
      const resource = kv === undefined ? undefined : await show(api, kv);
      if (resource === undefined || !matches(resource, request)) continue;
      resources.push(resource);
      const last = page.kvs[index];
      const isCut = page.more || index + 1 < page.kvs.length;
      if (resources.length < size || last === undefined) continue;
      return { resources, nextPageToken: isCut ? pageOf({ key: last.key, revision }, filter) : '' };
    }
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return { resources, nextPageToken: '' };
    start = `${last.key}\0`;
  }
}

/** The links that lead to those of a kind: of an initiator to its host and of a pool to its system as parts, else as users. */
async function rangeOf(api: Api, of: ResourceKey, kind: string): Promise<KeyRange> {
  if ((await api.store.get(keys.resource(of))) === undefined) throw resourceNotFound(of);
  const isPart = kind === 'pool' || kind === 'port' || kind === 'initiator';
  return ranges.links(isPart ? 'part' : 'use', of, kind);
}

/** The records that links lead to, as of a revision. */
async function recordsOf(
  api: Api,
  links: readonly KeyValue[],
  revision: NonNullable<Parameters<Api['store']['list']>[1]>['revision'] & {},
): Promise<(KeyValue | undefined)[]> {
  return await Promise.all(
    links.map(async ({ key }) => {
      const start = keys.resource(resourceOfKey(key));
      return (await api.store.list({ start, end: `${start}\0` }, { revision })).kvs[0];
    }),
  );
}

function matches(resource: Resource, { labels, states }: ListResourcesRequest): boolean {
  const isState = states.length === 0 || states.some((state: ResourceState) => state === resource.state);
  return isState && Object.entries(labels).every(([key, value]) => resource.labels[key] === value);
}
