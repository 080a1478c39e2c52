/** Failures that are known: what a step throws inside, and its workflow gets as `Failed`. */

/** Why a step failed, for programs; besides these, the class of a vCenter's fault. docs: the table in README.md. */
export type VsphereReason =
  | 'SystemUnknown'
  | 'InvalidArguments'
  | 'ClusterNotFound'
  | 'HostNotReady'
  | 'NoIscsiAdapter'
  | 'DiskNotVisible'
  | 'DiskStillVisible'
  | 'DiskInUse'
  | 'NameTaken'
  | 'DatastoreNotFound'
  | 'DatastoreNotEmpty'
  | 'DatastoreNotMounted'
  | 'DatastoreTooSmall'
  | 'NotOurs'
  | 'DiskObjectNotFound'
  | 'MachineNotFound'
  | 'NoScsiController'
  | 'AttachedElsewhere'
  | 'ShrinkRefused';

/** A failure that is known, with its reason, its place and the way out. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: VsphereReason;
  /** Whether trying again may help without anybody doing anything. */
  readonly retryable: boolean;

  constructor(reason: VsphereReason, message: string, retryable = false) {
    super(message);
    this.reason = reason;
    this.retryable = retryable;
  }
}
