/**
 * What the author of an adapter writes: a {@link StorageAdapter} of facets, each a set of idempotent operations.
 * defineStorageController() makes the controller of it and does once what all of them need: arguments are checked, the
 * objects are locked and the fence is passed before an operation runs, and what it throws becomes an answer.
 *
 * The rules for operations, which the conformance suite (test/conformance) checks:
 *
 * 1. `perform` looks before it acts. What the step has made already, under one of `call.keys`, is gone on with, and
 *    checked: with another size, pool or source it is refused as `ObjectDiffers`. What another step made is
 *    `VolumeExists` or `SnapshotExists`, what nobody of ours made `ForeignObject`; both are left alone.
 * 2. Whatever is made carries `call.owner`, in the system itself or beside the object, written before or together with it.
 * 3. An undo touches only what carries one of `call.keys`, or what is half made under them. If that is not there, it
 *    is done.
 * 4. A delete of what is not there is done. A delete means the object by its serial: another object of that name is left
 *    alone, and the delete is done, since the meant one is not there.
 * 5. Exports are sets. A step adds its initiators and takes away those that it is told to; what others need stays.
 * 6. What is known to have failed is thrown as a {@link StorageRefusal}, with `call.trace.effect` saying what is left;
 *    everything else that is thrown means that the outcome is unknown.
 * 7. A name becomes visible when the object is complete.
 */
import type { CallContext, Effect, Pending, PollResult, ProbeResult } from '../contract/index.js';
import type { StorageMethod, StorageMethods } from './arguments.js';
import type { OwnerMark } from './objects.js';
import type { StorageRefusal } from './reasons.js';

/** What a call works on, for locks and fences. */
export interface StorageObject {
  readonly kind: 'volume' | 'snapshot';
  readonly name: string;
}

/** One call, while its objects are locked. `H`: what the adapter's guard gives. */
export interface StorageCall<H = undefined> {
  readonly context: CallContext;
  /** What the guard gives while the objects are locked. */
  readonly held: H;
  /** Aborts with the context's signal and at its deadline. */
  readonly signal: AbortSignal;
  /** What is made gets this mark: of the step, or for an undo of the undone step. */
  readonly owner: OwnerMark;
  /** The key of that mark and those before it: what was made under any of them is the step's. */
  readonly keys: readonly string[];
  /** What the step has left so far; goes into a failure that is known. */
  readonly trace: { effect: Effect };
}

/** One operation: how it is done, and how it is told whether an earlier call did it. */
export interface StorageOperation<M extends StorageMethod, H = undefined> {
  /**
   * Makes it so, or begins to.
   *
   * @throws StorageRefusal for what is known to have failed.
   */
  perform(call: StorageCall<H>, args: StorageMethods[M][0]): Promise<StorageMethods[M][1] | Pending>;
  /** Tells what came of an earlier call with one of `call.keys`; changes nothing that matters. */
  look(call: StorageCall<H>, args: StorageMethods[M][0]): Promise<Look<M>>;
}

/** What came of an earlier call. */
export type Look<M extends StorageMethod> =
  { readonly kind: 'there'; readonly output: StorageMethods[M][1] } | Exclude<ProbeResult, { kind: 'done' }>;

/** A method that changes nothing: no lock, no fence. */
export type StorageQuery<M extends StorageMethod> = (
  context: CallContext,
  args: StorageMethods[M][0],
) => Promise<StorageMethods[M][1]>;

/** What is there. */
export interface DiscoveryFacet {
  readonly discover: StorageQuery<'discover'>;
  readonly listVolumes: StorageQuery<'list-volumes'>;
  readonly getVolume: StorageQuery<'get-volume'>;
  /** With a {@link SnapshotFacet}. */
  readonly listSnapshots?: StorageQuery<'list-snapshots'>;
  /** With a {@link SnapshotFacet}. */
  readonly getSnapshot?: StorageQuery<'get-snapshot'>;
}

/** Volumes. */
export interface VolumeFacet<H = undefined> {
  readonly create: StorageOperation<'create-volume', H>;
  readonly delete: StorageOperation<'delete-volume', H>;
  readonly expand: StorageOperation<'expand-volume', H>;
  /** Undoes `expand`; left out by systems that cannot, whose `expand-volume` is then irreversible. */
  readonly restoreSize?: StorageOperation<'restore-volume-size', H>;
}

/** Snapshots. */
export interface SnapshotFacet<H = undefined> {
  readonly create: StorageOperation<'create-snapshot', H>;
  readonly delete: StorageOperation<'delete-snapshot', H>;
  /** Left out by systems that cannot. */
  readonly revert?: StorageOperation<'revert-volume', H>;
}

/** Volumes made of volumes and snapshots. */
export interface CloneFacet<H = undefined> {
  readonly clone: StorageOperation<'clone-volume', H>;
}

/** Who may use a volume. */
export interface ExportFacet<H = undefined> {
  readonly export: StorageOperation<'export-volume', H>;
  readonly unexport: StorageOperation<'unexport-volume', H>;
}

/** Operations that go on in the system after their call has answered. */
export interface JobFacet {
  /** How the job stands: nothing but its id is needed. A `done` has the method's output in snake_case. */
  poll(context: CallContext, method: StorageMethod, task: string): Promise<PollResult>;
  /** Asks that it be stopped. */
  cancel(context: CallContext, method: StorageMethod, task: string): Promise<void>;
}

/** Locks, and the fences behind them. */
export interface StorageGuard<H = undefined> {
  /**
   * Runs the work while nobody else works on any of the objects, after it has raised the fence of the context's
   * workflow uid, step and direction to its token. The fence is kept with the first object, and is compared after the
   * lock is held, so that a call which waited for the lock sees what came meanwhile.
   *
   * @throws SteplockError FENCED if a call with a higher token was here.
   */
  hold<T>(
    context: CallContext,
    signal: AbortSignal,
    objects: readonly [StorageObject, ...StorageObject[]],
    work: (held: H) => Promise<T>,
  ): Promise<T>;
}

/**
 * A kind of storage system, as its author writes it. Facets that a kind lacks are left out, and its controller then lacks
 * their methods. (Replication, file shares and consistency groups will be facets beside these.)
 */
export interface StorageAdapter<H = undefined> {
  /** The kind of controller, e.g. `linux`. */
  readonly kind: string;
  readonly version: string;
  /** One line for people. */
  readonly description: string;
  readonly guard: StorageGuard<H>;
  readonly discovery: DiscoveryFacet;
  readonly volumes: VolumeFacet<H>;
  readonly snapshots?: SnapshotFacet<H>;
  readonly clones?: CloneFacet<H>;
  readonly exports?: ExportFacet<H>;
  readonly jobs?: JobFacet;
  /** What is known of an error that is no StorageRefusal, e.g. of `ENOSPC`; undefined: the outcome is unknown. */
  explain?(error: unknown): StorageRefusal | undefined;
}
