/**
 * Takes a volume back to a snapshot: a copy of the snapshot takes the place of its data file while no command can reach it.
 *
 * It can be repeated although initiators write again as soon as it is done: the record says `begun` from when the copy is
 * complete, the copy's temporary name goes with its coming to its place, and what is `begun` without it has only to be
 * opened to the initiators.
 */
import { rename } from 'node:fs/promises';
import { notDone } from '../../../src/controller.js';
import { alsoAbout, type Call } from '../call.js';
import { whileTargetIsClosed } from '../closed-target.js';
import { copyFile } from '../copy.js';
import { syncDirectory } from '../files.js';
import { knownFailure, Refusal } from '../refusal.js';
import { requireSnapshot } from '../snapshot-record.js';
import { withRevert, type Revert, type VolumeRecord } from '../volume-record.js';
import {
  hasTemporary,
  imageSize,
  makeTemporary,
  readRecord,
  removeTemporaries,
  requireVolume,
  setImageLength,
  writeRecord,
} from '../volume-store.js';
import { theSnapshot, theVolume, there, type LinuxOperation } from './operation.js';

/** See the file's head. */
export const revertVolume: LinuxOperation<'revert-volume'> = {
  object: theVolume,
  perform: async (call, { volume, serial, snapshot, snapshotSerial }) => {
    const { record, sizeBytes } = await requireVolume(call, serial);
    const known = revertOf(record, call);
    call.trace.effect = known === undefined ? 'none' : 'some';
    if (known !== undefined && known.snapshot !== snapshot) {
      throw new Refusal('ObjectDiffers', `Volume ${volume} was reverted by this step to ${known.snapshot}`);
    }
    if (known?.state !== 'done') {
      const begun = known ?? (await prepare(call, record, { snapshot, snapshotSerial, sizeBytes }));
      await replace(call, record, begun);
    }
    return { volume, snapshot, sizeBytes };
  },
  look: async (call, { volume, snapshot }) => {
    const record = await readRecord(call.paths);
    const known = record === undefined ? undefined : revertOf(record, call);
    if (known === undefined) return notDone((await hasTemporary(call)) ? 'some' : 'none');
    return known.state === 'done'
      ? there({ volume, snapshot, sizeBytes: await imageSize(call) })
      : notDone('some');
  },
};

interface Wanted {
  readonly snapshot: string;
  readonly snapshotSerial: string | undefined;
  /** The volume's. */
  readonly sizeBytes: number;
}

/** Makes the copy, and notes that it is to take the data file's place. */
async function prepare(call: Call, record: VolumeRecord, wanted: Wanted): Promise<Revert> {
  const { snapshot, snapshotSerial, sizeBytes } = wanted;
  const source = await requireSnapshot(call.system, snapshot, snapshotSerial);
  if (source.volumeSerial !== record.serial) {
    throw new Refusal('IdentityMismatch', `Snapshot ${snapshot} is not of this volume ${record.volume}`);
  }
  const from = alsoAbout(call, theSnapshot({ snapshot })).paths.image;
  try {
    const path = await makeTemporary(call);
    await call.reach('revert-volume:temp-made');
    await copyFile(call, from, path);
    await setImageLength(path, sizeBytes);
    await call.reach('revert-volume:copied');
  } catch (error) {
    if (knownFailure(error) !== undefined) await removeTemporaries(call);
    throw error;
  }
  const begun: Revert = { key: call.key, snapshot, state: 'begun' };
  await writeRecord(call.paths, withRevert(record, begun));
  call.trace.effect = 'some';
  await call.reach('revert-volume:intended');
  return begun;
}

async function replace(call: Call, record: VolumeRecord, begun: Revert): Promise<void> {
  const { paths } = call;
  await whileTargetIsClosed(call, record, async () => {
    if (await hasTemporary(call)) {
      await rename(paths.temporary(begun.key), paths.image);
      await syncDirectory(paths.directory);
    }
    await call.reach('revert-volume:replaced');
  });
  await call.reach('revert-volume:reopened');
  await writeRecord(paths, withRevert(record, { ...begun, state: 'done' }));
  await call.reach('revert-volume:recorded');
}

function revertOf({ reverts = [] }: VolumeRecord, { keys }: Call): Revert | undefined {
  return reverts.find(({ key }) => keys.includes(key));
}
