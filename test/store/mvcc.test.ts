/** The synchronous core, as a simulation uses it. */
import { expect } from 'chai';
import { toUtf8 } from '../../src/base/bytes.js';
import type { Revision } from '../../src/base/ids.js';
import { SteplockError } from '../../src/errors/index.js';
import { Mvcc, type MvccOptions, type RevisionEntry } from '../../src/store/embedded/index.js';
import { prefixRange, type WatchBatch } from '../../src/store/store.js';
import { FakeClock } from '../support/fake-clock.js';
import { del, everything, eventText, put, texts, txnOf } from './suite/tools.js';

describe('Mvcc', () => {
  let clock: FakeClock;
  let core: Mvcc;
  const create = (options: Partial<MvccOptions> = {}): Mvcc => new Mvcc({ clock, ...options });

  beforeEach(() => {
    clock = new FakeClock();
    core = create();
  });

  it('begins at revision 1, as etcd does, and counts each transaction that writes', () => {
    expect(core.revision).to.equal(1);
    expect(core.txn(txnOf(put('a'), put('b'))).revision).to.equal(2);
    expect(core.txn(txnOf(del('none'))).revision).to.equal(2);
    expect(core.txn(txnOf(del('a'))).revision).to.equal(3);
  });

  it('begins with what it is given', () => {
    const revision = 40 as Revision;
    const kv = {
      key: 'a',
      value: toUtf8('1'),
      createRevision: 7 as Revision,
      modRevision: 9 as Revision,
      lease: undefined,
    };
    const restored = create({ snapshot: { revision, kvs: [kv] }, leaseIdBase: 500 });
    expect(restored.list(everything)).to.deep.equal({ revision, kvs: [kv], more: false });
    expect(restored.txn(txnOf(put('a', '2'))).revision).to.equal(41);
    expect(restored.get('a')).to.deep.include({ createRevision: 7, modRevision: 41 });
    expect(restored.grantLease(1_000).id).to.equal('501');
    expect(() => restored.list(everything, { revision: 39 as Revision })).to.throw(
      'The revision was compacted',
    );
  });

  it('calls a watch before the transaction returns, once for each revision with changes in its range', () => {
    core.txn(txnOf(put('w/a', '0')));
    const batches: WatchBatch[] = [];
    const end = core.watch(prefixRange('w/'), 1 as Revision, (batch) => batches.push(batch));
    expect(
      batches.map(({ revision }) => revision),
      'history at once',
    ).to.deep.equal([2]);
    core.txn(txnOf(put('w/a', '1'), put('w/b', '1'), put('x', '1')));
    core.txn(txnOf(put('x', '2')));
    core.txn(txnOf(del(prefixRange('w/'))));
    expect(batches.map(({ revision, events }) => [revision, ...events.map(eventText)])).to.deep.equal([
      [2, '+w/a=0'],
      [3, '+w/a=1', '+w/b=1'],
      [5, '-w/a', '-w/b'],
    ]);
    end();
    core.txn(txnOf(put('w/a', '2')));
    expect(batches).to.have.length(3);
  });

  it('delivers in order to every watch when one of them writes', () => {
    const seen: string[][] = [[], []];
    core.watch(everything, core.revision, ({ events }) => {
      seen[0]?.push(...events.map(eventText));
      if (core.get('b') === undefined) core.txn(txnOf(put('b', 'answer')));
    });
    core.watch(everything, core.revision, ({ events }) => seen[1]?.push(...events.map(eventText)));
    core.txn(txnOf(put('a', 'question')));
    expect(seen).to.deep.equal([
      ['+a=question', '+b=answer'],
      ['+a=question', '+b=answer'],
    ]);
  });

  it('refuses a watch from before a compaction', () => {
    core.txn(txnOf(put('a')));
    core.txn(txnOf(put('a')));
    core.compact(3 as Revision);
    expect(() => core.watch(everything, 2 as Revision, () => undefined)).to.throw(
      'The revision was compacted',
    );
    core.watch(everything, 3 as Revision, () => undefined);
  });

  it('ends leases only when it is asked, by the clock that it was given', () => {
    const startMs = clock.monotonicMs();
    const [long, short] = [core.grantLease(2_000), core.grantLease(1_000)];
    core.txn(txnOf(put('a', '', long.id), put('b', '', short.id), put('c', '', short.id)));
    expect(core.nextExpiryMs()).to.equal(startMs + 1_000);
    clock.advance(999);
    core.expireLeases();
    expect(core.revision).to.equal(2);
    clock.advance(1);
    expect(core.get('b')).not.to.equal(undefined);
    core.expireLeases();
    expect(texts(core.list(everything).kvs)).to.deep.equal(['a=']);
    expect(core.revision).to.equal(3);
    expect(core.renewLease(long.id)).to.equal(2_000);
    expect(core.nextExpiryMs()).to.equal(startMs + 3_000);
    core.revokeLease(long.id);
    expect(core.nextExpiryMs()).to.equal(undefined);
  });

  it('does not renew a lease whose time is over, though it is not yet ended', () => {
    const { id } = core.grantLease(1_000);
    clock.advance(1_000);
    expect(() => core.renewLease(id)).to.throw(SteplockError, 'does not have the lease');
  });

  it('ends each of several leases at a revision of its own, the earliest first', () => {
    for (const [key, ttlMs] of [
      ['a', 300],
      ['b', 100],
      ['c', 200],
    ] as const) {
      core.txn(txnOf(put(key, '', core.grantLease(ttlMs).id)));
    }
    const ended: string[] = [];
    core.watch(everything, core.revision, ({ events }) => ended.push(...events.map(eventText)));
    clock.advance(1_000);
    core.expireLeases();
    expect(ended).to.deep.equal(['-b', '-c', '-a']);
    expect(core.revision).to.equal(7);
  });

  it('tells of each revision once, in order, before its watches', () => {
    const told: (RevisionEntry | WatchBatch)[] = [];
    const telling = create({ onRevision: (entry) => told.push(entry) });
    telling.watch(everything, 1 as Revision, (batch) => told.push(batch));
    telling.txn(txnOf(put('a'), put('b')));
    telling.txn(txnOf(del('a')));
    expect(told.map(({ revision }) => revision)).to.deep.equal([2, 2, 3, 3]);
    expect(told[0]).to.deep.equal(told[1]);
  });

  it('gives memory back at a compaction', () => {
    core.txn(txnOf(put('kept', 'x'.repeat(100)), put('gone')));
    const { usedBytes } = core.space();
    for (let index = 0; index < 100; index++) core.txn(txnOf(put('kept', 'x'.repeat(100))));
    core.txn(txnOf(del('gone')));
    expect(core.space().usedBytes).to.be.greaterThan(10 * usedBytes);
    core.compact(core.revision);
    expect(core.space().usedBytes).to.be.lessThan(usedBytes);
    core.txn(txnOf(del('kept')));
    core.compact(core.revision);
    expect(core.space().usedBytes).to.equal(0);
  });
});
