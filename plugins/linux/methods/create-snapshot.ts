/** Keeps what a volume is at this moment: a copy of its data file, by reflink where that is possible. */
import { notDone } from '../../../src/controller.js';
import { alsoAbout, type Call } from '../call.js';
import { copyFile } from '../copy.js';
import { makeObject } from '../make-object.js';
import { requireRoom } from '../pool.js';
import { Refusal } from '../refusal.js';
import { readSnapshot, shownSnapshot, writeSnapshot, type SnapshotRecord } from '../snapshot-record.js';
import { serialOf } from '../volume-record.js';
import { hasTemporary, removeTemporaries, requireVolume, setImageLength } from '../volume-store.js';
import { theSnapshot, theVolume, there, type LinuxOperation } from './operation.js';

const points = {
  made: 'create-snapshot:temp-made',
  filled: 'create-snapshot:copied',
  renamed: 'create-snapshot:renamed',
  recorded: 'create-snapshot:recorded',
  removed: 'create-snapshot:temp-removed',
} as const;

/** See the file's head. */
export const createSnapshot: LinuxOperation<'create-snapshot'> = {
  object: theSnapshot,
  perform: async (call, args) => {
    const known = await readSnapshot(call.paths);
    if (known !== undefined) {
      await removeTemporaries(call);
      call.trace.effect = call.keys.includes(known.maker.key) ? 'some' : 'none';
      requireOwn(call, known, args);
      return shownSnapshot(known, call.paths.image);
    }
    const source = alsoAbout(call, theVolume(args));
    const { record: volume, sizeBytes } = await requireVolume(source, args.serial);
    await requireRoom(call, sizeBytes);
    const record: SnapshotRecord = {
      ...{ format: 1, snapshot: args.snapshot, maker: call.owner, serial: serialOf(call) },
      ...{ volume: args.volume, volumeSerial: volume.serial, sizeBytes },
    };
    await makeObject(call, {
      points,
      fill: async (path) => {
        await copyFile(call, source.paths.image, path);
        await setImageLength(path, sizeBytes);
      },
      record: async () => {
        await writeSnapshot(call.paths, record);
      },
    });
    return shownSnapshot(record, call.paths.image);
  },
  look: async (call) => {
    const known = await readSnapshot(call.paths);
    if (known !== undefined && call.keys.includes(known.maker.key)) {
      await removeTemporaries(call);
      return there(shownSnapshot(known, call.paths.image));
    }
    return notDone((await hasTemporary(call)) ? 'some' : 'none');
  },
};

function requireOwn(
  call: Call,
  known: SnapshotRecord,
  args: { readonly volume: string; readonly serial?: string },
): void {
  const { snapshot, maker } = known;
  if (!call.keys.includes(maker.key)) {
    throw new Refusal(
      'SnapshotExists',
      `Snapshot ${snapshot} of storage system ${call.system.id} was made by ${maker.workflow}/${maker.step}`,
    );
  }
  if (known.volume !== args.volume || (args.serial ?? known.volumeSerial) !== known.volumeSerial) {
    throw new Refusal('ObjectDiffers', `Snapshot ${snapshot} was made by this step of another volume`);
  }
}
