/** What all chaos runs have in common, and which etcd they get. */
import { fileURLToPath } from 'node:url';
import { ensureEtcd36 } from '../../scripts/etcd36.mjs';
import type { ChaosOptions } from './run.js';

/** The project's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A run in this tree; etcd 3.6 with fault points, or the one on the PATH when STEPLOCK_CHAOS_ETCD names it. */
export async function usualOptions(): Promise<Omit<ChaosOptions, 'seed' | 'minutes' | 'say'>> {
  const named = process.env['STEPLOCK_CHAOS_ETCD'];
  return {
    tree: root,
    etcd: named ?? (await ensureEtcd36()),
    hasFaultPoints: named === undefined,
    leaseTtlMs: 3_000,
    blockMs: 5_000,
    capacity: 100,
    users: 60,
  };
}

/** The seed that the environment names, or one of the time. */
export function seedOf(text = process.env['STEPLOCK_CHAOS_SEED']): number {
  return text === undefined ? Date.now() % 1_000_000 : Number(text);
}
