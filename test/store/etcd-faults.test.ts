/** The etcd store on a bad day: lost replies, silent peers, cut streams, a stopped etcd. */
import { expect } from 'chai';
import { systemClock } from '../../src/base/clock.js';
import type { LeaseId } from '../../src/base/ids.js';
import { createEtcdStore, type EtcdStoreOptions } from '../../src/store/etcd/index.js';
import { isAbsent, type Store } from '../../src/store/store.js';
import { startEtcd, type EtcdProcess } from '../support/etcd.js';
import { eventually, within } from '../support/eventually.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import {
  apply,
  everything,
  expectReason,
  plus,
  put,
  reasonOf,
  revisionOf,
  texts,
  watchFrom,
} from './suite/tools.js';

const callTimeoutMs = 700;
/** A failure by deadline comes at the deadline; this much later at most. */
const marginMs = 800;

async function elapsedMs(work: Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work;
  return performance.now() - startMs;
}

describe('etcd store, faults', () => {
  let etcd: EtcdProcess;
  let proxy: TcpProxy;
  /** Goes straight to etcd. */
  let direct: Store;
  let stores: Store[] = [];
  let created = 0;
  let prefix: string;
  /** A watch whose connection went silent when the tests began; the last test waits for its end. */
  let silenced: {
    readonly proxy: TcpProxy;
    readonly store: Store;
    readonly sinceMs: number;
    readonly end: Promise<unknown>;
  };

  const open = (...endpoints: readonly string[]): Store => openWith({ endpoints });
  const openWith = (options: Partial<EtcdStoreOptions> & Pick<EtcdStoreOptions, 'endpoints'>): Store => {
    const store = createEtcdStore({ prefix, clock: systemClock, callTimeoutMs, ...options });
    stores.push(store);
    return store;
  };

  before(async function () {
    this.timeout(20_000);
    etcd = await startEtcd();
    const silentProxy = await TcpProxy.start(etcd.port);
    const endpoints = [silentProxy.url];
    const store = createEtcdStore({
      prefix: 'silenced/',
      clock: systemClock,
      callTimeoutMs,
      endpoints,
      keepaliveMs: 5_000,
    });
    const watch = watchFrom(store, await revisionOf(store));
    await apply(store, put('a'));
    await watch.next();
    silentProxy.pause('toClient', 'toServer');
    silenced = { proxy: silentProxy, store, sinceMs: performance.now(), end: watch.failure(20_000) };
  });
  after(async () => {
    await silenced.store.close();
    await silenced.proxy.stop();
    await etcd.stop();
  });
  beforeEach(async () => {
    prefix = `faults-${created++}/`;
    proxy = await TcpProxy.start(etcd.port);
    direct = open(etcd.url);
  });
  afterEach(async () => {
    etcd.resume();
    for (const store of stores) await store.close();
    stores = [];
    await proxy.stop();
  });

  it('does not know what became of a transaction whose reply is lost; it was applied, once', async () => {
    const store = open(proxy.url);
    await apply(store, put('warm'));
    const before = await revisionOf(direct);
    proxy.pause('toClient');
    await expectReason('OUTCOME_UNKNOWN', apply(store, put('a', '1')));
    expect(texts((await direct.list(everything)).kvs)).to.deep.equal(['a=1', 'warm=']);
    proxy.cut();
    proxy.resume();
    await eventually(() => store.list(everything));
    expect(await revisionOf(direct), 'not sent a second time').to.equal(before + 1);
  });

  it('does not know either when the transaction is held up on the way, and may be applied later', async () => {
    const store = open(proxy.url);
    await apply(store, put('warm'));
    proxy.pause('toServer');
    const guarded = { compares: [isAbsent('a')], then: [put('a', '1')], otherwise: [] };
    await expectReason('OUTCOME_UNKNOWN', store.txn(guarded));
    expect(await direct.get('a')).to.equal(undefined);
    proxy.resume();
    // Sent again until answered, it is applied once, whichever of the two it was.
    const answer = await eventually(() => store.txn(guarded));
    expect(texts((await direct.list(everything)).kvs)).to.deep.equal(['a=1', 'warm=']);
    expect((await direct.get('a'))?.modRevision).to.be.at.most(answer.revision);
  });

  it('does not know when the connection is cut under a transaction', async () => {
    const store = open(proxy.url);
    await apply(store, put('warm'));
    proxy.pause('toClient');
    const sent = apply(store, put('a'));
    await eventually(async () => {
      expect(await direct.get('a')).not.to.equal(undefined);
    });
    proxy.cut();
    await expectReason('OUTCOME_UNKNOWN', sent);
  });

  it('does not hang on a peer that takes connections and says nothing, and gets out of it by itself', async () => {
    proxy.isDeaf = true;
    const store = open(proxy.url);
    const revision = await revisionOf(direct);
    const calls: readonly (readonly [
      reason: 'STORE_UNAVAILABLE' | 'OUTCOME_UNKNOWN',
      call: () => Promise<unknown>,
    ])[] = [
      ['STORE_UNAVAILABLE', () => store.list(everything)],
      ['STORE_UNAVAILABLE', () => store.renewLease('1' as LeaseId)],
      ['OUTCOME_UNKNOWN', () => apply(store, put('a'))],
      ['STORE_UNAVAILABLE', () => watchFrom(store, revision).next()],
    ];
    const times = calls.map(([reason, call]) => elapsedMs(expectReason(reason, call())));
    for (const time of await Promise.all(times)) expect(time).to.be.below(callTimeoutMs + marginMs);
    // The connections that are there stay silent for ever: only new ones help.
    proxy.isDeaf = false;
    await eventually(() => apply(store, put('a', '1')));
    const watch = watchFrom(store, revision);
    expect((await watch.events(1)).at(-1)).to.equal('+a=1');
    await watch.stop();
  }).timeout(15_000);

  it('ends a watch when its stream is cut; opened again from the cursor it misses nothing', async () => {
    const store = open(proxy.url);
    const writing = { isOver: false, count: 0 };
    let cursor = await revisionOf(direct);
    const writes = (async () => {
      while (!writing.isOver) await apply(direct, put('n', String(++writing.count)));
    })();
    const read: string[] = [];
    for (let cuts = 0; cuts < 5; cuts++) {
      const watch = watchFrom(store, cursor);
      const batch = await watch.next().catch(() => undefined);
      if (batch === undefined) continue;
      read.push(
        ...batch.events.map((event) => (event.type === 'put' ? String(Buffer.from(event.kv.value)) : '')),
      );
      cursor = batch.revision;
      proxy.cut();
      expect(reasonOf(await watch.failure().catch((error: unknown) => error))).to.equal('STORE_UNAVAILABLE');
    }
    writing.isOver = true;
    await writes;
    const last = watchFrom(store, cursor);
    while (read.length < writing.count) {
      const { events } = await last.next();
      read.push(...events.map((event) => (event.type === 'put' ? String(Buffer.from(event.kv.value)) : '')));
    }
    await last.stop();
    expect(read).to.deep.equal(Array.from({ length: writing.count }, (_, index) => String(index + 1)));
  }).timeout(15_000);

  it('keeps its watches when unary calls fail', async () => {
    const store = open(proxy.url);
    const watch = watchFrom(store, await revisionOf(store));
    await apply(store, put('a', '1'));
    await watch.next();
    proxy.delay('toClient', callTimeoutMs + 200);
    await expectReason('OUTCOME_UNKNOWN', apply(store, put('a', '2')));
    proxy.delay('toClient', 0);
    await eventually(() => apply(store, put('a', '3')));
    expect(await watch.events(2)).to.deep.equal(['+a=2', '+a=3']);
    await watch.stop();
  });

  it('keeps its watches when other watches are ended', async () => {
    const store = open(proxy.url);
    const revision = await revisionOf(store);
    const [kept, ended] = [watchFrom(store, revision), watchFrom(store, revision)];
    await apply(store, put('a', '1'));
    await Promise.all([kept.next(), ended.next()]);
    await ended.stop();
    await apply(store, put('a', '2'));
    expect(await kept.events(1)).to.deep.equal(['+a=2']);
    await kept.stop();
  });

  it('fails by its deadline while etcd is stopped, and goes on when that does', async () => {
    const store = open(etcd.url);
    const { id } = await store.grantLease(60_000);
    await apply(store, put('a', '1'));
    etcd.pause();
    const failures = [
      expectReason('STORE_UNAVAILABLE', store.list(everything)),
      expectReason('STORE_UNAVAILABLE', store.renewLease(id)),
      expectReason('OUTCOME_UNKNOWN', apply(store, put('a', '2'))),
    ];
    for (const failure of failures) expect(await elapsedMs(failure)).to.be.below(callTimeoutMs + marginMs);
    // Again, now that the channels were made anew and find nobody.
    expect(await elapsedMs(expectReason('STORE_UNAVAILABLE', store.get('a')))).to.be.below(
      callTimeoutMs + marginMs,
    );
    etcd.resume();
    await eventually(() => store.renewLease(id));
    expect((await eventually(() => apply(store, put('a', '3')))).succeeded).to.equal(true);
    expect(texts((await store.list(everything)).kvs)).to.deep.equal(['a=3']);
  }).timeout(15_000);

  it('keeps nothing for a reader that does not read: flow control stops etcd', async () => {
    const store = open(proxy.url);
    const watch = watchFrom(store, await revisionOf(store));
    await apply(direct, put('a'));
    await watch.next();
    const before = proxy.forwarded.toClient;
    const value = new Uint8Array(500_000);
    for (let index = 0; index < 40; index++) await apply(direct, put('a', value));
    const unread = proxy.forwarded.toClient - before;
    expect(unread, 'bytes sent to somebody who does not read').to.be.below(10_000_000);
    for (let seen = 0; seen < 40;) seen += (await watch.next()).events.length;
    expect(proxy.forwarded.toClient - before).to.be.above(20_000_000);
    await watch.stop();
  }).timeout(15_000);

  it('closes at once with calls and watches that would never be answered', async () => {
    const store = openWith({ endpoints: [proxy.url], callTimeoutMs: 30_000 });
    const watch = watchFrom(store, await revisionOf(store));
    await apply(store, put('a'));
    await watch.next();
    proxy.pause('toClient');
    const [txn, list] = [apply(store, put('b')), store.list(everything)];
    const outcomes = Promise.all([
      expectReason('OUTCOME_UNKNOWN', txn),
      expectReason('STORE_UNAVAILABLE', list),
      watch.failure(),
    ]);
    await eventually(async () => {
      expect(await direct.get('b')).not.to.equal(undefined);
    });
    await store.close();
    await within(1_000, 'the end of the calls', outcomes);
  });

  it('keeps prefixes apart', async () => {
    await apply(direct, put('a', 'ours'));
    prefix = `${prefix}inner/`;
    const inner = open(etcd.url);
    await apply(inner, put('a', 'inner'));
    expect(texts((await inner.list(everything)).kvs)).to.deep.equal(['a=inner']);
    expect(await inner.get('b')).to.equal(undefined);
    const watch = watchFrom(inner, plus(await revisionOf(inner), 0));
    await apply(direct, put('b', 'ours'));
    await apply(inner, put('c', 'inner'));
    expect(await watch.events(1)).to.deep.equal(['+c=inner']);
    await watch.stop();
  });

  // Last, because it takes the time of the pings.
  it('ends a watch whose connection has gone silent', async function () {
    this.timeout(15_000);
    expect(reasonOf(await silenced.end)).to.equal('STORE_UNAVAILABLE');
    expect(performance.now() - silenced.sinceMs).to.be.within(5_000, 13_000);
  });
});
