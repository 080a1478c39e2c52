/**
 * The named instants of each effect. A test blocks at one of them, kills the process there and looks whether
 * the next attempt, the probe and the undo still find their way. In production nothing happens at them.
 */
import type { CallContext } from '../../src/controller.js';

/**
 * Every instant, in the order in which a call passes it. The part before the colon is the method whose
 * effect it stands in; `export-volume:*` and `unexport-volume:*` are passed while tgtd is locked.
 */
export const linuxFaultPoints = [
  // A data file under its temporary name; its record is not there yet.
  'create-volume:temp-made',
  // Thick only: the space is reserved, the zeros are not written.
  'create-volume:space-reserved',
  // The complete data file under its temporary name.
  'create-volume:filled',
  // The final name is there too; the record is not.
  'create-volume:renamed',
  // The record is there; the temporary name still is too.
  'create-volume:recorded',
  // Only what stays is there.
  'create-volume:temp-removed',

  // The intent is in the record; the file has its old size.
  'expand-volume:intended',
  // The file has its new size; initiators still see the old one.
  'expand-volume:grown',
  // Initiators may see the new size; the record says that it is not finished.
  'expand-volume:reopened',
  // The record says that it is finished.
  'expand-volume:recorded',

  // Nothing was written beyond the former size, and nothing can be: the target is offline.
  'restore-volume-size:checked',
  // The file has its former size; the target is still offline.
  'restore-volume-size:shrunk',
  // Initiators may come back; the record still says that the growth stands.
  'restore-volume-size:reopened',
  // The record says that the growth is undone.
  'restore-volume-size:recorded',

  // A data file under its temporary name; its record is not there yet.
  'clone-volume:temp-made',
  // The complete copy under its temporary name.
  'clone-volume:copied',
  'clone-volume:renamed',
  'clone-volume:recorded',
  'clone-volume:temp-removed',

  'create-snapshot:temp-made',
  'create-snapshot:copied',
  'create-snapshot:renamed',
  'create-snapshot:recorded',
  'create-snapshot:temp-removed',

  // Nothing was changed yet.
  'delete-snapshot:checked',
  'delete-snapshot:hidden',
  'delete-snapshot:record-removed',
  'delete-snapshot:data-removed',

  'revert-volume:temp-made',
  // The copy of the snapshot is complete; nothing says yet that it is to take the data file's place.
  'revert-volume:copied',
  // The record says so.
  'revert-volume:intended',
  // The copy is the data file; the target is still offline.
  'revert-volume:replaced',
  // Initiators may write again; the record does not say that it is done.
  'revert-volume:reopened',
  'revert-volume:recorded',

  // Nothing was changed yet.
  'delete-volume:checked',
  // The data file has lost its name; it still has its bytes.
  'delete-volume:hidden',
  // The record is gone.
  'delete-volume:record-removed',
  // The bytes are gone.
  'delete-volume:data-removed',

  // The grant is in the record; tgtd knows nothing.
  'export-volume:granted',
  'export-volume:target-made',
  'export-volume:lun-made',
  'export-volume:lun-identified',
  // The account is in its own record; tgtd does not know it.
  'export-volume:account-recorded',
  'export-volume:account-made',
  'export-volume:account-bound',
  // From here on an initiator can log in.
  'export-volume:bound',
  'export-volume:recorded',

  // Nothing was changed yet.
  'unexport-volume:checked',
  // The initiators find the target no more; their sessions go on.
  'unexport-volume:unbound',
  'unexport-volume:sessions-closed',
  // The target is gone, or for a grant among several: its part of it.
  'unexport-volume:target-removed',
  'unexport-volume:account-removed',
  // The grant is out of the record.
  'unexport-volume:recorded',
] as const;

/** One of {@link linuxFaultPoints}. */
export type LinuxFaultPoint = (typeof linuxFaultPoints)[number];

/** Awaited at each point; what it throws ends the call as a crash would. */
export type FaultHook = (point: LinuxFaultPoint, context: CallContext) => Promise<void> | void;
