/** Compaction, space, closing. */
import { expect } from 'chai';
import type { LeaseId } from '../../../src/base/ids.js';
import type { StoreSpace } from '../../../src/store/store.js';
import { eventually, within } from '../../support/eventually.js';
import {
  apply,
  del,
  everything,
  expectReason,
  plus,
  put,
  revisionOf,
  texts,
  watchFrom,
  type StoreOf,
} from './tools.js';

/** See the head of this file. */
export function describeMaintenance(storeOf: StoreOf): void {
  it('forgets what was before a revision, and still lists as of it', async () => {
    const store = storeOf();
    const { revision: first } = await apply(store, put('a', '1'), put('b', '1'), put('c', '1'));
    const { revision: second } = await apply(store, put('a', '2'), del('b'));
    const { revision: third } = await apply(store, put('a', '3'), del('c'));
    await store.compact(second);
    await expectReason('REVISION_COMPACTED', store.list(everything, { revision: first }));
    expect(texts((await store.list(everything, { revision: second })).kvs)).to.deep.equal(['a=2', 'c=1']);
    expect(texts((await store.list(everything, { revision: third })).kvs)).to.deep.equal(['a=3']);
    expect(texts((await store.list(everything)).kvs)).to.deep.equal(['a=3']);
    expect((await store.get('a'))?.createRevision).to.equal(first);
  });

  it('does nothing when it was compacted there, or later, before', async () => {
    const store = storeOf();
    const { revision: first } = await apply(store, put('a', '1'));
    const { revision: second } = await apply(store, put('a', '2'));
    await store.compact(second);
    await store.compact(second);
    await store.compact(first);
    expect(texts((await store.list(everything, { revision: second })).kvs)).to.deep.equal(['a=2']);
  });

  it('refuses to compact at a revision that is not there yet', async () => {
    const store = storeOf();
    const { revision } = await apply(store, put('a'));
    await expectReason('REVISION_COMPACTED', store.compact(plus(revision, 1)));
    await store.compact(revision);
    expect(await revisionOf(store)).to.equal(revision);
  });

  it('tells how full it is', async () => {
    const store = storeOf();
    await apply(store, put('a', new Uint8Array(100_000)));
    const space = await store.space();
    expect(space.usedBytes).to.be.at.least(0);
    expect(space.totalBytes).to.be.at.least(space.usedBytes);
    expect(space.totalBytes).to.be.greaterThan(0);
    expect(space.isFull).to.equal(false);
  });

  it('uses less after a compaction, and has less after it was reclaimed', async () => {
    const store = storeOf();
    const shrink = async (): Promise<StoreSpace> => {
      await store.compact(await revisionOf(store));
      await store.reclaim();
      return await store.space();
    };
    const value = new Uint8Array(100_000);
    await apply(store, put('a', value));
    const before = await shrink();
    for (let index = 0; index < 50; index++) await apply(store, put('a', value));
    // etcd counts what it has committed, ten times a second.
    await eventually(async () => {
      const { usedBytes, totalBytes } = await store.space();
      expect(usedBytes).to.be.greaterThan(before.usedBytes + 4_000_000);
      expect(totalBytes).to.be.greaterThan(before.totalBytes + 4_000_000);
    });
    const after = await shrink();
    expect(after.usedBytes).to.be.lessThan(before.usedBytes + 1_000_000);
    expect(after.totalBytes).to.be.lessThan(before.totalBytes + 1_000_000);
    expect((await store.get('a'))?.value.length).to.equal(value.length);
  });

  it('refuses everything once it is closed, as something that was not even sent', async () => {
    const store = storeOf();
    await apply(store, put('a'));
    const revision = await revisionOf(store);
    await store.close();
    await store.close();
    const calls: Promise<unknown>[] = [
      store.txn({ compares: [], then: [put('a')], otherwise: [] }),
      store.list(everything),
      store.get('a'),
      store.grantLease(1_000),
      store.renewLease('1' as LeaseId),
      store.revokeLease('1' as LeaseId),
      store.compact(revision),
      store.space(),
      store.reclaim(),
      store.watch(everything, revision, new AbortController().signal)[Symbol.asyncIterator]().next(),
    ];
    for (const call of calls)
      await expectReason('STORE_UNAVAILABLE', within(1_000, 'a call after the end', call));
  });

  it('ends with watches open and transactions under way', async () => {
    const store = storeOf();
    const watch = watchFrom(store, await revisionOf(store));
    const sent = Array.from({ length: 20 }, (_, index) => apply(store, put(`k${index}`)));
    await within(2_000, 'closing', store.close());
    for (const outcome of await within(2_000, 'the calls', Promise.allSettled(sent))) {
      if (outcome.status === 'rejected') {
        expect(outcome.reason)
          .to.have.property('reason')
          .that.is.oneOf(['OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE']);
      }
    }
    await within(2_000, 'the watch', watch.failure());
  });
}
