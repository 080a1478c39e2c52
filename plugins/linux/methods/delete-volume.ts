/**
 * Removes a volume: as a step the one with the serial, for good; as the undo of create-volume only what that step made,
 * half made or whole.
 */
import { notDone } from '../../../src/controller.js';
import type { DeleteVolumeArguments } from '../../../src/storage-controller.js';
import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { findForeignUse } from '../target-lookup.js';
import { grantsOf, initiatorsOf, type VolumeRecord } from '../volume-record.js';
import { snapshotsOf } from '../snapshot-record.js';
import {
  hasImage,
  hasRecord,
  hasTemporary,
  hide,
  isHidden,
  isPublished,
  nameTaken,
  readRecord,
  removeAllTemporaries,
  removeForGood,
  removeHidden,
  removeTemporaries,
} from '../volume-store.js';
import { theVolume, there, type LinuxOperation } from './operation.js';

/** See the file's head. */
export const deleteVolume: LinuxOperation<'delete-volume'> = {
  object: theVolume,
  perform: async (call, args) => {
    const { volume } = args;
    if (await isHidden(call)) {
      call.trace.effect = 'some';
      await finish(call);
      if (call.context.direction === 'forward') return { volume };
    }
    if (hasDeleted(call)) return { volume };
    const record = await readRecord(call.paths);
    call.trace.effect = 'none';
    if (record === undefined) {
      await removeUnrecorded(call);
    } else if (isMeant(call, record, args)) {
      await requireUnused(call, record);
      await call.reach('delete-volume:checked');
      if (await hasImage(call)) await hide(call);
      call.trace.effect = 'some';
      await call.reach('delete-volume:hidden');
      await finish(call);
    } else {
      await removeTemporaries(call);
    }
    return { volume };
  },
  look: async (call, args) => {
    const { volume } = args;
    if (await isHidden(call)) return notDone('some');
    if (hasDeleted(call)) return there({ volume });
    const record = await readRecord(call.paths);
    if (record !== undefined && isMeant(call, record, args)) return notDone('none');
    if (call.context.direction === 'undo') {
      return (await hasTemporary(call)) ? notDone('some') : there({ volume });
    }
    return record === undefined && (await hasImage(call)) ? notDone('none') : there({ volume });
  },
};

/** A step means a volume by its serial, an undo what the undone step made. */
function isMeant(call: Call, record: VolumeRecord, { serial }: DeleteVolumeArguments): boolean {
  if (call.context.direction === 'forward') return record.serial === serial;
  return call.keys.includes(record.maker.key);
}

/**
 * An earlier call did it all, whatever has the name now. An undo need not remember that: it knows what it
 * has to remove by who made it.
 */
function hasDeleted({ context, ledger, keys }: Call): boolean {
  return context.direction === 'forward' && keys.some((key) => ledger.hasDeletedUnder(key));
}

/** Goes on from where the data file lost its name. */
async function finish(call: Call): Promise<void> {
  // A data file under the final name is a new volume's, made after the former record was gone.
  if (!(await hasImage(call))) await removeForGood(call, call.paths.record);
  await call.reach('delete-volume:record-removed');
  // From here on a repeat of this call finds that it is done, also when the name is in use again.
  if (call.context.direction === 'forward') await call.ledger.rememberDeletion(call.key);
  await removeHidden(call);
  if (await hasRecord(call)) await removeTemporaries(call);
  else await removeAllTemporaries(call);
  await call.reach('delete-volume:data-removed');
}

/** What there may be without a record: nothing, a half-made volume of the undone step, or a foreign file. */
async function removeUnrecorded(call: Call): Promise<void> {
  if (call.context.direction === 'undo') {
    if (await isPublished(call)) await removeForGood(call, call.paths.image);
    await removeTemporaries(call);
  } else if (await hasImage(call)) {
    throw await nameTaken(call);
  }
}

async function requireUnused(call: Call, record: VolumeRecord): Promise<void> {
  const { volume, system, paths } = call;
  const grants = grantsOf(record);
  if (grants.length > 0) {
    const steps = grants.map(({ workflow, step }) => `${workflow}/${step}`).join(', ');
    throw new Refusal(
      'VolumeInUse',
      `Volume ${volume} of storage system ${system.id} is exported to ${initiatorsOf(grants).join(', ')} ` +
        `by ${steps}: unexport it first`,
    );
  }
  const snapshots = await snapshotsOf(system, record.serial);
  if (snapshots.length > 0) {
    throw new Refusal('VolumeInUse', `Volume ${volume} has snapshots: delete ${snapshots.join(', ')} first`);
  }
  const foreign = await findForeignUse(call, paths.image);
  if (foreign !== undefined) {
    throw new Refusal('VolumeInUse', `Volume ${volume} is behind target ${foreign}, which no workflow made`);
  }
}
