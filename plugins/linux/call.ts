/**
 * What every method does around its own work: find the system, wait for the volume's lock, pass the fence,
 * and turn what was thrown into an answer. Everything that changes a volume runs inside {@link withVolume}.
 */
import { mkdir, stat } from 'node:fs/promises';
import type { CallContext, Clock, Effect } from '../../src/controller.js';
import type { RunChild } from './child-process.js';
import type { LinuxFaultPoint } from './fault-points.js';
import { withLock, type HeldLock } from './file-lock.js';
import { errorCode, Refusal } from './refusal.js';
import { removeFile, syncDirectory } from './files.js';
import { passFence, type Ledger } from './ledger.js';
import type { LinuxSettings, LinuxSystem } from './options.js';
import { ledgerPath, systemDirectories, volumePaths, type VolumePaths } from './system-layout.js';
import type { Maker } from './volume-record.js';

/** One call, while it holds its volume's lock. */
export interface Call {
  readonly context: CallContext;
  readonly system: LinuxSystem;
  readonly volume: string;
  readonly paths: VolumePaths;
  readonly clock: Clock;
  readonly run: RunChild;
  /** Aborts with the context's signal and at its deadline. */
  readonly signal: AbortSignal;
  /** The volume's lock; children that change something inherit it. */
  readonly lock: HeldLock;
  readonly ledger: Ledger;
  /** Under which key it makes things: the step's own, or for an undo that of the undone step. */
  readonly key: string;
  /** That key and those before it: what was made under any of them is the step's. */
  readonly keys: readonly string[];
  /** What the step has left so far; goes into a failure that is known. */
  readonly trace: { effect: Effect };
  /** Passes a named instant: waits for the injected hook and ends the call if it was aborted meanwhile. */
  readonly reach: (point: LinuxFaultPoint) => Promise<void>;
}

/** The keys of the step, or for an undo of the undone step; the last one first. */
function ownKeys(context: CallContext): readonly [string, ...string[]] {
  if (context.direction === 'forward') return [context.idempotencyKey, ...context.formerKeys];
  const { step, undone } = context;
  if (undone === undefined) throw new TypeError(`Undo of ${step} does not say what it undoes`);
  return [undone.idempotencyKey, ...undone.formerKeys];
}

/**
 * What an attempt has left before anything was looked up: a first one nothing, but a later one may stand in
 * for an earlier that died half way.
 */
export function effectSoFar(context: CallContext): Effect {
  return context.attempt > 1 ? 'unknown' : 'none';
}

/** The call's step as the maker of something. */
export function makerOf(call: Call): Maker {
  const { workflow, workflowUid, step, tenant } = call.context;
  return { key: call.key, workflow, workflowUid, step, tenant };
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
      true,
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

/**
 * Runs the work under the volume's lock, after the fence.
 *
 * @throws SteplockError FENCED if a later call was here; the signal's reason if it aborts.
 */
export async function withVolume<T>(
  settings: LinuxSettings,
  context: CallContext,
  volume: string,
  work: (call: Call) => Promise<T>,
): Promise<T> {
  const system = findSystem(settings, context);
  const keys = ownKeys(context);
  const { clock, run, faultPoint } = settings;
  const deadline = new AbortController();
  const cancelDeadline = clock.setTimer(context.deadlineMs - clock.nowMs(), () => {
    deadline.abort(new Error(`Call of ${context.workflow}/${context.step} is past its deadline`));
  });
  const signal = AbortSignal.any([context.signal, deadline.signal]);
  try {
    signal.throwIfAborted();
    await prepareSystem(system);
    return await withLock(ledgerPath(system, volume), { signal, run }, async (lock) => {
      const ledger = await passFence(lock, context);
      const paths = volumePaths(system, volume);
      // A record that its writer did not finish; nobody writes it now.
      await removeFile(paths.recordTemporary);
      const reach = async (point: LinuxFaultPoint): Promise<void> => {
        await faultPoint(point, context);
        signal.throwIfAborted();
      };
      const trace = { effect: effectSoFar(context) };
      const held = { lock, ledger, trace, reach };
      return await work({ ...held, context, system, volume, paths, clock, run, signal, key: keys[0], keys });
    });
  } finally {
    cancelDeadline();
  }
}
