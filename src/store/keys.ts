/**
 * The keys of the store, all in one place (docs/architecture.md, "Keys"). Kinds are apart so that a node can read
 * what is live without reading ended workflows, or a plan (docs/adr/0003-keys-by-kind.md).
 */
import type { NodeId, StepId, WorkflowId } from '../base/ids.js';
import { prefixRange, type KeyRange } from './store.js';

/** A workflow's place: its shard and its id. */
export interface WorkflowKey {
  readonly shard: number;
  readonly id: WorkflowId;
}

/** Chunks of a frozen plan, or of one that is still being made. */
export type ChunkKind = 'plan' | 'draft';

/** First parts of the keys. */
export const prefixes = {
  node: 'node/',
  shard: 'shard/',
  live: 'live/',
  head: 'head/',
  plan: 'plan/',
  draft: 'draft/',
  step: 'step/',
  verb: 'verb/',
  queue: 'queue/',
  request: 'request/',
  ended: 'ended/',
  incident: 'incident/',
  signal: 'signal/',
  callback: 'callback/',
  webhook: 'webhook/',
  lock: 'lock/',
  permit: 'permit/',
  controller: 'controller/',
  resource: 'resource/',
  use: 'use/',
  part: 'part/',
} as const;

/** A resource of the inventory: its kind, and an id that is unique in it. */
export interface ResourceKey {
  readonly kind: string;
  readonly id: string;
}

// Whatever an id holds, it is one part of a key.
const inKind = (prefix: string, { kind, id }: ResourceKey): string =>
  `${prefix}${kind}/${encodeURIComponent(id)}`;

/** How a resource is locked. */
export type LockMode = 'exclusive' | 'shared';

/** A workflow's ticket for a resource. */
export interface LockKey {
  readonly resource: string;
  readonly mode: LockMode;
  readonly workflow: WorkflowKey;
}

// Slashes of the resource's name must not end its part of the key.
const lockPrefix = (resource: string): string => `${prefixes.lock}${encodeURIComponent(resource)}/`;
const lockModePrefix = (resource: string, mode: LockMode): string =>
  `${lockPrefix(resource)}${mode === 'exclusive' ? 'x' : 's'}/`;

/** What a key below `ended/` says of a workflow. */
export interface EndedKey {
  readonly workflow: WorkflowKey;
  /** Revision of its last live record. */
  readonly lastLiveRevision: number;
}

const shardText = (shard: number): string => String(shard).padStart(3, '0');
/** In the order of the numbers. */
const revisionText = (revision: number): string => String(revision).padStart(16, '0');
const inWorkflow = (prefix: string, { shard, id }: WorkflowKey): string =>
  `${prefix}${shardText(shard)}/${id}`;

/** The keys. */
export const keys = {
  cluster: 'meta/cluster',
  generation: 'meta/generation',
  policy: 'meta/policy',
  retention: 'meta/retention',
  permit: (system: string, limitClass: string, slot: number): string =>
    `${prefixes.permit}${system}/${limitClass}/${String(slot).padStart(5, '0')}`,
  node: (id: NodeId): string => `${prefixes.node}${id}`,
  shard: (shard: number): string => `${prefixes.shard}${shardText(shard)}`,
  live: (workflow: WorkflowKey): string => inWorkflow(prefixes.live, workflow),
  head: (workflow: WorkflowKey): string => inWorkflow(prefixes.head, workflow),
  chunk: (kind: ChunkKind, workflow: WorkflowKey, chunk: number): string =>
    `${inWorkflow(prefixes[kind], workflow)}/${String(chunk).padStart(4, '0')}`,
  step: (workflow: WorkflowKey, step: StepId): string => `${inWorkflow(prefixes.step, workflow)}/${step}`,
  verb: (workflow: WorkflowKey, requestId: string): string =>
    `${inWorkflow(prefixes.verb, workflow)}/${requestId}`,
  queue: (workflow: WorkflowKey, step: StepId): string => `${inWorkflow(prefixes.queue, workflow)}/${step}`,
  request: (requestId: string): string => `${prefixes.request}${requestId}`,
  incident: (workflow: WorkflowKey, name: string): string =>
    `${inWorkflow(prefixes.incident, workflow)}/${name}`,
  signal: (workflow: WorkflowKey, name: string): string => `${inWorkflow(prefixes.signal, workflow)}/${name}`,
  callback: (workflow: WorkflowKey, sequence: number): string =>
    `${inWorkflow(prefixes.callback, workflow)}/${String(sequence).padStart(4, '0')}`,
  webhook: (workflow: WorkflowKey, name: string): string =>
    `${inWorkflow(prefixes.webhook, workflow)}/${name}`,
  /** `revision` is that of its last live record. */
  ended: (workflow: WorkflowKey, revision: number): string =>
    inWorkflow(`${prefixes.ended}${revisionText(revision)}/`, workflow),
  lock: ({ resource, mode, workflow }: LockKey): string =>
    inWorkflow(lockModePrefix(resource, mode), workflow),
  controller: (id: string): string => `${prefixes.controller}${id}`,
  resource: (resource: ResourceKey): string => inKind(prefixes.resource, resource),
  /** `user` uses the resource, or is a part of it. */
  link: (link: 'use' | 'part', resource: ResourceKey, user: ResourceKey): string =>
    inKind(`${inKind(prefixes[link], resource)}/`, user),
};

/** The ranges of keys. */
export const ranges = {
  /** Every key of the cluster. Keys are ASCII and begin with a letter. */
  all: { start: '', end: '~' },
  chunks: (kind: ChunkKind, workflow: WorkflowKey): KeyRange =>
    prefixRange(`${inWorkflow(prefixes[kind], workflow)}/`),
  steps: (workflow: WorkflowKey): KeyRange => prefixRange(`${inWorkflow(prefixes.step, workflow)}/`),
  verbs: (workflow: WorkflowKey): KeyRange => prefixRange(`${inWorkflow(prefixes.verb, workflow)}/`),
  queue: (workflow: WorkflowKey): KeyRange => prefixRange(`${inWorkflow(prefixes.queue, workflow)}/`),
  /** All tickets of that mode for a resource. */
  locksOfMode: (resource: string, mode: LockMode): KeyRange => prefixRange(lockModePrefix(resource, mode)),
  /** All tickets for a resource. */
  locks: (resource: string): KeyRange => prefixRange(lockPrefix(resource)),
  signals: (workflow: WorkflowKey): KeyRange => prefixRange(`${inWorkflow(prefixes.signal, workflow)}/`),
  callbacks: (workflow: WorkflowKey): KeyRange => prefixRange(`${inWorkflow(prefixes.callback, workflow)}/`),
  /** What may have ended at that revision or before; more than that, see {@link keys.ended}. */
  endedUpTo: (revision: number): KeyRange => ({
    start: prefixes.ended,
    end: `${prefixes.ended}${revisionText(revision + 1)}`,
  }),
  incidents: (workflow: WorkflowKey): KeyRange => prefixRange(`${inWorkflow(prefixes.incident, workflow)}/`),
  webhooks: (workflow: WorkflowKey): KeyRange => prefixRange(`${inWorkflow(prefixes.webhook, workflow)}/`),
  /** All resources of a kind. */
  resources: (kind: string): KeyRange => prefixRange(`${prefixes.resource}${kind}/`),
  /** Who uses the resource, or is a part of it; of one kind, or all. */
  links: (link: 'use' | 'part', resource: ResourceKey, kind = ''): KeyRange =>
    prefixRange(`${inKind(prefixes[link], resource)}/${kind === '' ? '' : `${kind}/`}`),
};

const kindsOfWorkflow = new Set('live head plan draft step verb queue incident signal callback'.split(' '));

/** What a key of a workflow names; undefined for keys of other things. */
export function workflowOfKey(
  key: string,
): { readonly workflow: WorkflowKey; readonly rest: string } | undefined {
  // By hand: every listener asks it of every key that changes.
  const shardAt = key.indexOf('/') + 1;
  if (shardAt === 0 || !kindsOfWorkflow.has(key.slice(0, shardAt - 1))) return undefined;
  const idAt = key.indexOf('/', shardAt) + 1;
  if (idAt === 0) return undefined;
  const idEnd = key.indexOf('/', idAt);
  const id = (idEnd === -1 ? key.slice(idAt) : key.slice(idAt, idEnd)) as WorkflowId;
  return {
    workflow: { shard: Number(key.slice(shardAt, idAt - 1)), id },
    rest: idEnd === -1 ? '' : key.slice(idEnd + 1),
  };
}

/** What a key below `ended/` names; undefined for other keys. */
export function endedOfKey(key: string): EndedKey | undefined {
  const [prefix, revision, shard, id] = key.split('/');
  if (prefix !== 'ended' || shard === undefined || id === undefined) return undefined;
  return { workflow: { shard: Number(shard), id: id as WorkflowId }, lastLiveRevision: Number(revision) };
}

/** What a ticket's key names; undefined for other keys. */
export function lockOfKey(key: string): LockKey | undefined {
  const [prefix, resource, mode, shard, id] = key.split('/');
  if (prefix !== 'lock' || resource === undefined || id === undefined) return undefined;
  return {
    resource: decodeURIComponent(resource),
    mode: mode === 'x' ? 'exclusive' : 'shared',
    workflow: { shard: Number(shard), id: id as WorkflowId },
  };
}

/** The resource that the last two parts of a key name: of a resource's own key, or of a link's user. */
export function resourceOfKey(key: string): ResourceKey {
  const [kind = '', id = ''] = key.split('/').slice(-2);
  return { kind, id: decodeURIComponent(id) };
}

/** The shard that a workflow belongs to: FNV-1a of its id. Never changes while the workflow exists. */
export function shardOf(id: WorkflowId, shards: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % shards;
}
