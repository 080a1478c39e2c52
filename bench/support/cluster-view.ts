/** What stands in the store, looked at from beside the nodes. */
import { Etcd3 } from 'etcd3';
import { systemClock } from '../../src/base/clock.js';
import { ShardRecord } from '../../src/gen/store/steplock/store/v1/cluster.js';
import { prefixes } from '../../src/store/keys.js';
import { decodeRecord } from '../../src/store/records.js';
import { createEtcdStore } from '../../src/store/etcd/index.js';
import { prefixRange, type Store } from '../../src/store/store.js';
import type { Stage } from './stage.js';
import { until } from './until.js';

/** A store on the stage's etcd. */
export function openStore({ etcd, store }: Stage): Store {
  const prefix = store.kind === 'etcd' ? store.prefix : '';
  return createEtcdStore({ endpoints: [etcd.url], prefix, clock: systemClock });
}

/** The node that owns each shard that is owned. */
export async function shardOwners(store: Store): Promise<Map<number, string>> {
  const { kvs } = await store.list(prefixRange(prefixes.shard));
  return new Map(
    kvs.map((kv) => [Number(kv.key.slice(prefixes.shard.length)), decodeRecord(ShardRecord, kv).nodeId]),
  );
}

/** Waits until all shards are owned, as evenly as may be, by so many nodes. */
export async function untilBalanced(store: Store, shards: number, nodes: number): Promise<void> {
  await until('shards shared out', { timeoutMs: 20_000 }, async () => {
    const owners = [...(await shardOwners(store)).values()];
    const counts = [...new Set(owners)].map((node) => owners.filter((owner) => owner === node).length);
    return owners.length === shards && counts.length === nodes && Math.min(...counts) >= shards / nodes - 2;
  });
}

/** Counts the keys with a prefix, which costs etcd nearly nothing; the function ends with `close`. */
export function keyCounter({ etcd, store }: Stage): { of(prefix: string): Promise<number>; close(): void } {
  const client = new Etcd3({ hosts: etcd.url });
  const prefix = store.kind === 'etcd' ? store.prefix : '';
  return {
    of: async (kind) =>
      await client
        .getAll()
        .prefix(prefix + kind)
        .count(),
    close: () => {
      client.close();
    },
  };
}
