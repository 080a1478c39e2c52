/** Makes a volume: a data file of its size, thin (sparse) or thick (reserved and written). */
import { notDone } from '../../../src/controller.js';
import type { CreateVolumeArguments } from '../../../src/storage-controller.js';
import { reserveSpace, writeZeros } from '../allocate.js';
import type { Call } from '../call.js';
import { makeObject } from '../make-object.js';
import { requirePool, requireRoom } from '../pool.js';
import { createdVolume, newVolumeRecord, requireMadeBy, type VolumeRecord } from '../volume-record.js';
import {
  hasTemporary,
  imageSize,
  readRecord,
  removeTemporaries,
  setImageLength,
  writeRecord,
} from '../volume-store.js';
import { Refusal } from '../refusal.js';
import { theVolume, there, type LinuxOperation } from './operation.js';

const points = {
  made: 'create-volume:temp-made',
  filled: 'create-volume:filled',
  renamed: 'create-volume:renamed',
  recorded: 'create-volume:recorded',
  removed: 'create-volume:temp-removed',
} as const;

/** See the file's head. */
export const createVolume: LinuxOperation<'create-volume'> = {
  object: theVolume,
  perform: async (call, args) => {
    const known = await readRecord(call.paths);
    if (known !== undefined) {
      // Under another step's record our temporary is of no use any more, under our own it is a second name.
      await removeTemporaries(call);
      call.trace.effect = call.keys.includes(known.maker.key) ? 'some' : 'none';
      requireMadeBy(call, known);
      await requireSame(call, known, args);
      return createdVolume(known, call.paths.image);
    }
    requirePool(call.system, args.pool);
    await requireRoom(call, args.sizeBytes);
    const record = newVolumeRecord(call, { createdBytes: args.sizeBytes, thick: args.thick ?? false });
    await makeObject(call, {
      points,
      fill: async (path) => {
        await fill(call, path, args);
      },
      record: async () => {
        await writeRecord(call.paths, record);
      },
    });
    return createdVolume(record, call.paths.image);
  },
  look: async (call) => {
    const record = await readRecord(call.paths);
    if (record !== undefined && call.keys.includes(record.maker.key)) {
      // No further attempt will come by to do it.
      await removeTemporaries(call);
      return there(createdVolume(record, call.paths.image));
    }
    return notDone((await hasTemporary(call)) ? 'some' : 'none');
  },
};

async function fill(call: Call, path: string, { sizeBytes, thick }: CreateVolumeArguments): Promise<void> {
  if (thick === true) {
    call.context.progress(0, 'Reserving space');
    await reserveSpace(call, path, 0, sizeBytes);
    await call.reach('create-volume:space-reserved');
    await writeZeros(call, path, 0, sizeBytes);
  }
  await setImageLength(path, sizeBytes);
}

/**
 * @throws Refusal ObjectDiffers if this step made it with other arguments, or if its size is not what it was given.
 */
async function requireSame(call: Call, record: VolumeRecord, args: CreateVolumeArguments): Promise<void> {
  const { volume, createdBytes, thick, growths } = record;
  requirePool(call.system, args.pool);
  if (record.source !== undefined || createdBytes !== args.sizeBytes || thick !== (args.thick ?? false)) {
    throw new Refusal('ObjectDiffers', `Volume ${volume} was made by this step with other arguments`);
  }
  const sizeBytes = await imageSize(call);
  // A growth that is under way may have either size.
  const known = [createdBytes, ...growths.flatMap(({ fromBytes, toBytes }) => [fromBytes, toBytes])];
  if (known.includes(sizeBytes)) return;
  throw new Refusal(
    'ObjectDiffers',
    `Volume ${volume} should have ${createdBytes} bytes and has ${sizeBytes}: somebody changed ${call.paths.image}`,
  );
}
