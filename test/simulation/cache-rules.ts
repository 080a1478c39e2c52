/** Invariant 8: what a node's cache holds is what the store holds, whichever events of its watch were lost. */
import type { Api } from '../../src/rpc/context.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { prefixes } from '../../src/store/keys.js';
import { prefixRange } from '../../src/store/store.js';

const kept = [prefixes.node, prefixes.shard, prefixes.live, prefixes.queue, prefixes.lock, prefixes.permit];

/** Where the node's cache differs from the store now, one line for each key; right after a change it may. */
export function staleKeys(server: Mvcc, { runtime: { cache } }: Api): string[] {
  return kept.flatMap((prefix) => {
    const stored = new Map(
      server.list(prefixRange(prefix)).kvs.map(({ key, modRevision }) => [key, modRevision]),
    );
    const cached = new Map([...cache.entries(prefix)].map(({ key, modRevision }) => [key, modRevision]));
    return [...new Set([...stored.keys(), ...cached.keys()])]
      .filter((key) => stored.get(key) !== cached.get(key))
      .map((key) => `${key} as of ${cached.get(key) ?? 'never'} and not ${stored.get(key) ?? 'deleted'}`);
  });
}
