/** What the etcd store says to etcd and makes of answers that a real one gives rarely; on a fake. */
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { systemClock } from '../../src/base/clock.js';
import type { LeaseId, Revision } from '../../src/base/ids.js';
import { createEtcdStore } from '../../src/store/etcd/index.js';
import type { Store } from '../../src/store/store.js';
import {
  startFakeEtcd,
  type FakeAnswer,
  type FakeEtcd,
  type FakeHandlers,
  type FakeStream,
} from '../support/fake-etcd.js';
import {
  apply,
  everything,
  eventText,
  expectReason,
  expectRefusal,
  put,
  reasonOf,
  watchFrom,
} from './suite/tools.js';

const callTimeoutMs = 1_000;
const header = (revision: number): object => ({ revision: String(revision) });

/** An event of etcd's. */
function etcdEvent(key: string, revision: number, type = 'Put'): object {
  const kv = {
    key: Buffer.from(`p/${key}`),
    mod_revision: String(revision),
    create_revision: String(revision),
  };
  return { type, kv };
}

/** A watch that sends these answers once it was created, and stays open. */
function watchSending(...answers: readonly object[]): (stream: FakeStream) => void {
  return (stream) => {
    stream.once('data', () => {
      stream.write({ watch_id: '7', created: true, header: header(5) });
      for (const answer of answers) stream.write({ watch_id: '7', header: header(5), ...answer });
    });
  };
}

describe('etcd store, protocol', () => {
  let etcd: FakeEtcd | undefined;
  let store: Store;

  async function start(handlers: FakeHandlers): Promise<FakeEtcd> {
    const started = await startFakeEtcd(handlers);
    etcd = started;
    store = createEtcdStore({ endpoints: [started.url], prefix: 'p/', clock: systemClock, callTimeoutMs });
    return started;
  }

  afterEach(async () => {
    await store.close();
    etcd?.stop();
    etcd = undefined;
  });

  it('gives every unary call a deadline, no watch one, and asks for a leader on streams', async () => {
    const kv = { header: header(5), kvs: [], more: false, count: '0' };
    const { calls } = await start({
      unary: {
        'KV.Range': () => kv,
        'KV.Txn': () => ({ header: header(6), succeeded: true, responses: [{ response_put: {} }] }),
        'KV.Compact': () => ({ header: header(6) }),
        'Lease.LeaseGrant': () => ({ ID: '11', TTL: '5' }),
        'Lease.LeaseRevoke': () => ({}),
        'Maintenance.Status': () => ({ version: '3.6.1', dbSize: '10', dbSizeInUse: '5' }),
        'Maintenance.Alarm': () => ({ alarms: [] }),
        'Maintenance.Defragment': () => ({}),
      },
      streams: {
        'Watch.Watch': watchSending({ events: [etcdEvent('a', 6)] }),
        'Lease.LeaseKeepAlive': (stream) => stream.on('data', () => stream.write({ ID: '11', TTL: '5' })),
      },
    });
    await store.list(everything);
    await store.get('a');
    await apply(store, put('a'));
    await store.grantLease(5_000);
    expect(await store.renewLease('11' as LeaseId)).to.equal(5_000);
    await store.revokeLease('11' as LeaseId);
    await store.compact(5 as Revision);
    await store.space();
    await store.reclaim();
    const watch = watchFrom(store, 5 as Revision);
    await watch.next();
    await watch.stop();
    const seen = new Set(calls.map(({ method }) => method));
    expect([...seen].toSorted()).to.deep.equal([
      ...[
        'KV.Compact',
        'KV.Range',
        'KV.Txn',
        'Lease.LeaseGrant',
        'Lease.LeaseKeepAlive',
        'Lease.LeaseRevoke',
      ],
      ...['Maintenance.Alarm', 'Maintenance.Defragment', 'Maintenance.Status', 'Watch.Watch'],
    ]);
    const compaction = calls.find(({ method }) => method === 'KV.Compact');
    expect(compaction?.request, 'waits until the pages are free').to.deep.equal({
      revision: '5',
      physical: true,
    });
    for (const { method, deadline, metadata } of calls) {
      const isWatch = method === 'Watch.Watch';
      expect(deadline === Infinity, `${method} without a deadline`).to.equal(isWatch);
      const isStream = isWatch || method === 'Lease.LeaseKeepAlive';
      expect(metadata.get('hasleader'), method).to.deep.equal(isStream ? ['true'] : []);
    }
  });

  for (const [name, code] of Object.entries(status)) {
    if (typeof code !== 'number' || code === status.OK) continue;
    it(`sends a transaction once and leaves open what became of it after ${name}`, async () => {
      const { calls } = await start({
        unary: { 'KV.Txn': () => ({ code, details: 'etcdserver: something else' }) },
      });
      await expectReason('OUTCOME_UNKNOWN', apply(store, put('a')));
      expect(calls).to.have.length(1);
    });
  }

  it('takes only what etcd says before it applies anything for a refusal', async () => {
    let answer: FakeAnswer = {};
    await start({ unary: { 'KV.Txn': () => answer } });
    for (const [code, details, refusal] of [
      [status.INVALID_ARGUMENT, 'etcdserver: duplicate key given in txn request', 'DUPLICATE_KEY'],
      [status.INVALID_ARGUMENT, 'etcdserver: too many operations in txn request', 'TOO_MANY_OPS'],
      [status.INVALID_ARGUMENT, 'etcdserver: request is too large', 'TOO_LARGE'],
      [status.RESOURCE_EXHAUSTED, 'grpc: received message larger than max (3 vs. 2)', 'TOO_LARGE'],
      [status.NOT_FOUND, 'etcdserver: requested lease not found', 'LEASE_NOT_FOUND'],
    ] as const) {
      answer = { code, details };
      await expectRefusal(refusal, apply(store, put('a')));
    }
    answer = { code: status.RESOURCE_EXHAUSTED, details: 'etcdserver: mvcc: database space exceeded' };
    await expectReason('STORE_FULL', apply(store, put('a')));
  });

  it('reads again when etcd is unavailable for a while, and not after other failures', async () => {
    let failures = 3;
    const { calls } = await start({
      unary: {
        'KV.Range': () =>
          failures-- > 0
            ? { code: status.UNAVAILABLE, details: 'etcdserver: no leader' }
            : { header: header(5), kvs: [], more: false },
        'Lease.LeaseGrant': () => ({ code: status.INTERNAL, details: 'no' }),
      },
    });
    expect((await store.list(everything)).revision).to.equal(5);
    expect(calls).to.have.length(4);
    await expectReason('STORE_UNAVAILABLE', store.grantLease(1_000));
    expect(calls).to.have.length(5);
  });

  it('puts the fragments of an answer together to whole revisions', async () => {
    await start({
      streams: {
        'Watch.Watch': watchSending(
          { fragment: true, events: [etcdEvent('a', 6), etcdEvent('b', 6), etcdEvent('c', 7)] },
          { fragment: true, events: [etcdEvent('d', 7)] },
          { fragment: false, events: [etcdEvent('e', 7), etcdEvent('f', 9)] },
          { events: [etcdEvent('a', 10, 'Delete')] },
        ),
      },
    });
    const watch = watchFrom(store, 5 as Revision);
    const batches = [await watch.next(), await watch.next(), await watch.next()];
    expect(batches.map(({ revision, events }) => [revision, ...events.map(eventText)])).to.deep.equal([
      [6, '+a=', '+b='],
      [9, '+c=', '+d=', '+e=', '+f='],
      [10, '-a'],
    ]);
    await watch.stop();
  });

  it('asks from one revision before the first that it wants, and passes over what it does not want', async () => {
    let request: unknown;
    await start({
      streams: {
        'Watch.Watch': (stream) => {
          stream.once('data', (message: unknown) => {
            request = message;
          });
          watchSending({ events: [etcdEvent('a', 5), etcdEvent('b', 6)] })(stream);
        },
      },
    });
    const watch = watchFrom(store, 5 as Revision);
    expect(await watch.events(1)).to.deep.equal(['+b=']);
    expect(request).to.have.nested.property('create_request.start_revision', '5');
    expect(request).to.have.nested.property('create_request.fragment', true);
    expect(request).to.have.nested.property('create_request.progress_notify', true);
    await watch.stop();
  });

  for (const [version, moves] of [
    ['3.4.23', false],
    ['3.4.25', true],
    ['3.6.1', true],
  ] as const) {
    it(`${moves ? 'moves' : 'does not move'} with the progress that etcd ${version} tells of`, async () => {
      await start({
        unary: { 'Maintenance.Status': () => ({ version }) },
        streams: {
          'Watch.Watch': watchSending(
            { watch_id: '-1', header: header(90) },
            { header: header(20) },
            { header: header(19) },
            { events: [etcdEvent('a', 30)] },
          ),
        },
      });
      const abort = new AbortController();
      const revisions: number[] = [];
      for await (const { revision, events } of store.watch(everything, 5 as Revision, abort.signal)) {
        revisions.push(revision);
        if (events.length > 0) abort.abort();
      }
      expect(revisions).to.deep.equal(moves ? [20, 30] : [30]);
    });
  }

  it('tells a compaction from other ends of a watch', async () => {
    const compacted = { canceled: true, compact_revision: '12' };
    const canceled = { canceled: true, cancel_reason: 'etcdserver: permission denied' };
    const ends: readonly (readonly [(stream: FakeStream) => void, string])[] = [
      [watchSending(compacted), 'REVISION_COMPACTED'],
      [
        (stream) => stream.write({ created: true, watch_id: '-1', header: header(20), ...compacted }),
        'REVISION_COMPACTED',
      ],
      [watchSending(canceled), 'STORE_UNAVAILABLE'],
      [
        (stream) => stream.write({ created: true, watch_id: '-1', header: header(20), ...canceled }),
        'STORE_UNAVAILABLE',
      ],
      [(stream) => stream.end(), 'STORE_UNAVAILABLE'],
      [
        (stream) => stream.emit('error', { code: status.UNAVAILABLE, details: 'etcdserver: no leader' }),
        'STORE_UNAVAILABLE',
      ],
      [(stream) => stream.destroy(), 'STORE_UNAVAILABLE'],
      [() => undefined, 'STORE_UNAVAILABLE'],
    ];
    let end: (stream: FakeStream) => void = () => undefined;
    await start({
      streams: {
        'Watch.Watch': (stream) => {
          end(stream);
        },
      },
    });
    for (const [way, reason] of ends) {
      end = way;
      expect(reasonOf(await watchFrom(store, 5 as Revision).failure())).to.equal(reason);
    }
  });
});
