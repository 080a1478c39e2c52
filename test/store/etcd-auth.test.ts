import { expect } from 'chai';
import { Etcd3 } from 'etcd3';
import { systemClock } from '../../src/base/clock.js';
import { createEtcdStore } from '../../src/store/etcd/index.js';
import type { Store, Txn } from '../../src/store/store.js';
import { startEtcd, type EtcdProcess } from '../support/etcd.js';

const user = { username: 'root', password: 'word' };
const txn: Txn = {
  compares: [],
  then: [{ type: 'put', key: 'key', value: Buffer.from('value') }],
  otherwise: [],
};

/** Makes the etcd ask for a user, of whom it has one. */
async function demandUser(url: string): Promise<void> {
  const client = new Etcd3({ hosts: url });
  const role = await client.role('root').create();
  const created = await client.user(user.username).create(user.password);
  await created.addRole(role);
  await client.auth.authEnable();
  client.close();
}

describe('etcd store, with a user', () => {
  let etcd: EtcdProcess;
  let store: Store;

  before(async function () {
    this.timeout(30_000);
    etcd = await startEtcd();
    await demandUser(etcd.url);
    store = createEtcdStore({ endpoints: [etcd.url], prefix: 'p/', clock: systemClock, auth: user });
  });

  after(async () => {
    await store.close();
    await etcd.stop();
  });

  it('shows who it is with its transactions too', async () => {
    const { revision } = await store.txn(txn);
    expect((await store.get('key'))?.modRevision).to.equal(revision);
  });

  it('gets a new token when the old one is worth nothing any more', async () => {
    await store.txn(txn);
    const client = new Etcd3({ hosts: etcd.url, auth: user });
    // The same one, but with that etcd forgets the tokens of the user.
    await client.user(user.username).setPassword(user.password);
    client.close();
    expect((await store.txn(txn)).succeeded).to.equal(true);
  });
});
