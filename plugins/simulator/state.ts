/** What a simulated array holds: plain JSON, changed only by the functions of the `*-changes.ts` files. */
import { createHash } from 'node:crypto';
import {
  emptyFenceTable,
  StorageRefusal,
  type FenceTable,
  type OwnerMark,
  type StorageCall,
  type StorageMethod,
} from '../../src/storage-controller.js';
import type { JsonObject } from '../../src/controller.js';
import type { SimulatedSystem } from './options.js';

/** A step that made a volume larger. */
export interface Growth {
  readonly key: string;
  readonly fromBytes: number;
  readonly toBytes: number;
  readonly isUndone: boolean;
}

/** Whom a step lets in. */
export interface Grant {
  readonly owner: OwnerMark;
  readonly initiators: readonly string[];
  /** CHAP user; empty for none. */
  readonly username: string;
}

/** A volume. */
export interface SimulatedVolume {
  readonly serial: string;
  readonly pool: string;
  readonly thick: boolean;
  /** As it was made. */
  readonly createdBytes: number;
  sizeBytes: number;
  /** Stands for its bytes. */
  content: string;
  /** How far it has been written to. */
  writtenBytes: number;
  /** Undefined if nobody of ours made it. */
  readonly owner: OwnerMark | undefined;
  /** Serial of what it was cloned from; empty for nothing. */
  readonly sourceSerial: string;
  /** The last ones, the newest at the end. */
  growths: Growth[];
  /** Keys under which it was reverted, the newest at the end: to revert again would destroy what was written since. */
  reverts: string[];
  grants: Grant[];
  /** Number of its unit while it is exported. */
  lun: number | undefined;
}

/** A snapshot. */
export interface SimulatedSnapshot {
  readonly serial: string;
  readonly volume: string;
  readonly volumeSerial: string;
  readonly sizeBytes: number;
  readonly content: string;
  readonly writtenBytes: number;
  readonly owner: OwnerMark | undefined;
}

/** What a call asks for; kept by a job until it is due. */
export interface ChangeRequest {
  readonly method: StorageMethod;
  readonly args: JsonObject;
  readonly owner: OwnerMark;
  readonly keys: readonly string[];
  readonly direction: 'forward' | 'undo';
}

/** An operation that goes on after its call has answered. */
export interface Job {
  readonly id: string;
  readonly request: ChangeRequest;
  /** Wall clock: it outlives the process. */
  readonly endsAtMs: number;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  output?: JsonObject;
  reason?: string;
  message?: string;
  retryable?: boolean;
}

/** One change, for those who look afterwards what was done. */
export interface EffectEntry {
  readonly sequence: number;
  readonly method: StorageMethod;
  readonly object: string;
  readonly workflow: string;
  readonly step: string;
  readonly direction: 'forward' | 'undo';
}

/** Everything. */
export interface ArrayState {
  readonly format: 1;
  readonly system: string;
  /** Serials that were given out. */
  serials: number;
  fences: FenceTable;
  volumes: Record<string, SimulatedVolume>;
  snapshots: Record<string, SimulatedSnapshot>;
  /** Hash of the secret, by CHAP user. */
  accounts: Record<string, string>;
  jobs: Job[];
  jobsBegun: number;
  effects: EffectEntry[];
  effectsDone: number;
}

/** What the functions that change it get. */
export interface ChangeContext {
  readonly state: ArrayState;
  readonly system: SimulatedSystem;
  readonly request: ChangeRequest;
}

/** A new array. */
export function newState(system: SimulatedSystem): ArrayState {
  return {
    ...{ format: 1, system: system.id, serials: 0, fences: emptyFenceTable, volumes: {}, snapshots: {} },
    ...{ accounts: {}, jobs: [], jobsBegun: 0, effects: [], effectsDone: 0 },
  };
}

/** What of a call decides about it. */
export function requestOf<H>(call: StorageCall<H>, method: StorageMethod, args: object): ChangeRequest {
  const { owner, keys, context } = call;
  return { method, args: args as JsonObject, owner, keys, direction: context.direction };
}

/** A serial that was never used. */
export function nextSerial({ state, system }: ChangeContext): string {
  state.serials += 1;
  const array = createHash('sha256').update(system.id).digest('hex').slice(0, 8);
  return `6${array}${state.serials.toString(16).padStart(23, '0')}`;
}

/** Whether the step of the request made it. */
export function isOwn({ keys }: ChangeRequest, owner: OwnerMark | undefined): boolean {
  return owner !== undefined && keys.includes(owner.key);
}

/** Notes that something was changed. */
export function noteEffect({ state, request }: ChangeContext, object: string): void {
  state.effectsDone += 1;
  const { method, owner, direction } = request;
  const { workflow, step } = owner;
  state.effects.push({ sequence: state.effectsDone, method, object, workflow, step, direction });
  if (state.effects.length > effectsMax) state.effects.splice(0, state.effects.length - effectsMax);
}

/**
 * The volume of that name, if it is there and of ours.
 *
 * @throws StorageRefusal VolumeNotFound, ForeignObject, or IdentityMismatch when a serial is given and is not its.
 */
export function requireVolume({ state }: ChangeContext, name: string, serial?: string): SimulatedVolume {
  const volume = state.volumes[name];
  if (volume === undefined) {
    throw new StorageRefusal('VolumeNotFound', `Storage system ${state.system} has no volume ${name}`);
  }
  if (volume.owner === undefined) throw foreign('Volume', name);
  requireSerial(`Volume ${name}`, volume.serial, serial);
  return volume;
}

/**
 * The snapshot of that name, if it is there and of ours.
 *
 * @throws StorageRefusal SnapshotNotFound, ForeignObject or IdentityMismatch.
 */
export function requireSnapshot({ state }: ChangeContext, name: string, serial?: string): SimulatedSnapshot {
  const snapshot = state.snapshots[name];
  if (snapshot === undefined) {
    throw new StorageRefusal('SnapshotNotFound', `Storage system ${state.system} has no snapshot ${name}`);
  }
  if (snapshot.owner === undefined) throw foreign('Snapshot', name);
  requireSerial(`Snapshot ${name}`, snapshot.serial, serial);
  return snapshot;
}

/** The refusal for what nobody of ours made. */
export function foreign(kind: string, name: string): StorageRefusal {
  return new StorageRefusal('ForeignObject', `${kind} ${name} was not made by a workflow and is left alone`);
}

/** The refusal for what this step made with other arguments. */
export function differs(kind: string, name: string): StorageRefusal {
  return new StorageRefusal('ObjectDiffers', `${kind} ${name} was made by this step, with other arguments`);
}

function requireSerial(what: string, actual: string, wanted: string | undefined): void {
  if (wanted === undefined || wanted === actual) return;
  throw new StorageRefusal('IdentityMismatch', `${what} has the serial ${actual}, and ${wanted} is meant`);
}

const effectsMax = 10_000;
