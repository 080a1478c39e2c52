import { expect } from 'chai';
import { Members } from '../../../src/cluster/members.js';
import { NodeRecord } from '../../../src/gen/store/steplock/store/v1/cluster.js';
import { silentLogger } from '../../../src/log/log.js';

import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { StoreCache } from '../../../src/store/cache.js';
import { keys, prefixes, ranges } from '../../../src/store/keys.js';
import type { NodeId } from '../../../src/base/ids.js';
import { FakeClock } from '../../support/fake-clock.js';

describe('Members', () => {
  const scope = new AbortController();
  afterEach(() => {
    scope.abort();
  });

  async function cacheWith(records: Readonly<Record<string, Partial<NodeRecord>>>): Promise<StoreCache> {
    const clock = new FakeClock();
    const store = createEmbeddedStore({ clock });
    for (const [id, patch] of Object.entries(records)) {
      const value = NodeRecord.encode({ ...NodeRecord.fromPartial({ nodeId: id }), ...patch }).finish();
      const put = { type: 'put', key: keys.node(id as NodeId), value } as const;
      await store.txn({ compares: [], then: [put], otherwise: [] });
    }
    const options = { store, clock, log: silentLogger, range: ranges.all, kept: [prefixes.node] };
    const cache = new StoreCache({ ...options, resyncMs: 30_000 });
    await cache.resync();
    return cache;
  }

  it('are the nodes that are alive, by id; those that take work are the ones that do not drain', async () => {
    const members = new Members(await cacheWith({ b: {}, a: { draining: true }, c: {} }), silentLogger);
    expect(members.all.map(({ nodeId }) => nodeId)).to.deep.equal(['a', 'b', 'c']);
    expect(members.taking.map(({ nodeId }) => nodeId)).to.deep.equal(['b', 'c']);
  });

  it('all take work where every one of them drains: somebody must', async () => {
    const members = new Members(await cacheWith({ a: { draining: true } }), silentLogger);
    expect(members.taking.map(({ nodeId }) => nodeId)).to.deep.equal(['a']);
  });

  it('are not what another cluster wrote below our prefix', async () => {
    const members = new Members(await cacheWith({ a: {}, 'meta/cluster': {} }), silentLogger);
    expect(members.all.map(({ nodeId }) => nodeId)).to.deep.equal(['a']);
  });
});
