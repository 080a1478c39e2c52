/** Simulated arrays: such as answer at once, and such as have jobs. */
import { expect } from 'chai';
import { defineStorageController } from '../../../src/storage-controller.js';
import {
  createSimulatorAdapter,
  type FaultRule,
  type SimulatedSystem,
} from '../../../plugins/simulator/index.js';
import { contextOf, mebibyte } from '../../plugins/linux/support.js';
import { smallBytes, type Bench, type Interrupted, type Subject } from '../bench.js';
import { sabotage } from '../sabotage.js';

/** See above. */
export function simulatorSubject(name: string, more: Partial<SimulatedSystem> = {}): Subject {
  return {
    name,
    deaths: [
      { at: 'before', by: 'kill' },
      { at: 'after', by: 'kill' },
      { at: 'before', by: 'abort' },
      { at: 'after', by: 'abort' },
    ],
    open: async (defect) => {
      const faults: FaultRule[] = [];
      const sound = createSimulatorAdapter([
        {
          id: 'shelf',
          pools: [{ pool: 'gold', totalBytes: 1024 ** 4 }],
          ports: [{ port: 'a0', protocol: 'iscsi', address: '192.0.2.1:3260' }],
          faults,
          ...more,
        },
      ]);
      const array = sound.arrays.get('shelf');
      if (array === undefined) throw new Error('The adapter has lost its array');
      const destroy = async (volume: string): Promise<void> => {
        await array.inspect((state) => {
          state.volumes = Object.fromEntries(Object.entries(state.volumes).filter(([one]) => one !== volume));
        });
      };
      const port = defineStorageController(defect === undefined ? sound : sabotage(sound, defect, destroy));
      const interrupt = async ({ data, method, args, at, by }: Interrupted): Promise<void> => {
        const place = at === 'before' ? 'before' : 'after';
        faults.push({ method, at: place, then: by === 'kill' ? 'lose' : 'hang' });
        const abort = new AbortController();
        const call = port.execute(contextOf(data, { signal: abort.signal }), method, args);
        const outcome = call.then(
          (result) => JSON.stringify(result),
          () => 'unknown',
        );
        if (by === 'abort') abort.abort(new Error('Told to stop'));
        expect(await outcome, `${method} ${at}`).to.equal('unknown');
      };
      const behind: Omit<Bench, 'port' | 'interrupt' | 'remove'> = {
        objects: async () =>
          await array.inspect(({ volumes, snapshots }) => ({
            volumes: Object.fromEntries(
              Object.entries(volumes).map(([one, { sizeBytes }]) => [one, sizeBytes]),
            ),
            snapshots: Object.fromEntries(
              Object.entries(snapshots).map(([one, { sizeBytes }]) => [one, sizeBytes]),
            ),
            exports: Object.fromEntries(
              Object.entries(volumes)
                .map(([one, { grants }]) => [
                  one,
                  [...new Set(grants.flatMap(({ initiators }) => initiators))].sort(),
                ])
                .filter(([, initiators]) => initiators?.length !== 0),
            ) as Record<string, string[]>,
            stray: [],
          })),
        write: async (volume, text) => {
          await array.inspect((state) => {
            Object.assign(state.volumes[volume] ?? {}, { content: text, writtenBytes: text.length });
          });
        },
        read: async (volume) => await array.inspect((state) => state.volumes[volume]?.content ?? ''),
        setSize: async (volume, sizeBytes) => {
          await array.inspect((state) => Object.assign(state.volumes[volume] ?? {}, { sizeBytes }));
        },
        addForeign: async (kind, foreign) => {
          await array.inspect((state) => {
            const common = { serial: '', sizeBytes: smallBytes + mebibyte, content: '', writtenBytes: 0 };
            const volume = { pool: 'gold', thick: false, createdBytes: common.sizeBytes, sourceSerial: '' };
            const rest = { owner: undefined, growths: [], reverts: [], grants: [], lun: undefined };
            if (kind === 'volume') state.volumes[foreign] = { ...common, ...volume, ...rest };
            else state.snapshots[foreign] = { ...common, owner: undefined, volume: 'vol', volumeSerial: '' };
          });
        },
      };
      return await Promise.resolve({
        ...behind,
        port,
        interrupt,
        remove: async () => {
          await Promise.resolve();
        },
      });
    },
    close: async () => {
      await Promise.resolve();
    },
  };
}
