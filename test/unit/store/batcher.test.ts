import { expect } from 'chai';
import { isReason } from '../../../src/errors/index.js';
import { silentLogger } from '../../../src/log/log.js';
import { Batcher, type BatcherOptions } from '../../../src/store/batcher.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { isAbsent, TxnRefusedError, type Store } from '../../../src/store/store.js';
import type { Unit } from '../../../src/store/unit.js';
import { FakeClock } from '../../support/fake-clock.js';
import { LossyStore, type Fate } from '../../support/lossy-store.js';
import { rejection } from '../../support/rejection.js';

/** A unit that makes the key, with a value of that many bytes beside its id. */
function makes(key: string, bytes = 0): Unit {
  const value = Buffer.concat([Buffer.from([0x0a, key.length]), Buffer.from(key), Buffer.alloc(bytes)]);
  return { id: key, compares: [isAbsent(key)], ops: [{ type: 'put', key, value }], witness: key };
}

interface Bench {
  readonly clock: FakeClock;
  readonly store: Store;
  readonly lossy: LossyStore;
  readonly session: AbortController;
  readonly batcher: Batcher;
}

function bench(patch: Partial<BatcherOptions> = {}, fates: Fate[] = []): Bench {
  const clock = new FakeClock();
  const store = createEmbeddedStore({ clock });
  const lossy = new LossyStore(store, () => fates.shift() ?? 'answered');
  const session = new AbortController();
  const batcher = new Batcher({
    store: lossy.store,
    clock,
    log: silentLogger,
    guard: [],
    signal: session.signal,
    onGuardFailed: () => undefined,
    ...patch,
  });
  return { clock, store, lossy, session, batcher };
}

describe('Batcher', () => {
  it('sends what gathers while a transaction is under way as one', async () => {
    const { batcher, lossy } = bench();
    const first = batcher.commit(makes('a'));
    await Promise.resolve();
    const others = ['b', 'c', 'd'].map(async (key) => await batcher.commit(makes(key)));
    const results = await Promise.all([first, ...others]);
    expect(results.every(({ applied }) => applied)).to.equal(true);
    expect(lossy.sent.map(({ then }) => then.length)).to.deep.equal([1, 3]);
    expect(batcher.sent).to.deep.equal({ transactions: 2, units: 4 });
  });

  it('keeps a transaction within what etcd takes: units and operations, and bytes', async () => {
    const many = bench();
    await Promise.all(
      Array.from({ length: 250 }, async (_, index) => await many.batcher.commit(makes(`k${index}`))),
    );
    expect(many.lossy.sent.map(({ then }) => then.length)).to.deep.equal([119, 119, 12]);
    const large = bench();
    await Promise.all(['a', 'b', 'c'].map(async (key) => await large.batcher.commit(makes(key, 500_000))));
    expect(large.lossy.sent.map(({ then }) => then.length)).to.deep.equal([2, 1]);
  });

  it('refuses a unit that the store does not take, and applies those that came with it', async () => {
    const { batcher } = bench();
    const twice: Unit = { ...makes('b'), ops: [...makes('b').ops, ...makes('b').ops] };
    const [a, b, c] = await Promise.allSettled(
      [makes('a'), twice, makes('c')].map(async (unit) => await batcher.commit(unit)),
    );
    expect([a!.status, b!.status, c!.status]).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect((b as PromiseRejectedResult).reason).to.be.instanceOf(TxnRefusedError);
  });

  it('says of a unit whose guard failed what its witness holds', async () => {
    const { batcher } = bench();
    await batcher.commit(makes('a'));
    const other: Unit = { ...makes('a'), id: 'other' };
    const result = await batcher.commit(other);
    expect(result.applied).to.equal(false);
    expect(result).to.have.nested.property('witness.key', 'a');
  });

  it('takes a unit whose answer was lost for applied, at the revision at which it was', async () => {
    const { batcher, clock, store } = bench({}, ['applied-unheard', 'lost']);
    const applied = batcher.commit(makes('a'));
    await clock.run(10);
    const written = await store.get('a');
    await store.txn({
      compares: [],
      then: [{ type: 'put', key: 'z', value: Buffer.alloc(0) }],
      otherwise: [],
    });
    await clock.run(1_000);
    expect(await applied).to.deep.equal({ applied: true, revision: written?.modRevision });
  });

  it('knows a unit for applied also when the whole of the second sending is refused, for another one', async () => {
    const fates: Fate[] = ['applied-unheard'];
    const { batcher, clock, store, lossy } = bench({}, fates);
    const { id: lease } = await store.grantLease(60_000);
    const other = { type: 'put', key: 'b', value: Buffer.from('other') } as const;
    await store.txn({ compares: [], then: [other], otherwise: [] });
    const bound = makes('b');
    const leased: Unit = { ...bound, ops: bound.ops.map((op) => ({ ...op, lease })) };
    const results = Promise.allSettled([batcher.commit(makes('a')), batcher.commit(leased)]);
    await clock.run(1);
    // The first sending applied `a` alone; now `b` could be made, but its lease is gone.
    await store.txn({ compares: [], then: [{ type: 'delete', at: 'b' }], otherwise: [] });
    await store.revokeLease(lease);
    await clock.run(1_000);
    const [a, b] = await results;
    const written = await store.get('a');
    expect(a).to.deep.equal({
      status: 'fulfilled',
      value: { applied: true, revision: written?.modRevision },
    });
    expect(b).to.have.nested.property('reason.refusal', 'LEASE_NOT_FOUND');
    expect(lossy.sent.map(({ then }) => then.length)).to.deep.equal([2, 2, 1, 1]);
  });

  it('tells of what was applied in the order of revisions, before the submitters hear of it', async () => {
    const heard: string[] = [];
    const { batcher } = bench({ onApplied: (unit) => heard.push(`applied ${unit.id}`) });
    const submit = async (key: string): Promise<void> => {
      await batcher.commit(makes(key));
      heard.push(`told ${key}`);
    };
    await Promise.all([submit('a'), submit('b')]);
    expect(heard).to.deep.equal(['applied a', 'applied b', 'told a', 'told b']);
  });

  it('applies nothing and ends the session when the guard fails', async () => {
    let failures = 0;
    const guard = [{ at: 'node', target: 'create', relation: '=', revision: 5 } as const];
    const { batcher, store } = bench({ guard, onGuardFailed: () => (failures += 1) });
    const error = await rejection(batcher.commit(makes('a')));
    expect(isReason(error, 'LEASE_LOST')).to.equal(true);
    expect(failures).to.equal(1);
    expect(await store.get('a')).to.equal(undefined);
  });

  it('refuses at once what waits when the session ends, and what comes later', async () => {
    const { batcher, clock, session } = bench({}, ['lost', 'lost', 'lost', 'lost']);
    const underway = batcher.commit(makes('a'));
    await clock.run(1);
    const waiting = batcher.commit(makes('b'));
    expect(batcher.waitingCount).to.equal(1);
    session.abort(new Error('over'));
    for (const promise of [underway, waiting, batcher.commit(makes('c'))])
      expect(isReason(await rejection(promise), 'LEASE_LOST')).to.equal(true);
    expect(batcher.waitingCount).to.equal(0);
  });
});
