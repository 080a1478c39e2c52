/**
 * Removes a volume: as a step any volume, for good; as the undo of create-volume only what that step made,
 * half made or whole.
 */
import { done, notDone } from '../../../src/controller.js';
import type { VolumeMethod } from '../answers.js';
import { readVolume } from '../arguments.js';
import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { findForeignUse } from '../target-lookup.js';
import { grantsOf, initiatorsOf, type VolumeRecord } from '../volume-record.js';
import {
  hasImage,
  hasTemporary,
  hide,
  isHidden,
  isPublished,
  nameTaken,
  readRecord,
  removeForGood,
  removeHidden,
  removeTemporaries,
} from '../volume-store.js';

interface DeleteArguments {
  readonly volume: string;
}

/** See the file's head. */
export const deleteVolume: VolumeMethod<DeleteArguments> = {
  parse: (args) => ({ volume: readVolume(args) }),
  execute: async (call, { volume }) => {
    if (await isHidden(call)) {
      call.trace.effect = 'some';
      await finish(call);
      if (call.context.direction === 'forward') return done({ volume });
    }
    if (hasDeleted(call)) return done({ volume });
    const record = await readRecord(call.paths);
    call.trace.effect = 'none';
    if (record === undefined) {
      await removeUnrecorded(call);
    } else if (isMeant(call, record)) {
      await requireUnused(call, record);
      await call.reach('delete-volume:checked');
      if (await hasImage(call)) await hide(call);
      call.trace.effect = 'some';
      await call.reach('delete-volume:hidden');
      await finish(call);
    } else {
      await removeTemporaries(call);
    }
    return done({ volume });
  },
  probe: async (call, { volume }) => {
    if (await isHidden(call)) return notDone('some');
    if (hasDeleted(call)) return done({ volume });
    const record = await readRecord(call.paths);
    if (record !== undefined && isMeant(call, record)) return notDone('none');
    if (call.context.direction === 'undo') {
      return (await hasTemporary(call)) ? notDone('some') : done({ volume });
    }
    return (await hasImage(call)) ? notDone('none') : done({ volume });
  },
};

/** A step deletes whatever has the name; an undo only what the undone step made. */
function isMeant(call: Call, record: VolumeRecord): boolean {
  return call.context.direction === 'forward' || call.keys.includes(record.maker.key);
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
  await removeTemporaries(call);
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
  const foreign = await findForeignUse(call, paths.image);
  if (foreign !== undefined) {
    throw new Refusal('VolumeInUse', `Volume ${volume} is behind target ${foreign}, which no workflow made`);
  }
}
