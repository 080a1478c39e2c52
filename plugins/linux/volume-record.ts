/**
 * What is known of a volume: the record beside its data file. A volume exists if and only if it has a record:
 * the record is written after the data file has its final name and removed after the file lost it.
 *
 * Pure: reading and writing it is in volume-store.ts.
 */

/** Which step made something. */
export interface Maker {
  /** The idempotency key of its calls: whose it is. */
  readonly key: string;
  readonly workflow: string;
  readonly workflowUid: string;
  readonly step: string;
  readonly tenant: string;
}

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
  readonly export?: ExportRecord;
}

/** Growths that are remembered. An older one can no longer be undone. */
export const growthsMax = 64;

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
