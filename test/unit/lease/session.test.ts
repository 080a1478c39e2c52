import { expect } from 'chai';
import type { LeaseId, NodeId, Revision } from '../../../src/base/ids.js';
import { createDeferred, type Deferred } from '../../../src/base/deferred.js';
import { createSeededRandom } from '../../../src/base/random.js';
import { SteplockError } from '../../../src/errors/index.js';
import type { NodeRecord } from '../../../src/gen/store/steplock/store/v1/cluster.js';
import { openSession, Session, type SessionOptions } from '../../../src/lease/session.js';
import { silentLogger } from '../../../src/log/log.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { keys } from '../../../src/store/keys.js';
import type { Store } from '../../../src/store/store.js';
import { FakeClock, settle } from '../../support/fake-clock.js';
import { LossyStore, type Fate } from '../../support/lossy-store.js';
import { rejection } from '../../support/rejection.js';

const ttlMs = 9_000;
/** A tenth of it is kept as a margin. */
const ownMs = 8_100;
const nodeId = 'n1' as NodeId;

const node: Omit<NodeRecord, 'unitId'> = {
  nodeId,
  instance: 'i1',
  address: '127.0.0.1:1',
  neighborhood: '',
  version: '1',
  capacity: 1,
  controllers: [],
  joinTimeMs: 1,
  labels: {},
  draining: false,
};

function optionsOf(store: Store, clock: FakeClock, signal = new AbortController().signal): SessionOptions {
  return { store, clock, random: createSeededRandom(1), log: silentLogger, ttlMs, node, signal };
}

/** A session over a store that answers renewals when the test says so. */
class Bench {
  readonly clock = new FakeClock();
  /** When renewals were sent, and what answers them. */
  readonly renewals: { readonly atMs: number; readonly answer: Deferred<number> }[] = [];
  readonly revoked: LeaseId[] = [];
  readonly beganMs = this.clock.monotonicMs();
  readonly session: Session;

  constructor(answerTookMs = 0) {
    const store = {
      renewLease: async () => {
        const answer = createDeferred<number>();
        this.renewals.push({ atMs: this.nowMs, answer });
        return await answer.promise;
      },
      revokeLease: async (id: LeaseId) => {
        this.revoked.push(id);
        await Promise.resolve();
      },
    } as unknown as Store;
    const sentMs = this.clock.monotonicMs();
    this.clock.stall(answerTookMs);
    this.session = new Session(optionsOf(store, this.clock), '77' as LeaseId, 5 as Revision, ttlMs, sentMs);
  }

  /** Since the beginning. */
  get nowMs(): number {
    return this.clock.monotonicMs() - this.beganMs;
  }

  async runTo(atMs: number): Promise<void> {
    await this.clock.run(atMs - this.nowMs);
  }
}

describe('Session', () => {
  it('counts from when it asked for its lease, not from when the answer came', () => {
    const { session } = new Bench(2_000);
    expect(session.marginMs).to.equal(ownMs - 2_000);
    expect(session.isAlive()).to.equal(true);
    session.end('over');
  });

  it('ends by itself a tenth of its time before the store can end it', async () => {
    const bench = new Bench();
    await bench.runTo(ownMs - 1);
    expect(bench.session.signal.aborted).to.equal(false);
    await bench.runTo(ownMs);
    expect(bench.session.signal.aborted).to.equal(true);
    expect(bench.session.signal.reason).to.have.property('message', 'Session ended: its deadline passed');
    expect(bench.session.isAlive()).to.equal(false);
  });

  it('is renewed after a third of its time, and its time counts from when the renewal was sent', async () => {
    const bench = new Bench();
    await bench.runTo(5_000);
    expect(bench.renewals.map(({ atMs }) => atMs)).to.deep.equal([3_000]);
    bench.renewals[0]!.answer.resolve(ttlMs);
    await settle();
    expect(bench.session.marginMs).to.equal(3_000 + ownMs - 5_000);
    await bench.runTo(8_000);
    expect(bench.renewals.map(({ atMs }) => atMs)).to.deep.equal([3_000, 8_000]);
    await bench.runTo(3_000 + ownMs - 1);
    expect(bench.session.signal.aborted).to.equal(false);
    await bench.runTo(3_000 + ownMs);
    expect(bench.session.signal.aborted).to.equal(true);
  });

  it('lives on as long as renewals are answered, however long', async () => {
    const bench = new Bench();
    for (let atMs = 3_000; atMs <= 90_000; atMs += 3_000) {
      await bench.runTo(atMs);
      bench.renewals.at(-1)!.answer.resolve(ttlMs);
    }
    await settle();
    expect(bench.renewals).to.have.length(30);
    expect(bench.session.isAlive()).to.equal(true);
    bench.session.end('over');
  });

  it('is not revived by a renewal that is answered after its deadline', async () => {
    const bench = new Bench();
    await bench.runTo(ownMs + 1);
    bench.renewals[0]!.answer.resolve(ttlMs);
    await bench.runTo(60_000);
    expect(bench.session.isAlive()).to.equal(false);
    expect(bench.renewals, 'Nothing is renewed that has ended').to.have.length(1);
    expect(bench.clock.timers).to.equal(0);
  });

  it('is not revived by an answer that comes before its timer does, after the process stood still', async () => {
    const bench = new Bench();
    await bench.runTo(3_000);
    bench.clock.stall(ownMs);
    bench.renewals[0]!.answer.resolve(ttlMs);
    await settle();
    expect(bench.session.signal.aborted).to.equal(true);
    expect(bench.session.marginMs).to.be.below(0);
  });

  it('knows after a stall that it has ended, before any timer has fired', async () => {
    const bench = new Bench();
    await settle();
    bench.clock.stall(ownMs);
    expect(bench.session.signal.aborted).to.equal(false);
    expect(bench.session.isAlive()).to.equal(false);
    expect(bench.session.signal.aborted).to.equal(true);
  });

  it('does not go by the wall clock', async () => {
    const bench = new Bench();
    bench.clock.jumpWall(3_600_000);
    await settle();
    expect(bench.session.isAlive()).to.equal(true);
    bench.clock.jumpWall(-7_200_000);
    await bench.runTo(ownMs);
    expect(bench.session.signal.aborted).to.equal(true);
  });

  it('tries again soon when a renewal fails, and ends at once when its lease is gone', async () => {
    const bench = new Bench();
    await bench.runTo(3_000);
    bench.renewals[0]!.answer.reject(new SteplockError('STORE_UNAVAILABLE', 'No answer'));
    await bench.runTo(3_200);
    expect(bench.renewals.map(({ atMs }) => atMs)).to.deep.equal([3_000, 3_200]);
    expect(bench.session.isAlive()).to.equal(true);
    bench.renewals[1]!.answer.reject(new SteplockError('LEASE_LOST', 'Gone'));
    await settle();
    expect(bench.session.signal.aborted).to.equal(true);
    expect(bench.session.signal.reason).to.have.property(
      'message',
      'Session ended: the store no longer has its lease',
    );
  });

  it('gives its lease back when it is closed, and ends only once', async () => {
    const bench = new Bench();
    await bench.session.close();
    expect(bench.revoked).to.deep.equal(['77']);
    expect(bench.session.isAlive()).to.equal(false);
    const { reason } = bench.session.signal as { reason: unknown };
    bench.session.end('again');
    expect(bench.session.signal.reason).to.equal(reason);
    await bench.runTo(60_000);
    expect(bench.renewals).to.have.length(0);
  });

  it('guards by the revision at which its record was created', () => {
    const { session } = new Bench();
    expect(session.guard()).to.deep.equal([{ at: 'node/n1', target: 'create', relation: '=', revision: 5 }]);
    session.end('over');
  });
});

describe('openSession()', () => {
  const key = keys.node(nodeId);

  /** Opens over a store whose transactions get these fates. */
  function open(
    fates: Fate[] = [],
    signal?: AbortSignal,
  ): { clock: FakeClock; store: Store; opened: Promise<Session> } {
    const clock = new FakeClock();
    const store = createEmbeddedStore({ clock });
    const lossy = new LossyStore(store, () => fates.shift() ?? 'answered');
    return { clock, store, opened: openSession(optionsOf(lossy.store, clock, signal)) };
  }

  it('puts the node’s record under its lease; its create revision is the session', async () => {
    const { store, opened } = open();
    const session = await opened;
    const kv = await store.get(key);
    expect(kv).to.deep.include({ createRevision: session.revision, lease: session.lease });
    await session.close();
    expect(await store.get(key)).to.equal(undefined);
  });

  it('knows its own record again when the answer to its making was lost', async () => {
    const { clock, store, opened } = open(['applied-unheard']);
    await clock.run(100);
    const session = await opened;
    expect((await store.get(key))?.createRevision).to.equal(session.revision);
    session.end('over');
  });

  it('waits until a former session of the node has ended', async () => {
    const clock = new FakeClock();
    const store = createEmbeddedStore({ clock });
    const former = await openSession(optionsOf(store, clock));
    // It hangs: nobody renews it, and nobody gives it back.
    former.end('hangs');
    let session: Session | undefined;
    void openSession({ ...optionsOf(store, clock), random: createSeededRandom(2) }).then(
      (opened) => (session = opened),
    );
    await clock.run(ttlMs - 1_000);
    expect(session).to.equal(undefined);
    await clock.run(1_500);
    expect(session?.isAlive()).to.equal(true);
    expect(session?.revision).to.be.above(former.revision);
    session?.end('over');
  });

  it('takes no session whose lease was granted too slowly', async () => {
    const clock = new FakeClock();
    const inner = createEmbeddedStore({ clock });
    const grants: number[] = [];
    const slow = new Proxy(inner, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        if (name !== 'grantLease') return value.bind(target) as unknown;
        return async (asked: number) => {
          const granted = await inner.grantLease(asked);
          if (grants.push(clock.monotonicMs()) === 1) clock.stall(ownMs);
          return granted;
        };
      },
    });
    const opened = openSession(optionsOf(slow, clock));
    for (let count = 0; count < 8; count++) await clock.run(250);
    expect((await opened).isAlive()).to.equal(true);
    expect(grants).to.have.length(2);
    (await opened).end('over');
  });

  it('gives up when its signal aborts', async () => {
    const giveUp = new AbortController();
    const { clock, opened } = open(
      Array.from({ length: 99 }, () => 'lost' as const),
      giveUp.signal,
    );
    opened.catch(() => undefined);
    await clock.run(1_000);
    giveUp.abort(new Error('enough'));
    await clock.run(1_000);
    await rejection(opened);
  });
});
