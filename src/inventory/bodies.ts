/** What resources of each kind have, as their records keep it: JSON in snake_case, ids and no names. */
import { isJsonObject, type JsonObject } from '../base/json.js';
import type { ResourceRecord } from '../gen/store/steplock/store/v1/inventory.js';
import type { ResourceKey } from '../store/keys.js';

/** Kinds of resources. Tenants, projects, classes of service, transport zones and file shares will be further ones. */
export const resourceKinds = [
  'system',
  'pool',
  'port',
  'host',
  'initiator',
  'volume',
  'snapshot',
  'export',
] as const;

/** See {@link resourceKinds}. */
export type ResourceKind = (typeof resourceKinds)[number];

/** That one resource uses another, which then cannot be deleted, or is a part of it and goes with it. */
export interface Link {
  readonly link: 'use' | 'part';
  readonly to: ResourceKey;
}

const use = (kind: ResourceKind, id: string): Link => ({ link: 'use', to: { kind, id } });
const part = (kind: ResourceKind, id: string): Link => ({ link: 'part', to: { kind, id } });

/** Whom a resource uses and belongs to. Pure; what stands in the store is this and nothing else. */
export function linksOf({ kind, body }: { readonly kind: string; readonly body: JsonObject }): Link[] {
  switch (kind as ResourceKind) {
    case 'system':
    case 'host':
      return [];
    case 'pool':
    case 'port':
      return [part('system', textOf(body, 'system'))];
    case 'initiator':
      return [part('host', textOf(body, 'host'))];
    case 'volume':
      return [use('system', textOf(body, 'system'))];
    case 'snapshot':
      return [use('system', textOf(body, 'system')), use('volume', textOf(body, 'volume'))];
    case 'export':
      return [use('volume', textOf(body, 'volume')), use('host', textOf(body, 'host'))];
  }
}

/** A text of a body; empty if it has none. */
export function textOf(body: JsonObject, field: string): string {
  const value = body[field];
  return typeof value === 'string' ? value : '';
}

/** A number of a body; 0 if it has none. */
export function numberOf(body: JsonObject, field: string): number {
  const value = body[field];
  return typeof value === 'number' ? value : 0;
}

/** The body of a record. */
export function bodyOf({ body }: Pick<ResourceRecord, 'body'>): JsonObject {
  if (body.length === 0) return {};
  const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
  return isJsonObject(value) ? value : {};
}

/** A body as bytes. */
export function toBody(body: JsonObject): Buffer {
  return Buffer.from(JSON.stringify(body));
}

/** Id of a pool or port: unique among all systems. */
export function partId(system: string, name: string): string {
  return `${system}/${name}`;
}
