import { expect } from 'chai';
import { createSeededRandom } from '../../../src/base/random.js';
import { SteplockError } from '../../../src/errors/index.js';
import { openSession, type Session } from '../../../src/lease/session.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { keys } from '../../../src/store/keys.js';
import type { Store } from '../../../src/store/store.js';
import { FakeClock } from '../../support/fake-clock.js';
import { LossyStore, type Fate } from '../../support/lossy-store.js';
import { rejection } from '../../support/rejection.js';
import { nodeId, ownMs, sessionOptions, ttlMs } from '../../support/session-options.js';

/** The store, but for the way in which it grants leases. */
function withGrants(inner: Store, grantLease: Store['grantLease']): Store {
  return new Proxy(inner, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (name === 'grantLease') return grantLease;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

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
    return { clock, store, opened: openSession(sessionOptions(lossy.store, clock, signal)) };
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
    const former = await openSession(sessionOptions(store, clock));
    // It hangs: nobody renews it, and nobody gives it back.
    former.end('hangs');
    let session: Session | undefined;
    void openSession({ ...sessionOptions(store, clock), random: createSeededRandom(2) }).then(
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
    const slow = withGrants(inner, async (asked) => {
      const granted = await inner.grantLease(asked);
      if (grants.push(clock.monotonicMs()) === 1) clock.stall(ownMs);
      return granted;
    });
    const opened = openSession(sessionOptions(slow, clock));
    for (let count = 0; count < 8; count++) await clock.run(250);
    expect((await opened).isAlive()).to.equal(true);
    expect(grants).to.have.length(2);
    (await opened).end('over');
  });

  it('asks a store that is full less and less often, and is there soon after it has room', async () => {
    const clock = new FakeClock();
    const inner = createEmbeddedStore({ clock });
    const beganMs = clock.monotonicMs();
    const tries: number[] = [];
    let isFull = true;
    const full = withGrants(inner, async (asked) => {
      tries.push(clock.monotonicMs() - beganMs);
      if (isFull) throw new SteplockError('STORE_FULL', 'No space left');
      return await inner.grantLease(asked);
    });
    const opened = openSession(sessionOptions(full, clock));
    for (let count = 0; count < 600; count++) await clock.run(100);
    const waits = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    expect(waits.length, 'how often within a minute').to.be.within(25, 65);
    expect(waits[0]).to.be.within(100, 200);
    expect(Math.min(...waits.slice(5))).to.be.at.least(1_000);
    isFull = false;
    for (let count = 0; count < 20; count++) await clock.run(100);
    const session = await opened;
    expect(session.isAlive()).to.equal(true);
    session.end('over');
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
