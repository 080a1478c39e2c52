/** Where a simulated array keeps its state: in memory, or in a file that several processes share. */
import { constants } from 'node:fs';
import { appendFile, open, readFile, rename, writeFile } from 'node:fs/promises';
import { tryLock } from 'fs-native-extensions';
import { sleep, type Clock } from '../../src/controller.js';
import type { SimulatedSystem } from './options.js';
import { newState, type ArrayState } from './state.js';

/** See above. */
export interface StateStore {
  /** Runs the work alone; what it changed is kept, also if it throws. It must not wait for anything. */
  change<T>(work: (state: ArrayState) => T): Promise<T>;
}

const lockPollMs = 2;

/** Opens the system's state, or begins a new one. */
export function openState(system: SimulatedSystem, clock: Clock): StateStore {
  return system.stateFile === undefined ? memoryState(system) : fileState(system, system.stateFile, clock);
}

function memoryState(system: SimulatedSystem): StateStore {
  const state = newState(system);
  let logged = Promise.resolve();
  return {
    change: async (work) => {
      const before = state.effectsDone;
      try {
        return work(state);
      } finally {
        // One line after the other, and none lost to a later call.
        logged = logged.then(async () => {
          await logEffects(system, state, before);
        });
        await logged;
      }
    },
  };
}

/**
 * The whole state is read and written each time, under a lock that the kernel takes back from the dead, and replaced by
 * rename: whoever is killed leaves the former or the new one. It outlives a process, not the power.
 */
function fileState(system: SimulatedSystem, path: string, clock: Clock): StateStore {
  return {
    change: async (work) => {
      const lock = await open(`${path}.lock`, constants.O_RDWR | constants.O_CREAT, 0o600);
      try {
        while (!tryLock(lock.fd)) await sleep(clock, lockPollMs);
        const state = await readState(system, path);
        const before = state.effectsDone;
        try {
          return work(state);
        } finally {
          await writeFile(`${path}.tmp`, JSON.stringify(state), { mode: 0o600 });
          await rename(`${path}.tmp`, path);
          await logEffects(system, state, before);
        }
      } finally {
        await lock.close();
      }
    },
  };
}

async function readState(system: SimulatedSystem, path: string): Promise<ArrayState> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return newState(system);
    throw error;
  }
  const state = JSON.parse(text) as Partial<ArrayState> | null;
  if (state?.format !== 1) throw new Error(`${path} is not a simulated array's state of format 1`);
  return state as ArrayState;
}

async function logEffects(system: SimulatedSystem, state: ArrayState, after: number): Promise<void> {
  if (system.effectLog === undefined || state.effectsDone === after) return;
  const lines = state.effects
    .filter(({ sequence }) => sequence > after)
    .map((one) => `${JSON.stringify(one)}\n`);
  await appendFile(system.effectLog, lines.join(''));
}
