/** What src/store/store.ts promises, on each kind of store. */
import type { Store } from '../../src/store/store.js';
import { etcdKind, lmdbKind, memoryKind } from './kinds.js';
import { describeLeases } from './suite/lease-suite.js';
import { describeList } from './suite/list-suite.js';
import { describeMaintenance } from './suite/maintenance-suite.js';
import { describeRefusals } from './suite/refusal-suite.js';
import { describeTxn } from './suite/txn-suite.js';
import { describeWatch } from './suite/watch-suite.js';

for (const kind of [memoryKind(), lmdbKind(), etcdKind()]) {
  describe(`Store: ${kind.name}`, () => {
    let store: Store;
    const storeOf = (): Store => store;
    before(async function () {
      this.timeout(20_000);
      await kind.start();
    });
    after(async () => {
      await kind.stop();
    });
    beforeEach(async () => {
      store = await kind.create();
    });
    afterEach(async () => {
      await store.close();
    });
    describe('transactions', () => {
      describeTxn(storeOf);
    });
    describe('refusals', () => {
      describeRefusals(storeOf);
    });
    describe('lists', () => {
      describeList(storeOf);
    });
    describe('watches', () => {
      describeWatch(storeOf);
    });
    describe('leases', () => {
      describeLeases(storeOf, kind.leaseMs);
    });
    describe('maintenance', () => {
      describeMaintenance(storeOf);
    });
  });
}
