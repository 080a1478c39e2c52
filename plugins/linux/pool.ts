/** The one pool of a system: the file system that its directory is on. */
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoragePool } from '../../src/storage-controller.js';
import type { Call } from './call.js';
import type { LinuxSystem } from './options.js';
import { errorCode, Refusal } from './refusal.js';

/** What the pool is called. */
export const poolName = 'default';

/**
 * @throws Refusal PoolNotFound.
 */
export function requirePool({ id }: LinuxSystem, pool: string | undefined): void {
  if (pool === undefined || pool === poolName) return;
  throw new Refusal('PoolNotFound', `Storage system ${id} has no pool ${pool}, but ${poolName}`);
}

/** How full it is: what the file system says, and the sum of what was promised. */
export async function poolOf({ rootDir }: LinuxSystem): Promise<StoragePool> {
  const { blocks, bavail, bsize } = await statfs(rootDir);
  let provisionedBytes = 0;
  for (const directory of ['volumes', 'snapshots'])
    provisionedBytes += await sizesIn(join(rootDir, directory));
  return { pool: poolName, totalBytes: blocks * bsize, freeBytes: bavail * bsize, provisionedBytes };
}

/**
 * Holds the system to its oversubscription, if it has one. Calls at the same moment do not see each other's promise.
 *
 * @throws Refusal CapacityExceeded.
 */
export async function requireRoom({ system }: Call, moreBytes: number): Promise<void> {
  const { oversubscription } = system;
  if (oversubscription === undefined) return;
  const { totalBytes, provisionedBytes } = await poolOf(system);
  if (provisionedBytes + moreBytes <= totalBytes * oversubscription) return;
  throw new Refusal(
    'CapacityExceeded',
    `Storage system ${system.id} has promised ${provisionedBytes} bytes of ${totalBytes}, may promise ` +
      `${oversubscription} times as much, and ${moreBytes} more do not fit: free some or choose another system`,
  );
}

async function sizesIn(directory: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.endsWith('.img') || name.startsWith('.')) continue;
    try {
      sum += (await stat(join(directory, name))).size;
    } catch (error) {
      // It was removed between the list and the look.
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
  return sum;
}
