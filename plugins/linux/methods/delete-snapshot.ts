/** Removes a snapshot: as a step the one with the serial, as an undo what the undone step made, half made or whole. */
import { notDone } from '../../../src/controller.js';
import type { DeleteSnapshotArguments } from '../../../src/storage-controller.js';
import type { Call } from '../call.js';
import { readSnapshot, type SnapshotRecord } from '../snapshot-record.js';
import {
  hasImage,
  hasTemporary,
  hide,
  isHidden,
  isPublished,
  nameTaken,
  removeForGood,
  removeHidden,
  removeTemporaries,
} from '../volume-store.js';
import { theSnapshot, there, type LinuxOperation } from './operation.js';

/** See the file's head. */
export const deleteSnapshot: LinuxOperation<'delete-snapshot'> = {
  object: theSnapshot,
  perform: async (call, args) => {
    const { snapshot } = args;
    if (await isHidden(call)) {
      call.trace.effect = 'some';
      await finish(call);
    }
    const record = await readSnapshot(call.paths);
    call.trace.effect = 'none';
    if (record !== undefined && isMeant(call, record, args)) {
      await call.reach('delete-snapshot:checked');
      if (await hasImage(call)) await hide(call);
      call.trace.effect = 'some';
      await call.reach('delete-snapshot:hidden');
      await finish(call);
    } else if (record === undefined) {
      await removeUnrecorded(call);
    }
    await removeTemporaries(call);
    return { snapshot };
  },
  look: async (call, args) => {
    if (await isHidden(call)) return notDone('some');
    const record = await readSnapshot(call.paths);
    if (record !== undefined && isMeant(call, record, args)) return notDone('none');
    if (call.context.direction === 'undo' && (await hasTemporary(call))) return notDone('some');
    const isForeign = call.context.direction === 'forward' && record === undefined && (await hasImage(call));
    return isForeign ? notDone('none') : there({ snapshot: args.snapshot });
  },
};

function isMeant(call: Call, record: SnapshotRecord, { serial }: DeleteSnapshotArguments): boolean {
  if (call.context.direction === 'forward') return record.serial === serial;
  return call.keys.includes(record.maker.key);
}

/** Goes on from where the data file lost its name. */
async function finish(call: Call): Promise<void> {
  // A data file under the final name is a new snapshot's, made after the former record was gone.
  if (!(await hasImage(call))) await removeForGood(call, call.paths.record);
  await call.reach('delete-snapshot:record-removed');
  await removeHidden(call);
  await call.reach('delete-snapshot:data-removed');
}

/** What there may be without a record: nothing, a half-made snapshot of the undone step, or a foreign file. */
async function removeUnrecorded(call: Call): Promise<void> {
  if (call.context.direction === 'undo') {
    if (await isPublished(call)) await removeForGood(call, call.paths.image);
  } else if (await hasImage(call)) {
    throw await nameTaken(call);
  }
}
