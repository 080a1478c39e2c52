/** What a storage system of this controller is, and what is injected for tests. */
import { systemClock, type Clock } from '../../src/controller.js';
import { runChild, type RunChild } from './child-process.js';
import type { FaultHook } from './fault-points.js';

/** The tgtd that serves a system's volumes. It is started by others (see tgtd.ts) and may serve others too. */
export interface TgtdAddress {
  /** The number after `-C`: which tgtd of this host. */
  readonly controlPort: number;
  /** Where initiators find it: `host:port`. */
  readonly portal: string;
  /** What its management socket is called, without `.controlPort`. @default `/var/run/tgtd/socket` */
  readonly ipcPath?: string;
}

/** A storage system: a directory of this host, and the tgtd that exports what is in it. */
export interface LinuxSystem {
  /** What a step's `system` names. */
  readonly id: string;
  /**
   * The directory that everything is kept in. It has to be there: where it is a part of a mounted file
   * system, a missing mount is then an error, and not an empty system.
   */
  readonly rootDir: string;
  /** The tgtd that serves it. */
  readonly tgtd: TgtdAddress;
  /** What target names begin with, e.g. `iqn.2026-11.com.example:steplock`. */
  readonly iqnPrefix: string;
  /**
   * A file with 32 bytes (raw, or 64 hexadecimal digits) that nobody but its owner can read. With it, CHAP
   * secrets are kept sealed and restoreExports can make CHAP exports again; without it they are not kept.
   */
  readonly chapKeyFile?: string;
  /**
   * How much more than its file system holds may be promised: 1 for no more. Counted when something is made or grows.
   *
   * @default no bound: watch the file system
   */
  readonly oversubscription?: number;
}

/** What the controller is made of. */
export interface LinuxControllerOptions {
  /** The systems that it serves, each with its own id. */
  readonly systems: readonly LinuxSystem[];
  /** @default the system's clock */
  readonly clock?: Clock;
  /** How child processes are run. @default {@link runChild} */
  readonly run?: RunChild;
  /** Awaited at each of `linuxFaultPoints`. @default nothing */
  readonly faultPoint?: FaultHook;
}

/** The options with their defaults, checked. */
export interface LinuxSettings {
  readonly systems: ReadonlyMap<string, LinuxSystem>;
  readonly clock: Clock;
  readonly run: RunChild;
  readonly faultPoint: FaultHook;
}

const idPattern = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
// tgtd cuts parameters at commas and paths at 1,023 bytes.
const pathPattern = /^\/[^,\p{Cc}]{0,800}$/u;
const portalPattern = /^(\[[0-9a-f:.]+\]|[^:\s,]+):[0-9]{1,5}$/i;
// A target's name has at most 223 bytes; a colon and a volume's id take 64.
const iqnPrefixPattern = /^iqn\.[0-9]{4}-[0-9]{2}\.[a-z0-9.:-]{1,140}$/;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError naming the option that breaks its rule.
 */
export function checkOptions(options: LinuxControllerOptions): LinuxSettings {
  const systems = new Map<string, LinuxSystem>();
  for (const system of options.systems) {
    checkSystem(system);
    if (systems.has(system.id)) throw new TypeError(`Two systems have the id ${system.id}`);
    systems.set(system.id, system);
  }
  return {
    systems,
    clock: options.clock ?? systemClock,
    run: options.run ?? runChild,
    faultPoint: options.faultPoint ?? (() => undefined),
  };
}

function checkSystem(system: LinuxSystem): void {
  const must = (holds: boolean, rule: string): void => {
    if (!holds) throw new TypeError(`Storage system ${system.id}: ${rule}`);
  };
  must(idPattern.test(system.id), 'its id must be lower-case letters, digits and hyphens');
  must(pathPattern.test(system.rootDir), 'rootDir must be an absolute path without commas');
  must(!system.rootDir.split('/').includes('..'), 'rootDir must not contain ..');
  must(portalPattern.test(system.tgtd.portal), 'tgtd.portal must be host:port');
  must(iqnPrefixPattern.test(system.iqnPrefix), 'iqnPrefix must be like iqn.2026-11.com.example:name');
  const { controlPort } = system.tgtd;
  must((system.oversubscription ?? 1) > 0, 'oversubscription must be a number above 0');
  must(Number.isInteger(controlPort) && controlPort >= 0 && controlPort <= 32_767, 'tgtd.controlPort');
}
