/** Transactions that are refused as a whole, exactly where etcd refuses them. */
import { expect } from 'chai';
import type { LeaseId } from '../../../src/base/ids.js';
import { isAbsent, keyLengthMax, prefixRange, type Op, type Txn } from '../../../src/store/store.js';
import {
  apply,
  del,
  everything,
  expectRefusal,
  get,
  nested,
  put,
  revisionOf,
  txnOf,
  type StoreOf,
} from './tools.js';

const all = prefixRange('k/');

const duplicates: readonly (readonly [what: string, ...ops: Op[]])[] = [
  ['a key put twice', put('k/a'), put('k/a')],
  ['a key put and deleted', put('k/a'), del('k/a')],
  ['a key deleted and put', del('k/a'), put('k/a')],
  ['a key put and deleted with a range', put('k/a'), del(all)],
  ['a key put outside and inside', put('k/a'), nested([], [put('k/a')])],
  ['a key put inside and outside', nested([], [put('k/a')]), put('k/a')],
  ['a key put outside and in a branch not taken', put('k/a'), nested([], [], [put('k/a')])],
  ['a key put in two nested transactions', nested([], [put('k/a')]), nested([], [put('k/a')])],
  ['a key put in branches of two', nested([], [put('k/a')]), nested([], [], [put('k/a')])],
  ['a key put far within and outside', nested([], [nested([], [put('k/a')])]), put('k/a')],
  ['a key deleted outside and put inside', nested([], [put('k/a')]), del('k/a')],
  ['a range deleted outside and put into inside', del(all), nested([], [put('k/a')])],
  ['a key deleted inside and put outside', put('k/a'), nested([], [del('k/a')])],
  [
    'a key deleted in an earlier nested one and put in a later',
    nested([], [del(all)]),
    nested([], [put('k/a')]),
  ],
  ['a key deleted in an earlier branch not taken', nested([], [], [del('k/a')]), nested([], [put('k/a')])],
];

const allowed: readonly (readonly [what: string, ...ops: Op[]])[] = [
  ['a key put in both branches of one', nested([], [put('k/a')], [put('k/a')])],
  ['a key put in one branch and deleted in the other', nested([], [put('k/a')], [del('k/a')])],
  ['a key deleted twice', del('k/a'), del(all), nested([], [del('k/a')])],
  ['a key put and read', put('k/a'), get('k/a'), get(all)],
  [
    'a key put and a range beside it deleted',
    put('k/a'),
    del({ start: 'k/b', end: 'k/z' }),
    del({ start: 'j', end: 'k/a' }),
  ],
  [
    'a key put in an earlier nested one and deleted in a later',
    nested([], [put('k/a')]),
    nested([], [del('k/a')]),
  ],
  ['a key put and another one that begins with it deleted', put('k/a'), del('k/ab')],
];

const many = (count: number): Op[] => Array.from({ length: count }, (_, index) => get(`k/${index}`));
const conditions = (count: number): Txn['compares'] =>
  Array.from({ length: count }, (_, index) => isAbsent(`k/${index}`));

const tooMany: readonly (readonly [what: string, max: Txn, more: Txn])[] = [
  ['operations', txnOf(...many(128)), txnOf(...many(129))],
  [
    'operations of a branch not taken',
    { compares: [], then: [], otherwise: many(128) },
    { compares: [], then: [], otherwise: many(129) },
  ],
  [
    'compares',
    { compares: conditions(128), then: [], otherwise: [] },
    { compares: conditions(129), then: [], otherwise: [] },
  ],
  ['operations in one nested transaction', txnOf(nested([], many(127))), txnOf(nested([], many(128)))],
  [
    'compares in one of three nested transactions',
    txnOf(nested([], []), nested([], []), nested(conditions(125), [])),
    txnOf(nested([], []), nested([], []), nested(conditions(126), [])),
  ],
  [
    'operations beside outer compares',
    { compares: conditions(20), then: [nested([], many(108))], otherwise: [] },
    { compares: conditions(20), then: [nested([], many(109))], otherwise: [] },
  ],
  [
    'operations two levels down',
    txnOf(nested([], [nested([], many(126))])),
    txnOf(nested([], [nested([], many(127))])),
  ],
];

/** See the head of this file. */
export function describeRefusals(storeOf: StoreOf): void {
  for (const [what, ...ops] of duplicates) {
    it(`refuses ${what}`, async () => {
      const store = storeOf();
      const { revision } = await apply(store, put('k/a', 'before'));
      await expectRefusal('DUPLICATE_KEY', store.txn(txnOf(...ops, put('other'))));
      expect(await revisionOf(store)).to.equal(revision);
    });
    it(`refuses ${what} in the branch not taken`, async () => {
      await expectRefusal(
        'DUPLICATE_KEY',
        storeOf().txn({ compares: [], then: [put('other')], otherwise: ops }),
      );
    });
  }

  for (const [what, ...ops] of allowed) {
    it(`allows ${what}`, async () => {
      expect((await apply(storeOf(), ...ops)).succeeded).to.equal(true);
    });
  }

  it('allows a key put in both branches of the whole', async () => {
    const store = storeOf();
    await store.txn({ compares: [isAbsent('a')], then: [put('a')], otherwise: [put('a')] });
  });

  for (const [what, max, more] of tooMany) {
    it(`takes as many ${what} as fit and refuses one more`, async () => {
      const store = storeOf();
      await store.txn(max);
      await expectRefusal('TOO_MANY_OPS', store.txn(more));
    });
  }

  it('refuses a transaction of more than 1.5 MiB', async () => {
    const store = storeOf();
    const before = await revisionOf(store);
    for (const mebibytes of [1.6, 4]) {
      const value = new Uint8Array(mebibytes * 1024 * 1024);
      await expectRefusal('TOO_LARGE', apply(store, put('big', value)));
      const [half, otherHalf] = [value.subarray(0, value.length / 2), value.subarray(value.length / 2)];
      await expectRefusal(
        'TOO_LARGE',
        store.txn({ compares: [], then: [put('a', half)], otherwise: [put('b', otherHalf)] }),
      );
    }
    expect(await revisionOf(store)).to.equal(before);
    await apply(store, put('big', new Uint8Array(1.4 * 1024 * 1024)));
  });

  it('refuses a key that is too long', async () => {
    const store = storeOf();
    const longest = 'k'.repeat(keyLengthMax);
    await apply(store, put(longest, 'value'));
    expect((await store.get(longest))?.key).to.equal(longest);
    await expectRefusal('TOO_LARGE', apply(store, nested([], [put(`${longest}k`)])));
  });

  it('refuses a put under a lease that is not there, as a whole', async () => {
    const store = storeOf();
    const before = await revisionOf(store);
    const gone = '123456789' as LeaseId;
    await expectRefusal('LEASE_NOT_FOUND', apply(store, put('a'), put('b', '', gone)));
    await expectRefusal('LEASE_NOT_FOUND', apply(store, put('a'), nested([], [put('b', '', gone)])));
    expect(await revisionOf(store)).to.equal(before);
  });

  it('does not look at leases in branches that are not taken', async () => {
    const store = storeOf();
    const gone = '123456789' as LeaseId;
    await store.txn({
      compares: [],
      then: [put('a'), nested([], [put('b')], [put('c', '', gone)])],
      otherwise: [put('d', '', gone)],
    });
    expect((await store.list(everything)).kvs.map(({ key }) => key)).to.deep.equal(['a', 'b']);
  });
}
