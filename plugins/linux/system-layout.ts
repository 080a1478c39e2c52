/** Where things are in a system's directory. Names only: nothing here reads or writes. */
import { join } from 'node:path';
import { shortHash } from './ledger-format.js';
import type { LinuxSystem } from './options.js';

/**
 * Volumes are spread over this many ledgers, and what shares a ledger waits for each other: enough that a few
 * volumes seldom meet, few enough that all of them together take 2 MiB.
 */
const ledgerCount = 256;

/** The directories of a system, in the order in which they are made. */
export function systemDirectories({ rootDir }: LinuxSystem): string[] {
  return [join(rootDir, 'ledgers'), join(rootDir, 'volumes'), join(rootDir, 'accounts')];
}

/** The file that is locked for whatever is done to the volume, and that remembers who did it. */
export function ledgerPath({ rootDir }: LinuxSystem, volume: string): string {
  const number = parseInt(shortHash(volume, 8), 16) % ledgerCount;
  return join(rootDir, 'ledgers', number.toString(16).padStart(2, '0'));
}

/** Where the files of one volume are. A volume's id has no dots, so no two names meet. */
export interface VolumePaths {
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

/** See {@link VolumePaths}. */
export function volumePaths({ rootDir }: LinuxSystem, volume: string): VolumePaths {
  const directory = join(rootDir, 'volumes');
  return {
    directory,
    image: join(directory, `${volume}.img`),
    record: join(directory, `${volume}.json`),
    recordTemporary: join(directory, `.${volume}.json.tmp`),
    temporary: (key) => join(directory, `.${volume}.${shortHash(key, 16)}.new`),
    hidden: (key) => join(directory, `.${volume}.${shortHash(key, 16)}.gone`),
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
