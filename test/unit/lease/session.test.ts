import { expect } from 'chai';
import type { LeaseId, Revision } from '../../../src/base/ids.js';
import { createDeferred, type Deferred } from '../../../src/base/deferred.js';
import { SteplockError } from '../../../src/errors/index.js';
import { Session } from '../../../src/lease/session.js';
import type { Store } from '../../../src/store/store.js';
import { FakeClock, settle } from '../../support/fake-clock.js';
import { ownMs, sessionOptions, ttlMs } from '../../support/session-options.js';

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
    this.session = new Session(
      sessionOptions(store, this.clock),
      '77' as LeaseId,
      5 as Revision,
      ttlMs,
      sentMs,
    );
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
