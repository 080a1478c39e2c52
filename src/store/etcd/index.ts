/** The store in an etcd cluster, 3.4 or later. */
import type { Store } from '../store.js';
import { EtcdStore } from './etcd-store.js';
import { toSettings, type EtcdStoreOptions } from './options.js';

export { type EtcdStoreOptions, type EtcdTls } from './options.js';

/** Connects when it is first needed: it cannot fail here. */
export function createEtcdStore(options: EtcdStoreOptions): Store {
  return new EtcdStore(toSettings(options));
}
