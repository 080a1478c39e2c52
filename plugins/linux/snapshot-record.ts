/** What is known of a snapshot: the record beside its data file, with which it exists. */
import type { Snapshot } from '../../src/storage-controller.js';
import { readFileIfThere, writeFileAtomic } from './files.js';
import type { LinuxSystem } from './options.js';
import { Refusal } from './refusal.js';
import { objectPaths, type ObjectPaths } from './system-layout.js';
import type { Maker } from './volume-record.js';
import { listSnapshots } from './volume-store.js';

/** See the file's head. */
export interface SnapshotRecord {
  readonly format: 1;
  readonly snapshot: string;
  readonly maker: Maker;
  readonly serial: string;
  /** What it is of. */
  readonly volume: string;
  readonly volumeSerial: string;
  /** That volume's size when it was made. */
  readonly sizeBytes: number;
}

/** The snapshot's record, or undefined if there is no such snapshot. */
export async function readSnapshot(paths: ObjectPaths): Promise<SnapshotRecord | undefined> {
  const text = await readFileIfThere(paths.record);
  if (text === undefined) return undefined;
  const record = JSON.parse(text) as Partial<SnapshotRecord> | null;
  if (record?.format !== 1 || record.snapshot === undefined) {
    throw new Error(`${paths.record} is not a snapshot's record of format 1`);
  }
  return record as SnapshotRecord;
}

/** Writes the snapshot's record. */
export async function writeSnapshot(paths: ObjectPaths, record: SnapshotRecord): Promise<void> {
  await writeFileAtomic(paths.record, paths.recordTemporary, `${JSON.stringify(record, null, 2)}\n`);
}

/** Names of all snapshots of the volume with this serial; reads every snapshot's record. */
export async function snapshotsOf(system: LinuxSystem, volumeSerial: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of await listSnapshots(system)) {
    const record = await readSnapshot(objectPaths(system, { kind: 'snapshot', name }));
    if (record?.volumeSerial === volumeSerial) names.push(name);
  }
  return names;
}

/**
 * The snapshot's record.
 *
 * @throws Refusal SnapshotNotFound, or IdentityMismatch if the serial is given and is not its.
 */
export async function requireSnapshot(
  system: LinuxSystem,
  name: string,
  serial: string | undefined,
): Promise<SnapshotRecord> {
  const record = await readSnapshot(objectPaths(system, { kind: 'snapshot', name }));
  if (record === undefined) {
    throw new Refusal('SnapshotNotFound', `Storage system ${system.id} has no snapshot ${name}`);
  }
  if (serial !== undefined && serial !== record.serial) {
    throw new Refusal(
      'IdentityMismatch',
      `Snapshot ${name} has the serial ${record.serial}, and ${serial} is meant`,
    );
  }
  return record;
}

/** The snapshot as the contract has it. */
export function shownSnapshot(record: SnapshotRecord, path: string): Snapshot {
  const { snapshot, volume, volumeSerial, sizeBytes, serial } = record;
  return { snapshot, volume, volumeSerial, sizeBytes, serial, nativeId: path };
}
