/** Changes of records that need no workflow: each once for its request id. */
import { idPattern, idRule } from '../../base/ids.js';
import type { JsonObject } from '../../base/json.js';
import { invalidField, SteplockError } from '../../errors/index.js';
import {
  AddInitiatorsRequest,
  CreateHostRequest,
  DeleteResourceRequest,
  UpdateResourceRequest,
  type InitiatorSpec,
  type Resource,
} from '../../gen/wire/steplock/v1/inventory_service.js';
import {
  addedInitiators,
  hostChanges,
  initiatorBody,
  initiatorsOfHostMax,
  isUnused,
  numberOf,
  parseInitiator,
  partRemovals,
  resourceBusy,
  resourceExists,
  resourceInUse,
  resourceName,
  resourceNotFound,
  textOf,
  toBody,
  type Change,
  type ChangeSet,
  type Known,
} from '../../inventory/index.js';
import { problemOfLabels, sortLabels } from '../../model/labels.js';
import { limits } from '../../model/limits.js';
import { isLiveWorkflow } from '../../runtime/live-workflow.js';
import type { ResourceKey } from '../../store/keys.js';
import type { Api } from '../context.js';
import { digestOf, findRequest, rememberRequest } from '../requests.js';
import { checkRequestId } from '../workflow/names.js';
import { parseIdOf, parseName, readResource } from './read.js';

interface Asked {
  readonly method: string;
  readonly requestId: string;
  readonly body: unknown;
  readonly target: ResourceKey;
}

/** Decides and writes, unless the request was done before. */
async function once(api: Api, asked: Asked, decide: () => Promise<ChangeSet>): Promise<void> {
  const { method, requestId, body, target } = asked;
  checkRequestId(requestId);
  const digest = digestOf(api, method, body);
  await api.inventory.change(resourceName(target), async (unitId) => {
    if ((await findRequest(api, requestId, digest)) !== undefined) return undefined;
    const { changes, guards = [] } = await decide();
    const timeMs = api.clock.nowMs();
    const request = rememberRequest(requestId, {
      unitId,
      digest,
      subject: target.id,
      timeMs,
      consumed: true,
    });
    return { changes, guards: [...guards, request.compare], ops: [request.op] };
  });
}

/** See CreateHost. */
export async function createHost(api: Api, request: CreateHostRequest): Promise<Resource> {
  const { hostId, requestId } = request;
  if (!idPattern.test(hostId)) throw invalidField('host_id', idRule);
  const labels = parseLabels(request.labels);
  const initiators = parseInitiators(request.initiators);
  const target = { kind: 'host', id: hostId };
  const asked = { method: 'CreateHost', requestId, body: CreateHostRequest.toJSON(request), target };
  await once(api, asked, async () => {
    if ((await api.inventory.read(target)) !== undefined) throw resourceExists(target);
    return { changes: await hostChanges(api.inventory, hostId, initiators, { labels }) };
  });
  return await readResource(api, target);
}

/** See AddInitiators. */
export async function addInitiators(api: Api, request: AddInitiatorsRequest): Promise<Resource> {
  const target = { kind: 'host', id: parseIdOf('host', request.host, 'host') };
  const initiators = parseInitiators(request.initiators);
  if (initiators.length === 0) throw invalidField('initiators', 'must not be empty');
  const { requestId } = request;
  const asked = { method: 'AddInitiators', requestId, body: AddInitiatorsRequest.toJSON(request), target };
  await once(api, asked, async () => {
    const host = await need(api, target);
    const changes = await addedInitiators(api.inventory, host, initiators);
    if (numberOf(host.body, 'initiators') + changes.length - 1 > initiatorsOfHostMax)
      throw invalidField('initiators', `would be more than ${initiatorsOfHostMax} of one host`);
    return { changes };
  });
  return await readResource(api, target);
}

/** See UpdateResource. */
export async function updateResource(api: Api, request: UpdateResourceRequest): Promise<Resource> {
  const target = parseName(request.name);
  const labels = parseLabels(request.labels);
  const { requestId, etag } = request;
  const asked = { method: 'UpdateResource', requestId, body: UpdateResourceRequest.toJSON(request), target };
  await once(api, asked, async () => {
    const before = await need(api, target);
    checkEtag(before, etag);
    return { changes: [{ before, after: api.inventory.changed(before.record, { labels }) }] };
  });
  return await readResource(api, target);
}

/** What may be forgotten without a workflow. Others only if they were left half done. */
const freeKinds = ['system', 'host', 'initiator'];

/** See DeleteResource. */
export async function deleteResource(api: Api, request: DeleteResourceRequest): Promise<void> {
  const target = parseName(request.name);
  const { requestId, etag } = request;
  const asked = { method: 'DeleteResource', requestId, body: DeleteResourceRequest.toJSON(request), target };
  await once(api, asked, async () => {
    const before = await need(api, target);
    checkEtag(before, etag);
    const { workflow } = before.record;
    if (workflow !== '' && (await isLiveWorkflow(api.store, api.runtime.shards, workflow)))
      throw resourceBusy(before.record);
    if (!freeKinds.includes(target.kind) && workflow === '') {
      const rule =
        'must be a system, host or initiator, or something that an ended workflow has left in ERROR';
      throw invalidField('name', rule);
    }
    const user = await userOf(api, before);
    if (user !== undefined) throw resourceInUse(target, user);
    const parts = await partRemovals(api.inventory, target);
    const changes = [{ before, after: undefined }, ...parts, ...(await hostWithout(api, before))];
    return { changes, guards: [isUnused(target)] };
  });
}

/** An initiator is in use while its host has exports that let it in. */
async function userOf(api: Api, { record, body }: Known): Promise<ResourceKey | undefined> {
  if (record.kind !== 'initiator') return await api.inventory.findUser(record);
  const host = { kind: 'host', id: textOf(body, 'host') };
  const exports = await api.inventory.listLinked('use', host, 'export');
  for (const id of exports) {
    const known = await api.inventory.read(id);
    const initiators = (known?.body['initiators'] ?? []) as string[];
    if (initiators.includes(record.id)) return id;
  }
  return undefined;
}

/** The host of an initiator that goes has one less; comparing it keeps exports from beginning meanwhile. */
async function hostWithout(api: Api, { record, body }: Known): Promise<Change[]> {
  if (record.kind !== 'initiator') return [];
  const host = await api.inventory.read({ kind: 'host', id: textOf(body, 'host') });
  if (host === undefined) return [];
  const fewer = toBody({ ...host.body, initiators: numberOf(host.body, 'initiators') - 1 });
  return [{ before: host, after: api.inventory.changed(host.record, { body: fewer }) }];
}

async function need(api: Api, target: ResourceKey): Promise<Known> {
  const known = await api.inventory.read(target);
  if (known === undefined) throw resourceNotFound(target);
  return known;
}

function checkEtag({ record, revision }: Known, etag: string): void {
  if (etag === '' || etag === String(revision)) return;
  const name = resourceName(record);
  throw new SteplockError('STALE_ETAG', `${name} has changed since`, { metadata: { name } });
}

/** @throws SteplockError INVALID_FIELD naming the place. */
export function parseLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  const problem = problemOfLabels(labels, limits.labelsMax);
  if (problem !== undefined) throw invalidField(`labels${problem.at}`, problem.rule);
  return sortLabels(labels);
}

function parseInitiators(specs: readonly InitiatorSpec[]): JsonObject[] {
  if (specs.length > initiatorsOfHostMax)
    throw invalidField('initiators', `must be at most ${initiatorsOfHostMax}`);
  const bodies = specs.map(({ name, nodeWwn }, index) => {
    const parsed = parseInitiator(name, nodeWwn);
    if ('rule' in parsed) throw invalidField(`initiators[${index}].name`, parsed.rule);
    return initiatorBody(parsed);
  });
  const addresses = bodies.map((body) => textOf(body, 'address'));
  const twice = addresses.findIndex((address, index) => addresses.indexOf(address) !== index);
  if (twice >= 0) throw invalidField(`initiators[${twice}].name`, 'stands twice');
  return bodies;
}
