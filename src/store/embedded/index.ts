/** The store within this process: no etcd, one node. */
import type { Clock } from '../../base/clock.js';
import type { Store } from '../store.js';
import { EmbeddedStore } from './embedded-store.js';
import { openLmdbJournal } from './lmdb-journal.js';

export { dataDirError, makeDataDir } from './data-dir.js';
export { Mvcc, type MvccOptions, type MvccSnapshot } from './mvcc.js';
export { type RevisionEntry } from './revision-log.js';

/** How to make one. */
export interface EmbeddedOptions {
  /** Its monotonic time ends leases. */
  readonly clock: Clock;
  /** How many bytes of keys and values it takes, history included; default: no limit. */
  readonly quotaBytes?: number;
}

/** A store in memory, which ends with the process. */
export function createEmbeddedStore(options: EmbeddedOptions): Store {
  return new EmbeddedStore(options);
}

/** Ids of leases that a process grants are below this, so that each opening has a range of its own. */
const leasesPerOpening = 2 ** 31;

/**
 * A store in a directory: a write is answered once it is synced to disk. It begins where the one before it ended,
 * with the next revision; history before that is gone, and leases of the process before have ended with it.
 *
 * When a write fails (the disk is full, say) it refuses everything from then on, because memory and disk have come
 * apart; the process that closes it and opens it anew has what is on disk.
 *
 * @throws SteplockError STORE_UNAVAILABLE when a process has the directory open, or it cannot be read.
 */
export async function openEmbeddedStore(directory: string, options: EmbeddedOptions): Promise<Store> {
  const { journal, state, kvs } = await openLmdbJournal(directory, options.clock);
  const store = new EmbeddedStore({
    ...options,
    journal,
    snapshot: { revision: state.revision, kvs },
    leaseIdBase: state.opens * leasesPerOpening,
  });
  try {
    // The keys of the leases that have ended are gone for whoever looks.
    await store.untilDurable();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}
