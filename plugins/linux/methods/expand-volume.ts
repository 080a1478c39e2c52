/** Makes a volume larger, also while initiators use it. */
import { notDone } from '../../../src/controller.js';
import type { ExpandedVolume } from '../../../src/storage-controller.js';
import { reserveSpace, writeZeros } from '../allocate.js';
import type { Call } from '../call.js';
import { whileTargetIsClosed } from '../closed-target.js';
import { knownFailure, Refusal } from '../refusal.js';
import { requireRoom } from '../pool.js';
import { growthOf, withGrowth, type Growth, type VolumeRecord } from '../volume-record.js';
import { imageSize, readRecord, requireVolume, setImageLength, writeRecord } from '../volume-store.js';
import { theVolume, there, type LinuxOperation } from './operation.js';

/** See the file's head. */
export const expandVolume: LinuxOperation<'expand-volume'> = {
  object: theVolume,
  perform: async (call, { volume, sizeBytes, serial }) => {
    const { record, sizeBytes: currentBytes } = await requireVolume(call, serial);
    const known = growthOf(record, call.keys);
    call.trace.effect = known === undefined ? 'none' : 'some';
    if (known?.toBytes !== undefined && known.toBytes !== sizeBytes) {
      throw new Refusal(
        'ObjectDiffers',
        `Volume ${volume} was resized by this step to ${known.toBytes} bytes`,
      );
    }
    if (known?.state === 'done') return outputOf(volume, known);
    if (sizeBytes < currentBytes && known === undefined) throw tooSmall(volume, currentBytes, sizeBytes);

    const growth = await begin(call, record, known, currentBytes, sizeBytes);
    if (growth.fromBytes < growth.toBytes) {
      // If another step has grown the volume meanwhile, it has this size and more.
      if (currentBytes < sizeBytes) await grow(call, record, currentBytes, sizeBytes);
      await call.reach('expand-volume:grown');
      await whileTargetIsClosed(call, record, () => Promise.resolve());
      await call.reach('expand-volume:reopened');
    }
    await writeRecord(call.paths, withGrowth(record, { ...growth, state: 'done' }));
    await call.reach('expand-volume:recorded');
    return outputOf(volume, growth);
  },
  look: async (call, { volume }) => {
    const record = await readRecord(call.paths);
    const growth = record === undefined ? undefined : growthOf(record, call.keys);
    if (growth === undefined || growth.state === 'undone') return notDone('none');
    return growth.state === 'done' ? there(outputOf(volume, growth)) : notDone('some');
  },
};

async function begin(
  call: Call,
  record: VolumeRecord,
  known: Growth | undefined,
  fromBytes: number,
  toBytes: number,
): Promise<Growth> {
  // An earlier attempt may have grown the file already: what it recorded is the former size.
  if (known?.state === 'begun') return known;
  const growth: Growth = { key: known?.key ?? call.key, fromBytes, toBytes, state: 'begun' };
  await writeRecord(call.paths, withGrowth(record, growth));
  call.trace.effect = 'some';
  await call.reach('expand-volume:intended');
  return growth;
}

async function grow(call: Call, before: VolumeRecord, fromBytes: number, toBytes: number): Promise<void> {
  const { paths } = call;
  try {
    await requireRoom(call, toBytes - fromBytes);
    if (before.thick) {
      await reserveSpace(call, paths.image, fromBytes, toBytes);
      await writeZeros(call, paths.image, fromBytes, toBytes);
    }
    await setImageLength(paths.image, toBytes);
  } catch (error) {
    // Only what this very call has grown is taken back: nobody can have seen it.
    if (knownFailure(error) !== undefined && growthOf(before, call.keys) === undefined) {
      if ((await imageSize(call)) > fromBytes) await setImageLength(paths.image, fromBytes);
      await writeRecord(paths, before);
      call.trace.effect = 'none';
    }
    throw error;
  }
}

function tooSmall(volume: string, currentBytes: number, sizeBytes: number): Refusal {
  return new Refusal(
    'InvalidSize',
    `Volume ${volume} has ${currentBytes} bytes and only grows; ${sizeBytes} would cut bytes off`,
  );
}

function outputOf(volume: string, { fromBytes, toBytes }: Growth): ExpandedVolume {
  return { volume, sizeBytes: toBytes, previousSizeBytes: fromBytes };
}
