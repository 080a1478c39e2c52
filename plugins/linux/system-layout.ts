/** Where things are in a system's directory. Names only: nothing here reads or writes. */
import { join } from 'node:path';
import type { StorageObject } from '../../src/storage-controller.js';
import { shortHash } from './ledger-format.js';
import type { LinuxSystem } from './options.js';

/**
 * Volumes and snapshots are spread over this many ledgers, and what shares a ledger waits for each other: enough that a
 * few seldom meet, few enough that all of them together take 2 MiB.
 */
const ledgerCount = 256;

/** The directories of a system, in the order in which they are made. */
export function systemDirectories({ rootDir }: LinuxSystem): string[] {
  return ['ledgers', 'volumes', 'snapshots', 'accounts'].map((name) => join(rootDir, name));
}

/** The file that is locked for whatever is done to the object, and that remembers who did it. */
export function ledgerPath({ rootDir }: LinuxSystem, { kind, name }: StorageObject): string {
  const number = parseInt(shortHash(kind === 'volume' ? name : `${kind}/${name}`, 8), 16) % ledgerCount;
  return join(rootDir, 'ledgers', number.toString(16).padStart(2, '0'));
}

/** Where the files of one volume or snapshot are. Its name has no dots, so no two names meet. */
export interface ObjectPaths {
  /** The directory of all of them. */
  readonly directory: string;
  /** The bytes. */
  readonly image: string;
  /** What is known of it. */
  readonly record: string;
  /** The record while it is written. */
  readonly recordTemporary: string;
  /** The bytes while the step with this key makes them. */
  temporary(key: string): string;
  /** The bytes while the step with this key removes them. */
  hidden(key: string): string;
}

/** See {@link ObjectPaths}. */
export function volumePaths(system: LinuxSystem, volume: string): ObjectPaths {
  return objectPaths(system, { kind: 'volume', name: volume });
}

/** See {@link ObjectPaths}. */
export function objectPaths({ rootDir }: LinuxSystem, { kind, name }: StorageObject): ObjectPaths {
  const directory = join(rootDir, `${kind}s`);
  return {
    directory,
    image: join(directory, `${name}.img`),
    record: join(directory, `${name}.json`),
    recordTemporary: join(directory, `.${name}.json.tmp`),
    temporary: (key) => join(directory, `.${name}.${shortHash(key, 16)}.new`),
    hidden: (key) => join(directory, `.${name}.${shortHash(key, 16)}.gone`),
  };
}

/** The file that says whose the account is. */
export function accountPath({ rootDir }: LinuxSystem, username: string): string {
  return join(rootDir, 'accounts', `${shortHash(username, 16)}.json`);
}

/** tgtd's management socket. */
export function tgtdSocketPath({ tgtd }: LinuxSystem): string {
  return `${tgtd.ipcPath ?? '/var/run/tgtd/socket'}.${tgtd.controlPort}`;
}

/** The file that is locked while tgtd's targets and accounts are changed; one for all systems that it serves. */
export function tgtdLockPath(system: LinuxSystem): string {
  return `${tgtdSocketPath(system)}.steplock`;
}

/** The name of the volume's target. */
export function targetName({ iqnPrefix }: LinuxSystem, volume: string): string {
  return `${iqnPrefix}:${volume}`;
}
