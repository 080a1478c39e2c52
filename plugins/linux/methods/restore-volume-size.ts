/**
 * Undoes expand-volume: gives the volume its former size back, if that step made it larger, nobody grew it
 * since and nothing was written beyond the former size.
 */
import { notDone } from '../../../src/controller.js';
import type { RestoredVolumeSize } from '../../../src/storage-controller.js';
import type { Call } from '../call.js';
import { whileTargetIsClosed } from '../closed-target.js';
import { Refusal } from '../refusal.js';
import { growthOf, growthsMax, withGrowth, type Growth, type VolumeRecord } from '../volume-record.js';
import { imageSize, readRecord, setImageLength, writeRecord } from '../volume-store.js';
import { theVolume, there, type LinuxOperation } from './operation.js';

/** See the file's head. */
export const restoreVolumeSize: LinuxOperation<'restore-volume-size'> = {
  object: theVolume,
  perform: async (call, { volume }) => {
    requireUndo(call);
    const record = await readRecord(call.paths);
    if (record === undefined) return { volume };
    const growth = growthOf(record, call.keys);
    if (growth === undefined) requireForgettable(call, record);
    else if (growth.state !== 'undone') await undo(call, record, growth);
    return await outputOf(call);
  },
  look: async (call, { volume }) => {
    requireUndo(call);
    const record = await readRecord(call.paths);
    if (record === undefined) return there({ volume });
    const growth = growthOf(record, call.keys);
    if (growth !== undefined && growth.state !== 'undone') {
      return notDone((await imageSize(call)) === growth.toBytes ? 'none' : 'some');
    }
    requireForgettable(call, record);
    return there(await outputOf(call));
  },
};

async function undo(call: Call, record: VolumeRecord, growth: Growth): Promise<void> {
  const { paths, volume } = call;
  const { fromBytes, toBytes } = growth;
  const last = record.growths.filter(({ state }) => state !== 'undone').at(-1);
  const currentBytes = await imageSize(call);
  if (last?.key !== growth.key || currentBytes > toBytes) {
    throw new Refusal(
      'VolumeGrownSince',
      `Volume ${volume} was grown again after this step, to ${currentBytes} bytes: undo that first`,
    );
  }
  // Also if it is cut already: an earlier attempt may have died with the target closed.
  const isCut = currentBytes <= fromBytes;
  await whileTargetIsClosed(call, record, async () => {
    // Only now: as long as the target is open an initiator may write beyond the former size.
    if (!isCut) await requireZeros(call, fromBytes, currentBytes);
    await call.reach('restore-volume-size:checked');
    if (!isCut) await setImageLength(paths.image, fromBytes);
    await call.reach('restore-volume-size:shrunk');
  });
  await call.reach('restore-volume-size:reopened');
  await writeRecord(paths, withGrowth(record, { ...growth, state: 'undone' }));
  await call.reach('restore-volume-size:recorded');
}

/**
 * Cutting off what somebody wrote destroys it, and a file system that was grown with the volume with it.
 *
 * @throws Refusal DataBeyondSize if there is anything but zeros.
 */
async function requireZeros(call: Call, fromBytes: number, toBytes: number): Promise<void> {
  const { paths, signal, volume } = call;
  const args = ['--silent', `--bytes=${toBytes - fromBytes}`, `--ignore-initial=${fromBytes}:0`];
  const { exitCode, errorOutput } = await call.run('cmp', [...args, paths.image, '/dev/zero'], { signal });
  if (exitCode === 0) return;
  if (exitCode !== 1) throw new Error(`cmp could not read ${paths.image}: ${errorOutput.trim()}`);
  throw new Refusal(
    'DataBeyondSize',
    `Volume ${volume} holds data beyond its former size of ${fromBytes} bytes, which shrinking would destroy: ` +
      'shrink what uses it and write zeros there, or skip this undo',
  );
}

/** Without a record of the growth nothing was grown, unless it is so long ago that it was forgotten. */
function requireForgettable({ context, volume }: Call, record: VolumeRecord): void {
  const hasGrown = context.undone?.state === 'succeeded' || context.undone?.effect === 'some';
  if (!hasGrown || record.growths.length < growthsMax) return;
  throw new Refusal(
    'VolumeGrownSince',
    `Volume ${volume} was grown ${growthsMax} times since this step: its former size is not known any more`,
  );
}

function requireUndo({ context }: Call): void {
  if (context.direction === 'undo') return;
  throw new Refusal('UndoOnly', 'restore-volume-size undoes expand-volume and is no step of its own');
}

async function outputOf(call: Call): Promise<RestoredVolumeSize> {
  return { volume: call.volume, sizeBytes: await imageSize(call) };
}
