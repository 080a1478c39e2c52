/**
 * Why a storage system's method failed, for programs: the reasons that every adapter uses. An adapter may have further
 * ones of its own, named in its README; callers treat what they do not know by `retryable` alone.
 */

/** What a caller may do: `retryable` means that the same call may work later without anybody doing anything. */
interface ReasonRow {
  readonly retryable: boolean;
  readonly meaning: string;
}

const fixed = (meaning: string): ReasonRow => ({ retryable: false, meaning });
const passing = (meaning: string): ReasonRow => ({ retryable: true, meaning });

/** By name. */
export const storageReasons = {
  InvalidArguments: fixed('an argument breaks its rule; the message names both'),
  InvalidSize: fixed('a size that the system does not take, or that would cut bytes off'),
  SystemUnknown: fixed('the step names a system that this controller does not serve'),
  SystemUnavailable: passing('the system does not answer, or what it is kept on is not there'),
  SystemBusy: passing('the system has as many operations under way as it takes'),
  CapabilityMissing: fixed('the system cannot do that; its capabilities say so'),
  PoolNotFound: fixed('the system has no such pool'),
  CapacityExceeded: passing('the pool has no space left for it'),
  TooManyObjects: passing('the system holds as many objects of this kind as it can'),
  VolumeNotFound: fixed('there is no such volume'),
  VolumeExists: fixed('a volume of that name is there, made by another step'),
  VolumeInUse: fixed('the volume is exported, or has snapshots; the message says to whom or which'),
  VolumeGrownSince: fixed('undoing this growth would take away a later one'),
  DataBeyondSize: fixed('undoing this growth would destroy what was written since'),
  SnapshotNotFound: fixed('there is no such snapshot'),
  SnapshotExists: fixed('a snapshot of that name is there, made by another step'),
  SnapshotInUse: fixed('something depends on the snapshot'),
  ObjectDiffers: fixed(
    'this step has made the object already, with another size, pool, source or other argument',
  ),
  IdentityMismatch: fixed('what has the name now is not what the given serial means; it was left alone'),
  ForeignObject: fixed('something that no workflow made has the name; it was left alone'),
  InitiatorUnsupported: fixed('the system does not speak the protocol of such an initiator'),
  AuthenticationMismatch: fixed(
    'the volume is exported with CHAP and this asks for none, or the other way round',
  ),
  AccountExists: fixed('the CHAP user name is in use with another secret, or by somebody else'),
  UndoOnly: fixed('the method undoes another one and is no step of its own'),
} as const satisfies Record<string, ReasonRow>;

/** One of {@link storageReasons}. */
export type StorageReason = keyof typeof storageReasons;

/** A failure that is known: adapters throw it, and the caller gets it as `Failed`. */
export class StorageRefusal extends Error {
  override readonly name: string = 'StorageRefusal';
  /** One of {@link storageReasons}, or an adapter's own. */
  readonly reason: string;
  /** Whether trying again may help without anybody doing anything. */
  readonly retryable: boolean;

  /** `retryable`: for an adapter's own reasons; the others' stands in the table. */
  constructor(reason: StorageReason | (string & {}), message: string, retryable?: boolean) {
    super(message);
    this.reason = reason;
    this.retryable = retryable ?? (isStorageReason(reason) && storageReasons[reason].retryable);
  }
}

/** Whether it is one of {@link storageReasons}. */
export function isStorageReason(reason: string): reason is StorageReason {
  return Object.hasOwn(storageReasons, reason);
}
