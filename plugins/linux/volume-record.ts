/**
 * What is known of a volume: the record beside its data file. A volume exists if and only if it has a record:
 * the record is written after the data file has its final name and removed after the file lost it.
 *
 * Pure: reading and writing it is in volume-store.ts.
 */
import type { OwnerMark, StorageObject, Volume } from '../../src/storage-controller.js';
import type { Call } from './call.js';
import { shortHash } from './ledger-format.js';
import { poolName } from './pool.js';
import { Refusal } from './refusal.js';

/** Which step made something. */
export type Maker = OwnerMark;

/** A step that made the volume larger. */
export interface Growth {
  readonly key: string;
  readonly fromBytes: number;
  readonly toBytes: number;
  /** `begun` until initiators see it; `undone` is kept so that a repeated undo knows that it is done. */
  readonly state: 'begun' | 'done' | 'undone';
}

/** A step that lets initiators in. */
export interface Grant extends Maker {
  /** Names, in order, each once. */
  readonly initiators: readonly string[];
  /** The CHAP account that they log in with; empty for none. */
  readonly username: string;
  /** `begun` until they can log in. */
  readonly state: 'begun' | 'done';
}

/** A step that took the volume back to a snapshot. */
export interface Revert {
  readonly key: string;
  readonly snapshot: string;
  /** `begun` until initiators see it: what they write from then on must not be taken back again. */
  readonly state: 'begun' | 'done';
}

/** What a volume was copied from. */
export interface Source extends StorageObject {
  readonly serial: string;
}

/** The volume's target, as long as there is a grant. */
export interface ExportRecord {
  readonly targetName: string;
  /** tgtd's number for it. */
  readonly tid: number;
  /** Which run of tgtd was told of it; after a restart it knows nothing (tgtd-client.ts, instance). */
  readonly tgtdInstance: string;
  readonly grants: readonly Grant[];
}

/** What is known of a volume. */
export interface VolumeRecord {
  readonly format: 1;
  readonly volume: string;
  readonly maker: Maker;
  /** What initiators tell it by: 32 hexadecimal digits, never used again. */
  readonly serial: string;
  /** All of its space is reserved. */
  readonly thick: boolean;
  /** As it was made. */
  readonly createdBytes: number;
  /** The last ones, the newest at the end. */
  readonly growths: readonly Growth[];
  /** Undefined if it was made empty. */
  readonly source?: Source;
  /** The last ones, the newest at the end. */
  readonly reverts?: readonly Revert[];
  readonly export?: ExportRecord;
}

/** Growths that are remembered. An older one can no longer be undone. */
export const growthsMax = 64;

/** Reverts that are remembered. */
export const revertsMax = 64;

/** The record of a new volume. */
export function newVolumeRecord(
  call: Call,
  made: Pick<VolumeRecord, 'createdBytes' | 'thick'> & { readonly source?: Source },
): VolumeRecord {
  return { format: 1, volume: call.volume, maker: call.owner, serial: serialOf(call), ...made, growths: [] };
}

/**
 * A serial from the key as well as the name: what is made again under the name of something that was deleted has other
 * bytes, and a host that saw the former must not take it for the same disk. tgtd reads the digits as an NAA identifier
 * of type 6, hence the first one.
 */
export function serialOf({ system, object, key }: Call): string {
  const { kind, name } = object;
  const parts = kind === 'volume' ? [system.id, name, key] : [system.id, kind, name, key];
  return `6${shortHash(JSON.stringify(parts), 31)}`;
}

/** The volume as it was made. */
export function createdVolume({ volume, createdBytes, thick, serial }: VolumeRecord, path: string): Volume {
  return { volume, pool: poolName, sizeBytes: createdBytes, thick, serial, nativeId: path };
}

/**
 * @throws Refusal VolumeExists if another step made it.
 */
export function requireMadeBy(call: Call, { volume, maker }: VolumeRecord): void {
  if (call.keys.includes(maker.key)) return;
  throw new Refusal(
    'VolumeExists',
    `Volume ${volume} of storage system ${call.system.id} was made by ${maker.workflow}/${maker.step}`,
  );
}

/**
 * @throws Refusal IdentityMismatch if a serial is given and is not the volume's.
 */
export function requireSerial({ volume, serial }: VolumeRecord, wanted: string | undefined): void {
  if (wanted === undefined || wanted === serial) return;
  throw new Refusal('IdentityMismatch', `Volume ${volume} has the serial ${serial}, and ${wanted} is meant`);
}

/** The record with this revert in place of the one with the same key, or added. */
export function withRevert(record: VolumeRecord, revert: Revert): VolumeRecord {
  const others = (record.reverts ?? []).filter(({ key }) => key !== revert.key);
  return { ...record, reverts: [...others, revert].slice(-revertsMax) };
}

/** The record as it is written. */
export function formatRecord(record: VolumeRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/**
 * Reads a record.
 *
 * @throws Error when it is not one of this format: then a newer version made it, or the disk is damaged.
 */
export function parseRecord(text: string, path: string): VolumeRecord {
  const record = JSON.parse(text) as Partial<VolumeRecord> | null;
  // Whole records are written by this module alone, so the format's number vouches for the rest.
  if (record?.format !== 1 || record.volume === undefined || record.maker === undefined) {
    throw new Error(`${path} is not a volume's record of format 1`);
  }
  return record as VolumeRecord;
}

/** The record with this growth in place of the one with the same key, or added. */
export function withGrowth(record: VolumeRecord, growth: Growth): VolumeRecord {
  const known = record.growths.some(({ key }) => key === growth.key);
  const growths = known
    ? record.growths.map((other) => (other.key === growth.key ? growth : other))
    : [...record.growths, growth].slice(-growthsMax);
  return { ...record, growths };
}

/** The growth that a step with these keys made. */
export function growthOf(record: VolumeRecord, keys: readonly string[]): Growth | undefined {
  return record.growths.find(({ key }) => keys.includes(key));
}

/** The grant that a step with these keys made. */
export function grantOf(record: VolumeRecord, keys: readonly string[]): Grant | undefined {
  return record.export?.grants.find(({ key }) => keys.includes(key));
}

/** The grants that let anybody in. */
export function grantsOf(record: VolumeRecord): readonly Grant[] {
  return record.export?.grants ?? [];
}

/** The record with these grants; the export goes with the last one. */
export function withGrants(record: VolumeRecord, grants: readonly Grant[]): VolumeRecord {
  const { export: exported, ...rest } = record;
  if (exported === undefined || grants.length === 0) return rest;
  return { ...rest, export: { ...exported, grants } };
}

/** The grants with this one in place of that with the same key, or added. */
export function putGrant(grants: readonly Grant[], grant: Grant): Grant[] {
  return [...grants.filter(({ key }) => key !== grant.key), grant];
}

/** The grants without these initiators; what then lets nobody in is left out. */
export function withoutInitiators(grants: readonly Grant[], gone: ReadonlySet<string>): Grant[] {
  return grants
    .map((grant) => ({ ...grant, initiators: grant.initiators.filter((name) => !gone.has(name)) }))
    .filter(({ initiators }) => initiators.length > 0);
}

/** All initiators of the grants, each once. */
export function initiatorsOf(grants: readonly Grant[]): string[] {
  return [...new Set(grants.flatMap(({ initiators }) => initiators))].sort();
}

/** All accounts of the grants, each once. */
export function usernamesOf(grants: readonly Grant[]): string[] {
  return [...new Set(grants.map(({ username }) => username).filter((name) => name !== ''))].sort();
}
