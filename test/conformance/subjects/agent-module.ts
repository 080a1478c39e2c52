/** The controller of the agent under test: `linux`, which stops at an instant that a file names, or has a defect. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControllerPort, JsonObject } from '../../../src/controller.js';
import { defineStorageController } from '../../../src/storage-controller.js';
import { createLinuxAdapter, type LinuxFaultPoint } from '../../../plugins/linux/index.js';
import { parseLinuxSettings } from '../../../plugins/linux/plugin.js';
import type { Defect, Instant } from '../bench.js';
import { sabotage } from '../sabotage.js';
import { createInstant } from './instants.js';
import { destroyFiles } from './linux-files.js';

/** Names the call that is to stop, and where; the test writes it. */
export const stopFile = 'stop-at.json';
/** Says that the instant was reached; the agent writes it. */
export const reachedFile = 'reached';

/** What {@link stopFile} holds. */
export interface Stop {
  /** The call's key. */
  readonly key: string;
  readonly at: Instant;
}

/** See ControllerModule. */
export function createController(
  settings: JsonObject,
  { directory }: { readonly directory: string },
): ControllerPort {
  const { defect, ...own } = settings;
  const options = parseLinuxSettings(own, directory);
  const instants = new Map<string, (point: LinuxFaultPoint) => boolean>();
  const sound = createLinuxAdapter({
    ...options,
    faultPoint: async (point, { idempotencyKey, signal }) => {
      const stop = readStop(directory);
      if (stop?.key !== idempotencyKey) return;
      const isInstant = instants.get(stop.key) ?? createInstant(stop.at);
      instants.set(stop.key, isInstant);
      if (!isInstant(point)) return;
      instants.delete(stop.key);
      writeFileSync(join(directory, reachedFile), point);
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        signal.addEventListener(
          'abort',
          () => {
            resolve();
          },
          { once: true },
        );
      });
    },
  });
  const destroy = async (volume: string): Promise<void> => {
    for (const system of options.systems) await destroyFiles(system, volume);
  };
  return defineStorageController(defect === undefined ? sound : sabotage(sound, defect as Defect, destroy));
}

function readStop(directory: string): Stop | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, stopFile), 'utf8')) as Stop;
  } catch {
    // There is none.
    return undefined;
  }
}
