/** Leases: keys live and go with them. */
import { expect } from 'chai';
import type { LeaseId } from '../../../src/base/ids.js';
import type { LeaseGrant } from '../../../src/store/store.js';
import { eventually } from '../../support/eventually.js';
import {
  apply,
  del,
  everything,
  expectReason,
  expectRefusal,
  put,
  revisionOf,
  texts,
  watchFrom,
  type StoreOf,
} from './tools.js';

/** See the head of this file. */
export function describeLeases(storeOf: StoreOf, shortMs: number): void {
  const keys = async (): Promise<string[]> => texts((await storeOf().list(everything)).kvs);

  it('lives at least as long as was asked for, under an id of its own', async () => {
    const store = storeOf();
    const grants = await Promise.all([1_000, 1_001, 60_000].map((ttlMs) => store.grantLease(ttlMs)));
    expect(grants[0]?.ttlMs).to.be.at.least(1_000);
    expect(grants[1]?.ttlMs).to.be.at.least(1_001);
    expect(grants[2]?.ttlMs).to.equal(60_000);
    expect(new Set(grants.map(({ id }) => id)).size).to.equal(3);
    for (const { id } of grants) expect(id).to.match(/^[1-9][0-9]*$/);
  });

  it('tells the lease of a key', async () => {
    const store = storeOf();
    const { id } = await store.grantLease(60_000);
    await apply(store, put('a', '', id), put('b'));
    expect((await store.get('a'))?.lease).to.equal(id);
    expect((await store.get('b'))?.lease).to.equal(undefined);
  });

  it('deletes its keys when it is revoked, all at one revision', async () => {
    const store = storeOf();
    const { id } = await store.grantLease(60_000);
    await apply(store, put('c', '', id), put('free'));
    await apply(store, put('a', '', id), put('b', '', id));
    const before = await revisionOf(store);
    const watch = watchFrom(store, before);
    await store.revokeLease(id);
    expect(await keys()).to.deep.equal(['free=']);
    const batch = await watch.next();
    expect(batch.events.map((event) => event.type === 'delete' && event.key)).to.deep.equal(['a', 'b', 'c']);
    expect(batch.revision).to.equal(before + 1);
    await watch.stop();
    await expectRefusal('LEASE_NOT_FOUND', apply(store, put('a', '', id)));
  });

  it('takes no revision when it is revoked without keys', async () => {
    const store = storeOf();
    const { id } = await store.grantLease(60_000);
    await apply(store, put('a', '', id));
    await apply(store, del('a'));
    const before = await revisionOf(store);
    await store.revokeLease(id);
    expect(await revisionOf(store)).to.equal(before);
  });

  it('may be revoked again, or without having been', async () => {
    const store = storeOf();
    const { id } = await store.grantLease(60_000);
    await store.revokeLease(id);
    await store.revokeLease(id);
    await store.revokeLease('987654321' as LeaseId);
  });

  it('leaves alone what was put without it, or under another one, since', async () => {
    const store = storeOf();
    const [first, second] = [await store.grantLease(60_000), await store.grantLease(60_000)];
    await apply(store, ...['a', 'b', 'c', 'd'].map((key) => put(key, '', first.id)));
    await apply(store, put('a', 'free'), put('b', 'other', second.id), del('c'));
    await apply(store, put('c', 'anew'));
    await store.revokeLease(first.id);
    expect(await keys()).to.deep.equal(['a=free', 'b=other', 'c=anew']);
    await store.revokeLease(second.id);
    expect(await keys()).to.deep.equal(['a=free', 'c=anew']);
  });

  it('hangs the key on the lease of the last put of it', async () => {
    const store = storeOf();
    const lease = await store.grantLease(60_000);
    await apply(store, put('a'));
    await apply(store, put('a', 'leased', lease.id));
    await store.revokeLease(lease.id);
    expect(await keys()).to.deep.equal([]);
  });

  it('ends by itself, and its keys go at one revision', async () => {
    const store = storeOf();
    const { id, ttlMs } = await store.grantLease(shortMs);
    const grantedAtMs = performance.now();
    await apply(store, put('a', '', id), put('b', '', id), put('free'));
    const watch = watchFrom(store, await revisionOf(store));
    const batch = await watch.next();
    expect(performance.now() - grantedAtMs).to.be.at.least(ttlMs - 50);
    expect(batch.events).to.have.length(2);
    await watch.stop();
    expect(await keys()).to.deep.equal(['free=']);
    await expectReason('LEASE_LOST', store.renewLease(id));
    await expectRefusal('LEASE_NOT_FOUND', apply(store, put('a', '', id)));
  });

  it('lives on while it is renewed, and no longer', async () => {
    const store = storeOf();
    const { id, ttlMs } = await store.grantLease(shortMs);
    await apply(store, put('a', '', id));
    const startMs = performance.now();
    let renewedAtMs = startMs;
    while (performance.now() - startMs < 1.7 * ttlMs) {
      renewedAtMs = performance.now();
      expect(await store.renewLease(id)).to.equal(ttlMs);
      expect(await keys()).to.deep.equal(['a=']);
      await new Promise((resolve) => setTimeout(resolve, ttlMs / 4));
    }
    await eventually(async () => {
      expect(await keys()).to.deep.equal([]);
    });
    expect(performance.now() - renewedAtMs).to.be.at.least(ttlMs - 50);
  }).timeout(15_000);

  it('says that it is lost when it is renewed after its end', async () => {
    const store = storeOf();
    const { id }: LeaseGrant = await store.grantLease(60_000);
    await store.revokeLease(id);
    await expectReason('LEASE_LOST', store.renewLease(id));
    await expectReason('LEASE_LOST', store.renewLease('987654321' as LeaseId));
  });
}
