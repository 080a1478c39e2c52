/** Makes a volume with the bytes of another one or of a snapshot, independent of it. */
import type { CloneVolumeArguments } from '../../../src/storage-controller.js';
import { alsoAbout, type Call } from '../call.js';
import { copyFile } from '../copy.js';
import { makeObject } from '../make-object.js';
import { requirePool, requireRoom } from '../pool.js';
import { Refusal } from '../refusal.js';
import { requireSnapshot } from '../snapshot-record.js';
import { objectPaths } from '../system-layout.js';
import {
  createdVolume,
  newVolumeRecord,
  requireMadeBy,
  type Source,
  type VolumeRecord,
} from '../volume-record.js';
import {
  readRecord,
  removeTemporaries,
  requireVolume,
  setImageLength,
  writeRecord,
} from '../volume-store.js';
import { createVolume } from './create-volume.js';
import { theVolume, type LinuxOperation } from './operation.js';

const points = {
  made: 'clone-volume:temp-made',
  filled: 'clone-volume:copied',
  renamed: 'clone-volume:renamed',
  recorded: 'clone-volume:recorded',
  removed: 'clone-volume:temp-removed',
} as const;

/** See the file's head. */
export const cloneVolume: LinuxOperation<'clone-volume'> = {
  object: theVolume,
  perform: async (call, args) => {
    requirePool(call.system, args.pool);
    const known = await readRecord(call.paths);
    if (known !== undefined) {
      await removeTemporaries(call);
      call.trace.effect = call.keys.includes(known.maker.key) ? 'some' : 'none';
      requireMadeBy(call, known);
      requireSame(known, args);
      return createdVolume(known, call.paths.image);
    }
    const { source, path, bytes } = await findSource(call, args);
    const createdBytes = args.sizeBytes ?? bytes;
    if (createdBytes < bytes) {
      throw new Refusal('InvalidSize', `A clone of ${source.name} has at least its ${bytes} bytes`);
    }
    await requireRoom(call, createdBytes);
    const record = newVolumeRecord(call, { createdBytes, thick: false, source });
    await makeObject(call, {
      points,
      fill: async (temporary) => {
        await copyFile(call, path, temporary);
        await setImageLength(temporary, createdBytes);
      },
      record: async () => {
        await writeRecord(call.paths, record);
      },
    });
    return createdVolume(record, call.paths.image);
  },
  look: async (call, args) => await createVolume.look(call, { ...args, sizeBytes: args.sizeBytes ?? 0 }),
};

async function findSource(
  call: Call,
  { sourceVolume, sourceSnapshot = '', sourceSerial }: CloneVolumeArguments,
): Promise<{ readonly source: Source; readonly path: string; readonly bytes: number }> {
  if (sourceVolume !== undefined) {
    const other = alsoAbout(call, { kind: 'volume', name: sourceVolume });
    const { record, sizeBytes } = await requireVolume(other, sourceSerial);
    const source = { ...other.object, serial: record.serial };
    return { source, path: other.paths.image, bytes: sizeBytes };
  }
  const { serial, sizeBytes } = await requireSnapshot(call.system, sourceSnapshot, sourceSerial);
  const object = { kind: 'snapshot', name: sourceSnapshot } as const;
  return { source: { ...object, serial }, path: objectPaths(call.system, object).image, bytes: sizeBytes };
}

function requireSame({ volume, source, createdBytes }: VolumeRecord, args: CloneVolumeArguments): void {
  const { sourceVolume, sourceSnapshot, sourceSerial, sizeBytes } = args;
  const isSame =
    source?.name === (sourceVolume ?? sourceSnapshot) &&
    source?.kind === (sourceVolume === undefined ? 'snapshot' : 'volume') &&
    (sourceSerial ?? source.serial) === source.serial &&
    (sizeBytes ?? createdBytes) === createdBytes;
  if (isSame) return;
  throw new Refusal('ObjectDiffers', `Volume ${volume} was made by this step with other arguments`);
}
