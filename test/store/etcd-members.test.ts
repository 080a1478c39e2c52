/** The etcd store with several members, of which one is away or silent: two ways to one etcd. */
import { expect } from 'chai';
import { systemClock } from '../../src/base/clock.js';
import { createEtcdStore } from '../../src/store/etcd/index.js';
import type { Store } from '../../src/store/store.js';
import { startEtcd, type EtcdProcess } from '../support/etcd.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import {
  apply,
  everything,
  expectReason,
  put,
  reasonOf,
  revisionOf,
  texts,
  watchFrom,
} from './suite/tools.js';

const callTimeoutMs = 700;

async function elapsedMs(work: Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work;
  return performance.now() - startMs;
}

describe('etcd store, members', () => {
  let etcd: EtcdProcess;
  /** Goes straight to etcd. */
  let direct: Store;
  let stores: Store[] = [];
  let created = 0;
  let prefix: string;

  const open = (...endpoints: readonly string[]): Store => {
    const store = createEtcdStore({ endpoints, prefix, clock: systemClock, callTimeoutMs });
    stores.push(store);
    return store;
  };

  before(async function () {
    this.timeout(20_000);
    etcd = await startEtcd();
  });
  after(async () => {
    await etcd.stop();
  });
  beforeEach(() => {
    prefix = `members-${created++}/`;
    direct = open(etcd.url);
  });
  afterEach(async () => {
    for (const store of stores) await store.close();
    stores = [];
  });

  it('reads from another member while one is away', async () => {
    const away = await TcpProxy.start(etcd.port);
    const awayUrl = away.url;
    await away.stop();
    const store = open(awayUrl, etcd.url);
    await apply(direct, put('a', '1'));
    expect(texts((await store.list(everything)).kvs)).to.deep.equal(['a=1']);
    const watch = watchFrom(store, await revisionOf(store));
    await apply(store, put('a', '2'));
    expect(await watch.events(1)).to.deep.equal(['+a=2']);
    await watch.stop();
  });

  it('sends a transaction to another member the next time when one is away', async () => {
    const away = await TcpProxy.start(etcd.port);
    const awayUrl = away.url;
    await away.stop();
    const store = open(awayUrl, etcd.url);
    await expectReason('OUTCOME_UNKNOWN', apply(store, put('a')));
    await apply(store, put('a'));
  });

  it('reads from another member while one is silent, within the same deadline', async () => {
    const silent = await TcpProxy.start(etcd.port);
    silent.isDeaf = true;
    const store = open(silent.url, etcd.url);
    expect(await elapsedMs(store.list(everything))).to.be.below(callTimeoutMs);
    // What failed once is not asked first again.
    expect(await elapsedMs(apply(store, put('a')))).to.be.below(callTimeoutMs / 2);
    await silent.stop();
  });

  it('opens a watch at another member the next time when one is silent', async () => {
    const silent = await TcpProxy.start(etcd.port);
    silent.isDeaf = true;
    const store = open(silent.url, etcd.url);
    const revision = await revisionOf(direct);
    expect(reasonOf(await watchFrom(store, revision).failure())).to.equal('STORE_UNAVAILABLE');
    const watch = watchFrom(store, revision);
    await apply(direct, put('a', '1'));
    expect(await watch.events(1)).to.deep.equal(['+a=1']);
    await watch.stop();
    await silent.stop();
  });
});
