/** Names of resources on the wire: `volumes/{volume}`, `systems/{system}/pools/{pool}` and so on. Pure. */
import type { ResourceKey } from '../store/keys.js';
import { partId, type ResourceKind } from './bodies.js';

const collections: Readonly<Record<ResourceKind, string>> = {
  system: 'systems',
  pool: 'pools',
  port: 'ports',
  host: 'hosts',
  initiator: 'initiators',
  volume: 'volumes',
  snapshot: 'snapshots',
  export: 'exports',
};
const kindsByCollection = new Map(
  Object.entries(collections).map(([kind, collection]) => [collection, kind as ResourceKind]),
);

/** The name of a resource. */
export function resourceName({ kind, id }: ResourceKey): string {
  const collection = collections[kind as ResourceKind];
  if (kind !== 'pool' && kind !== 'port') return `${collection}/${id}`;
  const [system = '', ...rest] = id.split('/');
  return `systems/${system}/${collection}/${rest.join('/')}`;
}

/** The resource that a name means; undefined if it is no such name. */
export function parseResourceName(name: string): ResourceKey | undefined {
  const [, system, collection, inner] = /^systems\/([^/]+)\/(pools|ports)\/(.+)$/.exec(name) ?? [];
  if (system !== undefined && collection !== undefined && inner !== undefined) {
    return { kind: collection === 'pools' ? 'pool' : 'port', id: partId(system, inner) };
  }
  const [, first, id] = /^([a-z]+)\/([^/]+)$/.exec(name) ?? [];
  const kind = kindsByCollection.get(first ?? '');
  if (kind === undefined || id === undefined || kind === 'pool' || kind === 'port') return undefined;
  // Longer ones would not fit a key, and there are none.
  return id.length <= 255 ? { kind, id } : undefined;
}
