/**
 * The data files and records of a system's volumes, and of its snapshots, which are kept in the same way. A data file comes to its final name in one step when it
 * is complete (by a second link, which never replaces a file), and loses it in one step before it is removed.
 *
 * | temporary | final | record | hidden | what it is |
 * | --- | --- | --- | --- | --- |
 * | yes | | | | half made, by the step whose key is in the temporary name |
 * | yes | the same file | | | complete and not yet recorded, by that step |
 * | | yes | yes | | a volume |
 * | | | yes or no | yes | half removed, by the step whose key is in the hidden name |
 * | | yes | | | not ours |
 *
 * All calls want the volume's lock.
 */
import { constants } from 'node:fs';
import { link, open, readdir, rename } from 'node:fs/promises';
import type { Call } from './call.js';
import {
  readFileIfThere,
  removeFile,
  setLength,
  statIfThere,
  syncDirectory,
  writeFileAtomic,
} from './files.js';
import { errorCode, Refusal } from './refusal.js';
import { objectPaths, type ObjectPaths } from './system-layout.js';
import { join } from 'node:path';
import type { StorageObject } from '../../src/storage-controller.js';
import { formatRecord, parseRecord, requireSerial, type VolumeRecord } from './volume-record.js';
import type { LinuxSystem } from './options.js';

/** The volume's record, or undefined if there is no such volume. */
export async function readRecord(paths: ObjectPaths): Promise<VolumeRecord | undefined> {
  const text = await readFileIfThere(paths.record);
  return text === undefined ? undefined : parseRecord(text, paths.record);
}

/** Whether what the call is about has a record: whether it exists. */
export async function hasRecord({ paths }: Call): Promise<boolean> {
  return (await statIfThere(paths.record)) !== undefined;
}

/** Replaces the volume's record. */
export async function writeRecord(paths: ObjectPaths, record: VolumeRecord): Promise<void> {
  await writeFileAtomic(paths.record, paths.recordTemporary, formatRecord(record));
}

/**
 * The volume's record and its size now.
 *
 * @throws Refusal VolumeNotFound, or IdentityMismatch if the serial is given and is not its.
 */
export async function requireVolume(
  call: Call,
  serial?: string,
): Promise<{ record: VolumeRecord; sizeBytes: number }> {
  const record = await readRecord(call.paths);
  if (record === undefined) {
    // Whatever an earlier attempt did to it went with it.
    call.trace.effect = 'none';
    if (await hasImage(call)) throw await nameTaken(call);
    throw new Refusal(
      'VolumeNotFound',
      `Storage system ${call.system.id} has no volume ${call.volume}: create it first`,
    );
  }
  requireSerial(record, serial);
  return { record, sizeBytes: await imageSize(call) };
}

/**
 * The size of the volume's data file.
 *
 * @throws Refusal ForeignObject if the file is gone though the volume is recorded.
 */
export async function imageSize({ paths, volume, object }: Call): Promise<number> {
  const image = await statIfThere(paths.image);
  if (image === undefined) {
    throw new Refusal(
      'ForeignObject',
      `The record of ${object.kind} ${volume} is there, but somebody moved its data file ${paths.image}: put it back`,
    );
  }
  return Number(image.size);
}

/** Makes the data file under its temporary name, in place of what a dead attempt left of it. */
export async function makeTemporary(call: Call): Promise<string> {
  const path = call.paths.temporary(call.key);
  await removeTemporaries(call);
  const { O_CREAT, O_EXCL, O_RDWR } = constants;
  const file = await open(path, O_CREAT | O_EXCL | O_RDWR, 0o600);
  await file.close();
  return path;
}

/** Gives the complete temporary its length and makes its bytes last. */
export const setImageLength = setLength;

/**
 * Gives the complete data file its final name too.
 *
 * @throws Refusal if a file of that name is there: VolumeExists when another step is making it, else
 *   ForeignObject.
 */
export async function publish(call: Call): Promise<void> {
  const { paths, key } = call;
  try {
    await link(paths.temporary(key), paths.image);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    throw await nameTaken(call);
  }
  await syncDirectory(paths.directory);
}

/** Whether the file under the final name is the one that this step made, also before there is a record. */
export async function isPublished({ paths, keys }: Call): Promise<boolean> {
  for (const key of keys) {
    if (await isSameFile(paths.temporary(key), paths.image)) return true;
  }
  return false;
}

/** Whether a temporary name of this step is there. */
export async function hasTemporary({ paths, keys }: Call): Promise<boolean> {
  return await isAnyThere(keys.map((key) => paths.temporary(key)));
}

/** Whether a data file that this step removes has lost its final name and is still there. */
export async function isHidden({ paths, keys }: Call): Promise<boolean> {
  return await isAnyThere(keys.map((key) => paths.hidden(key)));
}

/** Whether a file of the final name is there. */
export async function hasImage({ paths }: Call): Promise<boolean> {
  return (await statIfThere(paths.image)) !== undefined;
}

/** Takes the data file's name away; what is under the hidden name is on its way out. */
export async function hide({ paths, key }: Call): Promise<void> {
  await rename(paths.image, paths.hidden(key));
  await syncDirectory(paths.directory);
}

/** Removes a file of the volume and makes that last. */
export async function removeForGood({ paths }: Call, path: string): Promise<void> {
  if (await removeFile(path)) await syncDirectory(paths.directory);
}

/** Removes what this step has under temporary names; a complete volume keeps its final name. */
export async function removeTemporaries(call: Call): Promise<void> {
  for (const key of call.keys) await removeForGood(call, call.paths.temporary(key));
}

/** Removes what any step has under temporary names: dead attempts at what is being deleted. */
export async function removeAllTemporaries(call: Call): Promise<void> {
  const { paths, volume } = call;
  for (const name of await readdir(paths.directory)) {
    if (name.startsWith(`.${volume}.`) && name.endsWith('.new'))
      await removeForGood(call, join(paths.directory, name));
  }
}

/** Removes the bytes of what this step has hidden. */
export async function removeHidden(call: Call): Promise<void> {
  for (const key of call.keys) await removeForGood(call, call.paths.hidden(key));
}

/** The refusal for a file of the final name that this step did not make. */
export async function nameTaken(call: Call): Promise<Refusal> {
  const { paths, volume, object } = call;
  const names = await readdir(paths.directory);
  for (const name of names.filter((other) => other.startsWith(`.${volume}.`) && other.endsWith('.new'))) {
    if (await isSameFile(`${paths.directory}/${name}`, paths.image)) {
      const reason = object.kind === 'volume' ? 'VolumeExists' : 'SnapshotExists';
      return new Refusal(reason, `Another step has made ${object.kind} ${volume} and not finished it`);
    }
  }
  return new Refusal(
    'ForeignObject',
    `${paths.image} was not made by a workflow and is left alone: move it or choose another name`,
  );
}

/** The names of all volumes that have a record, in order. */
export async function listVolumes(system: LinuxSystem): Promise<string[]> {
  return await listRecorded(system, 'volume');
}

/** The names of all snapshots that have a record, in order. */
export async function listSnapshots(system: LinuxSystem): Promise<string[]> {
  return await listRecorded(system, 'snapshot');
}

/** The names of all data files, with a record or without, in order. */
export async function listImages(system: LinuxSystem, kind: StorageObject['kind']): Promise<string[]> {
  const names = await readdir(objectPaths(system, { kind, name: 'any' }).directory);
  return names
    .filter((name) => name.endsWith('.img') && !name.startsWith('.'))
    .map((name) => name.slice(0, -'.img'.length))
    .sort();
}

async function listRecorded(system: LinuxSystem, kind: StorageObject['kind']): Promise<string[]> {
  const names = await readdir(objectPaths(system, { kind, name: 'any' }).directory);
  return names
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
}

async function isAnyThere(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    if ((await statIfThere(path)) !== undefined) return true;
  }
  return false;
}

async function isSameFile(left: string, right: string): Promise<boolean> {
  const [one, other] = [await statIfThere(left), await statIfThere(right)];
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}
