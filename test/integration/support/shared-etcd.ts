/** One etcd for all tests that do it no harm; each node in it has a prefix of its own. */
import { startEtcd, type EtcdProcess } from '../../support/etcd.js';

let started: Promise<EtcdProcess> | undefined;
let prefixes = 0;

/** The etcd that the tests of this process share. */
export async function sharedEtcd(): Promise<EtcdProcess> {
  started ??= startEtcd();
  return await started;
}

/** A prefix that nobody has. */
export function freshPrefix(): string {
  return `/it-${process.pid}-${prefixes++}/`;
}

after(async () => {
  await (await started)?.stop();
});
