/** DispatcherService: the queue, the claims, the nodes and the controllers, as this node sees them. */
import { msToDate } from '../../base/duration.js';
import { idPattern, type NodeId } from '../../base/ids.js';
import { NodeRecord, ShardRecord } from '../../gen/store/steplock/store/v1/cluster.js';
import { QueueItem } from '../../gen/store/steplock/store/v1/step.js';
import {
  DrainNodeRequest,
  GetControllerRequest,
  ListClaimsRequest,
  ListControllersRequest,
  ListNodesRequest,
  ListQueueRequest,
  RegisterControllerRequest,
  UnregisterControllerRequest,
  type Claim,
  type DispatcherServiceService,
  type ListClaimsResponse,
  type ListQueueResponse,
  type Node,
  type QueueEntry,
} from '../../gen/wire/steplock/v1/dispatcher_service.js';
import { unary, type Handler } from '../../grpc/adapter.js';
import { ReadyQueue, type ReadyEntry } from '../../queue/ready-queue.js';
import { keys, prefixes } from '../../store/keys.js';
import { decodeRecord } from '../../store/records.js';
import { prefixRange, type KeyValue } from '../../store/store.js';
import type { Api } from '../context.js';
import { invalidToken, pageOf, parsePage } from '../pages.js';
import { stepName } from '../workflow/names.js';
import { controllerNotFound, toController } from './controllers.js';
import { drainNode } from './drain.js';
import { registerController, unregisterController } from './register.js';

/** See above. */
export function dispatcherHandlers(api: Api): { readonly [Name in keyof DispatcherServiceService]: Handler } {
  return {
    listQueue: unary(ListQueueRequest, async (request) => await listQueue(api, request)),
    listClaims: unary(ListClaimsRequest, async (request) => await listClaims(api, request)),
    listNodes: unary(ListNodesRequest, async () => ({ nodes: await listNodes(api) })),
    drainNode: unary(DrainNodeRequest, async (request) => {
      const node = await drainNode(api, request);
      return { node: (await listNodes(api)).find(({ name }) => name === `nodes/${node}`) };
    }),
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

/** An item of the queue as it is stored. */
interface StoredItem {
  readonly kv: KeyValue;
  readonly item: QueueItem;
}

/** A page of the queue: what is claimed, or what is not; `inOrder` puts it into the order in which it is shown. */
async function listItems(
  api: Api,
  request: { pageSize: number; pageToken: string },
  kind: 'queue' | 'claims',
  inOrder: (items: readonly StoredItem[]) => readonly StoredItem[],
): Promise<{ kvs: readonly StoredItem[]; nextPageToken: string }> {
  const filter = { kind };
  const { size, after } = parsePage(request, filter, prefixes.queue);
  const options = after === undefined ? {} : { revision: after.revision };
  const { kvs, revision } = await api.store.list(prefixRange(prefixes.queue), options);
  const wanted = kvs
    .map((kv) => ({ kv, item: decodeRecord(QueueItem, kv) }))
    .filter(({ item }) => (item.claim !== undefined) === (kind === 'claims'));
  const ordered = inOrder(wanted);
  const first = after === undefined ? 0 : ordered.findIndex(({ kv }) => kv.key === after.key) + 1;
  if (after !== undefined && first === 0) throw invalidToken('it names no step');
  const shown = ordered.slice(first, first + size);
  const last = shown.at(-1);
  const isCut = first + size < ordered.length && last !== undefined;
  return { kvs: shown, nextPageToken: isCut ? pageOf({ key: last.kv.key, revision }, filter) : '' };
}

/** In the order in which a node with free slots takes them; then those that wait for their time, the next one first. */
function asTaken(items: readonly StoredItem[]): StoredItem[] {
  const oldestFirst = [...items].sort(
    (left, right) =>
      left.kv.createRevision - right.kv.createRevision || (left.kv.key < right.kv.key ? -1 : 1),
  );
  const ready = new ReadyQueue<StoredItem & ReadyEntry>();
  for (const stored of oldestFirst) {
    const { priority: lane, tenant, workflowId: workflow, notBeforeMs } = stored.item;
    if (notBeforeMs === 0) ready.add({ ...stored, key: stored.kv.key, lane, tenant, workflow });
  }
  const later = oldestFirst.filter(({ item }) => item.notBeforeMs > 0);
  return [...ready.inOrder(), ...later.sort((left, right) => left.item.notBeforeMs - right.item.notBeforeMs)];
}

async function listQueue(api: Api, request: ListQueueRequest): Promise<ListQueueResponse> {
  const { kvs, nextPageToken } = await listItems(api, request, 'queue', asTaken);
  return { entries: kvs.map(({ item }) => toQueueEntry(api, item)), nextPageToken };
}

/** What keeps the step from starting, for people. */
function waitsFor({ runtime }: Api, item: QueueItem): string {
  if (item.notBeforeMs > 0) return 'its next attempt';
  return runtime.admission.waitsFor(item) ?? 'a free slot';
}

function toQueueEntry(api: Api, item: QueueItem): QueueEntry {
  return {
    step: stepName(item.workflowId, item.stepId),
    priority: item.priority,
    tenant: item.tenant,
    controller: item.controller,
    method: item.method,
    system: item.system,
    queueTime: msToDate(item.queueTimeMs),
    notBefore: msToDate(item.notBeforeMs),
    waitsFor: waitsFor(api, item),
    attempts: item.attempt,
  };
}

async function listClaims(api: Api, request: ListClaimsRequest): Promise<ListClaimsResponse> {
  const { kvs, nextPageToken } = await listItems(api, request, 'claims', (items) => items);
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
  const own = nodes.kvs.filter(({ key }) => idPattern.test(key.slice(prefixes.node.length)));
  return own.map((kv) => {
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
      draining: record.draining,
      labels: record.labels,
    };
  });
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
