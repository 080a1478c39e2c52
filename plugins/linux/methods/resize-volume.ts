/** Makes a volume larger, also while initiators use it. */
import { done, notDone, type JsonObject } from '../../../src/controller.js';
import { reserveSpace, writeZeros } from '../allocate.js';
import type { VolumeMethod } from '../answers.js';
import { readSize, readVolume } from '../arguments.js';
import type { Call } from '../call.js';
import { whileTargetIsClosed } from '../closed-target.js';
import { knownFailure, Refusal } from '../refusal.js';
import { growthOf, withGrowth, type Growth, type VolumeRecord } from '../volume-record.js';
import { imageSize, readRecord, requireVolume, setImageLength, writeRecord } from '../volume-store.js';

interface ResizeArguments {
  readonly volume: string;
  readonly sizeBytes: number;
}

/** See the file's head. */
export const resizeVolume: VolumeMethod<ResizeArguments> = {
  parse: (args) => ({ volume: readVolume(args), sizeBytes: readSize(args, 'size_bytes') }),
  execute: async (call, { volume, sizeBytes }) => {
    const { record, sizeBytes: currentBytes } = await requireVolume(call);
    const known = growthOf(record, call.keys);
    call.trace.effect = known === undefined ? 'none' : 'some';
    if (known?.toBytes !== undefined && known.toBytes !== sizeBytes) {
      throw new Refusal('KeyReused', `Volume ${volume} was resized by this step to ${known.toBytes} bytes`);
    }
    if (known?.state === 'done') return done(outputOf(volume, known));
    if (sizeBytes < currentBytes && known === undefined) throw tooSmall(volume, currentBytes, sizeBytes);

    const growth = await begin(call, record, known, currentBytes, sizeBytes);
    if (growth.fromBytes < growth.toBytes) {
      // If another step has grown the volume meanwhile, it has this size and more.
      if (currentBytes < sizeBytes) await grow(call, record, currentBytes, sizeBytes);
      await call.reach('resize-volume:grown');
      await whileTargetIsClosed(call, record, () => Promise.resolve());
      await call.reach('resize-volume:reopened');
    }
    await writeRecord(call.paths, withGrowth(record, { ...growth, state: 'done' }));
    await call.reach('resize-volume:recorded');
    return done(outputOf(volume, growth));
  },
  probe: async (call, { volume }) => {
    const record = await readRecord(call.paths);
    const growth = record === undefined ? undefined : growthOf(record, call.keys);
    if (growth === undefined || growth.state === 'undone') return notDone('none');
    return growth.state === 'done' ? done(outputOf(volume, growth)) : notDone('some');
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
  await call.reach('resize-volume:intended');
  return growth;
}

async function grow(call: Call, before: VolumeRecord, fromBytes: number, toBytes: number): Promise<void> {
  const { paths } = call;
  try {
    if (before.thick) {
      await reserveSpace(call, paths.image, fromBytes, toBytes);
      await writeZeros(call, paths.image, fromBytes, toBytes);
    }
    await setImageLength(paths.image, toBytes);
  } catch (error) {
    // Only what this very call has grown is taken back: nobody can have seen it.
    if (knownFailure(error, 'none') !== undefined && growthOf(before, call.keys) === undefined) {
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

function outputOf(volume: string, { fromBytes, toBytes }: Growth): JsonObject {
  return { volume, size_bytes: toBytes, previous_size_bytes: fromBytes };
}
