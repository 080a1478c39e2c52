/**
 * What every operation stands on: its system, the locks of what it works on, the fence, and what it needs to know of
 * its call. Everything that changes a volume or a snapshot runs while {@link createGuard} holds it.
 */
import { mkdir, stat } from 'node:fs/promises';
import type { CallContext, Clock, Effect } from '../../src/controller.js';
import type { OwnerMark, StorageCall, StorageGuard, StorageObject } from '../../src/storage-controller.js';
import type { RunChild } from './child-process.js';
import type { LinuxFaultPoint } from './fault-points.js';
import { withLock, type HeldLock } from './file-lock.js';
import { removeFile, syncDirectory } from './files.js';
import { passFence, type Ledger } from './ledger.js';
import type { LinuxSettings, LinuxSystem } from './options.js';
import { errorCode, Refusal } from './refusal.js';
import { ledgerPath, objectPaths, systemDirectories, type ObjectPaths } from './system-layout.js';

/** What is held while a call's objects are locked. */
export interface Held {
  readonly system: LinuxSystem;
  /** The first object's ledger. */
  readonly ledger: Ledger;
  /** Its lock; children that change something inherit it. */
  readonly lock: HeldLock;
}

/** One call on one object, which is locked. */
export interface Call {
  readonly context: CallContext;
  readonly system: LinuxSystem;
  /** What it works on. */
  readonly object: StorageObject;
  /** Its name. */
  readonly volume: string;
  readonly paths: ObjectPaths;
  readonly clock: Clock;
  readonly run: RunChild;
  /** Aborts with the context's signal and at its deadline. */
  readonly signal: AbortSignal;
  readonly lock: HeldLock;
  readonly ledger: Ledger;
  /** What is made gets this mark. */
  readonly owner: OwnerMark;
  /** The mark's key. */
  readonly key: string;
  /** That key and those before it: what was made under any of them is the step's. */
  readonly keys: readonly string[];
  /** What the step has left so far; goes into a failure that is known. */
  readonly trace: { effect: Effect };
  /** Passes a named instant: waits for the injected hook and ends the call if it was aborted meanwhile. */
  readonly reach: (point: LinuxFaultPoint) => Promise<void>;
}

/** The call, about this object. */
export function callAbout(
  settings: LinuxSettings,
  { context, held, signal, owner, keys, trace }: StorageCall<Held>,
  object: StorageObject,
): Call {
  const { clock, run, faultPoint } = settings;
  const reach = async (point: LinuxFaultPoint): Promise<void> => {
    await faultPoint(point, context);
    signal.throwIfAborted();
  };
  const paths = objectPaths(held.system, object);
  const mine = { owner, key: owner.key, keys, trace };
  return { ...held, ...mine, context, object, volume: object.name, paths, clock, run, signal, reach };
}

/** The same call about another object that is locked too. */
export function alsoAbout(call: Call, object: StorageObject): Call {
  return { ...call, object, volume: object.name, paths: objectPaths(call.system, object) };
}

/**
 * The system that the step names.
 *
 * @throws Refusal SystemUnknown.
 */
export function findSystem(settings: LinuxSettings, context: CallContext): LinuxSystem {
  const system = settings.systems.get(context.system);
  if (system !== undefined) return system;
  const known = [...settings.systems.keys()].join(', ');
  throw new Refusal(
    'SystemUnknown',
    `Step ${context.step} names the storage system "${context.system}"; this controller serves ${known}`,
  );
}

/**
 * Makes what is missing in the system's directory, though not the directory itself.
 *
 * @throws Refusal SystemUnavailable if the directory is not there.
 */
export async function prepareSystem(system: LinuxSystem): Promise<void> {
  try {
    await stat(system.rootDir);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw new Refusal(
      'SystemUnavailable',
      `Directory ${system.rootDir} of storage system ${system.id} is not there: mount or make it`,
    );
  }
  for (const path of systemDirectories(system)) {
    try {
      await mkdir(path, { mode: 0o700 });
      await syncDirectory(system.rootDir);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }
}

/** Locks objects by their ledgers, and keeps the fence in the first one's. */
export function createGuard(settings: LinuxSettings): StorageGuard<Held> {
  const { run } = settings;
  return {
    hold: async (context, signal, objects, work) => {
      const system = findSystem(settings, context);
      await prepareSystem(system);
      const first = ledgerPath(system, objects[0]);
      // Always in the same order, so that two calls never wait for each other; objects may share a ledger.
      const paths = [...new Set(objects.map((object) => ledgerPath(system, object)))].sort();
      const lockFrom = async <T>(
        at: number,
        held: HeldLock | undefined,
        all: (lock: HeldLock) => Promise<T>,
      ): Promise<T> => {
        const path = paths[at];
        if (path === undefined) {
          if (held === undefined) throw new TypeError('A call works on something');
          return await all(held);
        }
        return await withLock(path, { signal, run }, async (lock) => {
          return await lockFrom(at + 1, path === first ? lock : held, all);
        });
      };
      return await lockFrom(0, undefined, async (lock) => {
        const ledger = await passFence(lock, context);
        // Records that their writers did not finish; nobody writes them now.
        for (const object of objects) await removeFile(objectPaths(system, object).recordTemporary);
        return await work({ system, ledger, lock });
      });
    },
  };
}
