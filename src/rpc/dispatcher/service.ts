/** DispatcherService: the queue, the claims, the nodes and the controllers, as this node sees them. */
import { msToDate } from '../../base/duration.js';
import type { NodeId } from '../../base/ids.js';
import { SteplockError } from '../../errors/index.js';
import { NodeRecord, ShardRecord } from '../../gen/store/steplock/store/v1/cluster.js';
import { QueueItem } from '../../gen/store/steplock/store/v1/step.js';
import {
  GetControllerRequest,
  ListClaimsRequest,
  ListControllersRequest,
  ListNodesRequest,
  ListQueueRequest,
  RegisterControllerRequest,
  UnregisterControllerRequest,
  type Claim,
  type Controller,
  type DispatcherServiceService,
  type ListClaimsResponse,
  type ListQueueResponse,
  type Node,
  type QueueEntry,
} from '../../gen/wire/steplock/v1/dispatcher_service.js';
import { unary, type Handler } from '../../grpc/adapter.js';
import type { KnownController } from '../../controllers/registry.js';
import { toWireDescription } from '../../remote/description-codec.js';
import { keys, prefixes } from '../../store/keys.js';
import { decodeRecord } from '../../store/records.js';
import { prefixRange, type KeyValue } from '../../store/store.js';
import type { Api } from '../context.js';
import { pageOf, parsePage } from '../pages.js';
import { stepName } from '../workflow/names.js';
import { registerController, unregisterController } from './register.js';

/** See above. */
export function dispatcherHandlers(api: Api): { readonly [Name in keyof DispatcherServiceService]: Handler } {
  return {
    listQueue: unary(ListQueueRequest, async (request) => await listQueue(api, request)),
    listClaims: unary(ListClaimsRequest, async (request) => await listClaims(api, request)),
    listNodes: unary(ListNodesRequest, async () => ({ nodes: await listNodes(api) })),
    registerController: unary(
      RegisterControllerRequest,
      async (request) => await registerController(api, request),
    ),
    unregisterController: unary(
      UnregisterControllerRequest,
      async (request) => await unregisterController(api, request),
    ),
    listControllers: unary(
      ListControllersRequest,
      async () => await Promise.resolve({ controllers: api.controllers.list().map(toController) }),
    ),
    getController: unary(GetControllerRequest, async ({ name }) => {
      const found = api.controllers.list().find((known) => `controllers/${known.id}` === name);
      if (found === undefined) throw controllerNotFound(name);
      return await Promise.resolve({ controller: toController(found) });
    }),
  };
}

/** The error for a controller that is not registered. */
export function controllerNotFound(name: string): SteplockError {
  return new SteplockError('CONTROLLER_NOT_FOUND', `No controller ${name}`, { metadata: { name } });
}

/** A controller as the wire shows it. */
export function toController({ id, endpoint, description }: KnownController): Controller {
  return { name: `controllers/${id}`, endpoint, description: toWireDescription(description) };
}

/** A page of the queue: what is claimed, or what is not. */
async function listItems(
  api: Api,
  request: { pageSize: number; pageToken: string },
  kind: 'queue' | 'claims',
): Promise<{ kvs: { kv: KeyValue; item: QueueItem }[]; nextPageToken: string }> {
  const filter = { kind };
  const { size, after } = parsePage(request, filter, prefixes.queue);
  const range = prefixRange(prefixes.queue);
  const start = after === undefined ? range.start : `${after.key}\0`;
  const options = after === undefined ? {} : { revision: after.revision };
  const { kvs, revision } = await api.store.list({ start, end: range.end }, options);
  const wanted = kvs
    .map((kv) => ({ kv, item: decodeRecord(QueueItem, kv) }))
    .filter(({ item }) => (item.claim !== undefined) === (kind === 'claims'));
  const shown = wanted.slice(0, size);
  const last = shown.at(-1);
  const isCut = wanted.length > size && last !== undefined;
  return { kvs: shown, nextPageToken: isCut ? pageOf({ key: last.kv.key, revision }, filter) : '' };
}

async function listQueue(api: Api, request: ListQueueRequest): Promise<ListQueueResponse> {
  const { kvs, nextPageToken } = await listItems(api, request, 'queue');
  return { entries: kvs.map(({ item }) => toQueueEntry(item)), nextPageToken };
}

function toQueueEntry(item: QueueItem): QueueEntry {
  return {
    step: stepName(item.workflowId, item.stepId),
    priority: item.priority,
    tenant: item.tenant,
    controller: item.controller,
    method: item.method,
    system: item.system,
    queueTime: msToDate(item.queueTimeMs),
    notBefore: msToDate(item.notBeforeMs),
    waitsFor: item.notBeforeMs > 0 ? 'its next attempt' : 'a free slot',
    attempts: item.attempt,
  };
}

async function listClaims(api: Api, request: ListClaimsRequest): Promise<ListClaimsResponse> {
  const { kvs, nextPageToken } = await listItems(api, request, 'claims');
  return { claims: kvs.map(({ kv, item }) => toClaim(api, kv, item)), nextPageToken };
}

function toClaim(api: Api, kv: KeyValue, item: QueueItem): Claim {
  const node = item.claim?.node ?? '';
  const session = api.runtime.cache.get(keys.node(node as NodeId))?.createRevision;
  return {
    step: stepName(item.workflowId, item.stepId),
    node,
    attempt: item.attempt,
    claimTime: msToDate(item.claim?.timeMs ?? 0),
    fencingToken: `${api.runtime.facts?.generation ?? 0}.${kv.modRevision}`,
    task: item.task,
    valid: session === item.claim?.session,
    controller: item.controller,
    method: item.method,
    system: item.system,
    progressPercent: item.progressPercent,
  };
}

async function listNodes(api: Api): Promise<Node[]> {
  const [nodes, shards, queue] = await Promise.all([
    api.store.list(prefixRange(prefixes.node)),
    api.store.list(prefixRange(prefixes.shard)),
    api.store.list(prefixRange(prefixes.queue)),
  ]);
  const owners = countBy(shards.kvs.map((kv) => decodeRecord(ShardRecord, kv).nodeId));
  const busy = countBy(queue.kvs.map((kv) => decodeRecord(QueueItem, kv).claim?.node ?? ''));
  return nodes.kvs.map((kv) => {
    const record = decodeRecord(NodeRecord, kv);
    return {
      name: `nodes/${record.nodeId}`,
      address: record.address,
      neighborhood: record.neighborhood,
      version: record.version,
      capacity: record.capacity,
      running: busy.get(record.nodeId) ?? 0,
      controllers: record.controllers,
      joinTime: msToDate(record.joinTimeMs),
      shards: owners.get(record.nodeId) ?? 0,
    };
  });
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
