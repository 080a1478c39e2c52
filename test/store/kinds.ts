/** The kinds of store that the suite runs on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.js';
import { createEmbeddedStore, openEmbeddedStore } from '../../src/store/embedded/index.js';
import { createEtcdStore } from '../../src/store/etcd/index.js';
import { startEtcd, type EtcdProcess } from '../support/etcd.js';
import type { StoreKind } from './suite/tools.js';

const clock = systemClock;

/** Embedded, in memory. */
export function memoryKind(): StoreKind {
  return {
    name: 'embedded, in memory',
    leaseMs: 300,
    start: () => Promise.resolve(),
    create: () => Promise.resolve(createEmbeddedStore({ clock })),
    stop: () => Promise.resolve(),
  };
}

/** Embedded, on disk. */
export function lmdbKind(): StoreKind {
  const directories: string[] = [];
  return {
    name: 'embedded, on LMDB',
    leaseMs: 300,
    start: () => Promise.resolve(),
    create: async () => {
      const directory = await temporaryDirectory();
      directories.push(directory);
      return await openEmbeddedStore(directory, { clock });
    },
    stop: async () => {
      for (const directory of directories) await rm(directory, { recursive: true });
    },
  };
}

/** A real etcd; every store has a prefix of its own in it. */
export function etcdKind(): StoreKind {
  let etcd: EtcdProcess | undefined;
  let created = 0;
  return {
    name: 'etcd',
    leaseMs: 1_000,
    start: async () => {
      etcd = await startEtcd();
    },
    create: () => {
      if (etcd === undefined) throw new Error('etcd does not run');
      const prefix = `test-${created++}/`;
      return Promise.resolve(createEtcdStore({ endpoints: [etcd.url], prefix, clock }));
    },
    stop: async () => {
      await etcd?.stop();
    },
  };
}

/** A new directory, which the caller removes. */
export async function temporaryDirectory(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'steplock-store-'));
}
