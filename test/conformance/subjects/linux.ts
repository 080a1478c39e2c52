/** The `linux` adapter in this process, with a real tgtd. */
import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import { defineStorageController } from '../../../src/storage-controller.js';
import { createLinuxAdapter, type LinuxFaultPoint } from '../../../plugins/linux/index.js';
import type { RunningTgtd } from '../../../plugins/linux/tgtd.js';
import { contextOf, startTestTgtd } from '../../plugins/linux/support.js';
import type { Bench, Interrupted, Subject } from '../bench.js';
import { sabotage } from '../sabotage.js';
import { createInstant } from './instants.js';
import { behind, destroyFiles, emptySystem, newSystem } from './linux-files.js';

/** See above. */
export function linuxSubject(): Subject {
  let shared: Promise<RunningTgtd> | undefined;
  return {
    name: 'linux',
    deaths: [
      { at: 'before', by: 'kill' },
      { at: 'midway', by: 'kill' },
      { at: 'after', by: 'kill' },
      { at: 'midway', by: 'abort' },
    ],
    open: async (defect) => {
      shared ??= startTestTgtd();
      const tgtd = await shared;
      const system = await newSystem(tgtd);
      let die: ((point: LinuxFaultPoint) => void) | undefined;
      const sound = createLinuxAdapter({
        systems: [system],
        faultPoint: (point) => {
          die?.(point);
        },
      });
      const destroy = async (volume: string): Promise<void> => {
        await destroyFiles(system, volume);
      };
      const port = defineStorageController(defect === undefined ? sound : sabotage(sound, defect, destroy));
      const interrupt = async ({ data, method, args, at, by }: Interrupted): Promise<void> => {
        const abort = new AbortController();
        const isInstant = createInstant(at);
        let wasThere = false;
        die = (point) => {
          if (!isInstant(point)) return;
          wasThere = true;
          die = undefined;
          if (by === 'kill') throw new Error('The process is gone');
          abort.abort(new Error('Told to stop'));
        };
        const outcome = await port.execute(contextOf(data, { signal: abort.signal }), method, args).then(
          (result) => JSON.stringify(result),
          () => 'unknown',
        );
        die = undefined;
        expect({ wasThere, outcome }, `${method} ${at}`).to.deep.equal({
          wasThere: true,
          outcome: 'unknown',
        });
      };
      const bench: Bench = {
        ...behind(system, tgtd),
        ...{ port, interrupt },
        remove: async () => {
          await emptySystem(system, tgtd);
          await rm(system.rootDir, { recursive: true });
        },
      };
      return bench;
    },
    close: async () => {
      await (await shared)?.stop();
    },
  };
}
