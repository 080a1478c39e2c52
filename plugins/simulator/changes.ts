/** Which function does what a request asks for, and which tells whether it was done. */
import type {
  CloneVolumeArguments,
  CreateSnapshotArguments,
  CreateVolumeArguments,
  DeleteSnapshotArguments,
  DeleteVolumeArguments,
  ExpandVolumeArguments,
  ExportVolumeArguments,
  Look,
  RestoreVolumeSizeArguments,
  RevertVolumeArguments,
  StorageMethod,
  StorageMethods,
  UnexportVolumeArguments,
} from '../../src/storage-controller.js';
import { exportVolume, lookForExported, lookForUnexported, unexportVolume } from './export-changes.js';
import {
  createSnapshot,
  deleteSnapshot,
  lookForDeletedSnapshot,
  lookForReverted,
  lookForSnapshot,
  revertVolume,
} from './snapshot-changes.js';
import type { ChangeContext } from './state.js';
import {
  cloneVolume,
  createVolume,
  deleteVolume,
  expandVolume,
  lookForDeleted,
  lookForExpanded,
  lookForMade,
  lookForRestoredSize,
  restoreVolumeSize,
} from './volume-changes.js';

/** What a method gives. */
export type Changed<M extends StorageMethod> = StorageMethods[M][1];

/**
 * Does what the request asks for; at once, and again the same if it was done.
 *
 * @throws StorageRefusal
 */
export function applyChange<M extends StorageMethod>(context: ChangeContext): Changed<M> {
  return change(context);
}

/** Tells what came of the request. */
export function lookForChange<M extends StorageMethod>(context: ChangeContext): Look<M> {
  return look(context) as Look<M>;
}

// Arguments were checked against the method's schema before a request was made of them.
function change(context: ChangeContext): object {
  const { method, args } = context.request;
  switch (method) {
    case 'create-volume':
      return createVolume(context, args as unknown as CreateVolumeArguments);
    case 'clone-volume':
      return cloneVolume(context, args as unknown as CloneVolumeArguments);
    case 'delete-volume':
      return deleteVolume(context, args as unknown as DeleteVolumeArguments);
    case 'expand-volume':
      return expandVolume(context, args as unknown as ExpandVolumeArguments);
    case 'restore-volume-size':
      return restoreVolumeSize(context, args as unknown as RestoreVolumeSizeArguments);
    case 'create-snapshot':
      return createSnapshot(context, args as unknown as CreateSnapshotArguments);
    case 'delete-snapshot':
      return deleteSnapshot(context, args as unknown as DeleteSnapshotArguments);
    case 'revert-volume':
      return revertVolume(context, args as unknown as RevertVolumeArguments);
    case 'export-volume':
      return exportVolume(context, args as unknown as ExportVolumeArguments);
    case 'unexport-volume':
      return unexportVolume(context, args as unknown as UnexportVolumeArguments);
    default:
      throw new TypeError(`${method} changes nothing`);
  }
}

function look(context: ChangeContext): object {
  const { method, args } = context.request;
  switch (method) {
    case 'create-volume':
    case 'clone-volume':
      return lookForMade(context, args as unknown as CreateVolumeArguments);
    case 'delete-volume':
      return lookForDeleted(context, args as unknown as DeleteVolumeArguments);
    case 'expand-volume':
      return lookForExpanded(context, args as unknown as ExpandVolumeArguments);
    case 'restore-volume-size':
      return lookForRestoredSize(context, args as unknown as RestoreVolumeSizeArguments);
    case 'create-snapshot':
      return lookForSnapshot(context, args as unknown as CreateSnapshotArguments);
    case 'delete-snapshot':
      return lookForDeletedSnapshot(context, args as unknown as DeleteSnapshotArguments);
    case 'revert-volume':
      return lookForReverted(context, args as unknown as RevertVolumeArguments);
    case 'export-volume':
      return lookForExported(context, args as unknown as ExportVolumeArguments);
    case 'unexport-volume':
      return lookForUnexported(context, args as unknown as UnexportVolumeArguments);
    default:
      throw new TypeError(`${method} changes nothing`);
  }
}
