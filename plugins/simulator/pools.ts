/** What a simulated array has room for. */
import { StorageRefusal, type StoragePool } from '../../src/storage-controller.js';
import type { SimulatedPool, SimulatedSystem } from './options.js';
import type { ArrayState, ChangeContext } from './state.js';

/** The system's bounds, with their defaults. */
export function lookUp(system: SimulatedSystem): {
  readonly oversubscription: number;
  readonly volumesMax: number;
  readonly latencyMs: number;
  readonly operationsMax: number;
} {
  const { oversubscription = 1, volumesMax = 10_000, latencyMs = 0, operationsMax = 64 } = system;
  return { oversubscription, volumesMax, latencyMs, operationsMax };
}

/**
 * The pool of that name, or the first one.
 *
 * @throws StorageRefusal PoolNotFound.
 */
export function poolOf({ system }: Pick<ChangeContext, 'system'>, name: string | undefined): SimulatedPool {
  const pool = name === undefined ? system.pools[0] : system.pools.find((one) => one.pool === name);
  if (pool !== undefined) return pool;
  const known = system.pools.map((one) => one.pool).join(', ');
  throw new StorageRefusal(
    'PoolNotFound',
    `Storage system ${system.id} has no pool ${name ?? ''}, but ${known}`,
  );
}

/** What has been promised and taken of each pool. */
export function poolsOf(state: ArrayState, system: SimulatedSystem): StoragePool[] {
  const volumes = Object.values(state.volumes);
  return system.pools.map(({ pool, totalBytes }) => {
    const own = volumes.filter((volume) => volume.pool === pool);
    const taken = own.map(({ thick, sizeBytes, writtenBytes }) => (thick ? sizeBytes : writtenBytes));
    const snapshots = Object.values(state.snapshots).filter(({ volumeSerial }) =>
      own.some(({ serial }) => serial === volumeSerial),
    );
    const provisionedBytes = sum([...own, ...snapshots].map(({ sizeBytes }) => sizeBytes));
    return { pool, totalBytes, freeBytes: Math.max(0, totalBytes - sum(taken)), provisionedBytes };
  });
}

/**
 * @throws StorageRefusal CapacityExceeded if the pool cannot promise so much more.
 */
export function requireSpace({ state, system }: ChangeContext, pool: string, moreBytes: number): void {
  const { totalBytes } = poolOf({ system }, pool);
  const volumes = Object.values(state.volumes).filter((volume) => volume.pool === pool);
  const promised = sum(volumes.map(({ sizeBytes }) => sizeBytes));
  if (promised + moreBytes <= totalBytes * lookUp(system).oversubscription) return;
  throw new StorageRefusal(
    'CapacityExceeded',
    `Pool ${pool} of storage system ${system.id} has ${promised} bytes of ${totalBytes} in use: ` +
      `${moreBytes} more do not fit`,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
