/** One call of each method that changes something: what comes before it, and how things are when it is done. */
import { expect } from 'chai';
import type { JsonObject } from '../../src/controller.js';
import { callOf, initiatorName, undoOf, type CallData } from '../plugins/linux/support.js';
import { makeVolume, must, smallBytes, type Bench } from './bench.js';

/** See above. */
export interface Scenario {
  readonly method: string;
  readonly step: string;
  /** Makes what the method works on, and gives the call's arguments. */
  readonly prepare: (bench: Bench) => Promise<JsonObject>;
  /** The call's data; forward unless it can only be an undo. */
  readonly data?: () => CallData;
  /** Holds when the method is done, however often it was begun. */
  readonly verify: (bench: Bench) => Promise<void>;
  /** How it is undone; left out for what is irreversible. */
  readonly undo?: { readonly method: string; readonly args: JsonObject };
}

const text = 'precious bytes';
const otherText = 'written later.';
const first = initiatorName('one');
const second = initiatorName('two');
const undoDelete = (volume: string): NonNullable<Scenario['undo']> => ({
  method: 'delete-volume',
  args: { volume },
});

const prepareVolume = async (bench: Bench): Promise<string> => {
  const serial = await makeVolume(bench, callOf('make'), 'vol');
  await bench.write('vol', text);
  return serial;
};
const prepareSnapshot = async (bench: Bench): Promise<{ serial: string; snapshotSerial: string }> => {
  const serial = await prepareVolume(bench);
  const output = await must(bench, callOf('snap-before'), 'create-snapshot', {
    snapshot: 'snap',
    volume: 'vol',
  });
  return { serial, snapshotSerial: output['serial'] as string };
};
const exportTo = async (bench: Bench, step: string, initiators: string[]): Promise<void> => {
  await must(bench, callOf(step), 'export-volume', { volume: 'vol', initiators });
};

const all: readonly Scenario[] = [
  {
    ...{ method: 'create-volume', step: 'create', undo: undoDelete('vol') },
    prepare: async () => await Promise.resolve({ volume: 'vol', size_bytes: smallBytes }),
    verify: async (bench) => {
      expect((await bench.objects()).volumes).to.deep.equal({ vol: smallBytes });
    },
  },
  {
    ...{ method: 'clone-volume', step: 'clone', undo: undoDelete('copy') },
    prepare: async (bench) => {
      const { snapshotSerial } = await prepareSnapshot(bench);
      await bench.write('vol', otherText);
      return {
        volume: 'copy',
        source_snapshot: 'snap',
        source_serial: snapshotSerial,
        size_bytes: 2 * smallBytes,
      };
    },
    verify: async (bench) => {
      expect((await bench.objects()).volumes).to.deep.equal({ vol: smallBytes, copy: 2 * smallBytes });
      expect(await bench.read('copy', text)).to.equal(text);
      expect(await bench.read('vol', text)).to.equal(otherText);
    },
  },
  {
    ...{ method: 'expand-volume', step: 'grow' },
    undo: { method: 'restore-volume-size', args: { volume: 'vol' } },
    prepare: async (bench) => ({
      volume: 'vol',
      serial: await prepareVolume(bench),
      size_bytes: 2 * smallBytes,
    }),
    verify: async (bench) => {
      expect((await bench.objects()).volumes).to.deep.equal({ vol: 2 * smallBytes });
      expect(await bench.read('vol', text)).to.equal(text);
    },
  },
  {
    ...{ method: 'restore-volume-size', step: 'grow' },
    data: () => undoOf('grow', { state: 'succeeded', effect: 'some' }),
    prepare: async (bench) => {
      await prepareVolume(bench);
      await must(bench, callOf('grow'), 'expand-volume', { volume: 'vol', size_bytes: 2 * smallBytes });
      return { volume: 'vol' };
    },
    verify: async (bench) => {
      expect((await bench.objects()).volumes).to.deep.equal({ vol: smallBytes });
      expect(await bench.read('vol', text)).to.equal(text);
    },
  },
  {
    ...{ method: 'create-snapshot', step: 'snap' },
    undo: { method: 'delete-snapshot', args: { snapshot: 'snap' } },
    prepare: async (bench) => ({ snapshot: 'snap', volume: 'vol', serial: await prepareVolume(bench) }),
    verify: async (bench) => {
      expect((await bench.objects()).snapshots).to.deep.equal({ snap: smallBytes });
    },
  },
  {
    ...{ method: 'delete-snapshot', step: 'unsnap' },
    prepare: async (bench) => ({ snapshot: 'snap', serial: (await prepareSnapshot(bench)).snapshotSerial }),
    verify: async (bench) => {
      const { snapshots, volumes } = await bench.objects();
      expect({ snapshots, volumes }).to.deep.equal({ snapshots: {}, volumes: { vol: smallBytes } });
    },
  },
  {
    ...{ method: 'revert-volume', step: 'back' },
    prepare: async (bench) => {
      const { serial, snapshotSerial } = await prepareSnapshot(bench);
      await exportTo(bench, 'out', [first]);
      await bench.write('vol', otherText);
      return { volume: 'vol', serial, snapshot: 'snap', snapshot_serial: snapshotSerial };
    },
    verify: async (bench) => {
      expect(await bench.read('vol', text)).to.equal(text);
      const { exports } = await bench.objects();
      expect(exports).to.deep.equal({ vol: [first] });
    },
  },
  {
    ...{ method: 'delete-volume', step: 'del' },
    prepare: async (bench) => ({ volume: 'vol', serial: await prepareVolume(bench) }),
    verify: async (bench) => {
      expect((await bench.objects()).volumes).to.deep.equal({});
    },
  },
  {
    ...{ method: 'export-volume', step: 'export' },
    undo: { method: 'unexport-volume', args: { volume: 'vol' } },
    prepare: async (bench) => {
      const serial = await prepareVolume(bench);
      await exportTo(bench, 'export-before', [first]);
      return { volume: 'vol', serial, initiators: [first, second] };
    },
    verify: async (bench) => {
      expect((await bench.objects()).exports).to.deep.equal({ vol: [first, second] });
    },
  },
  {
    ...{ method: 'unexport-volume', step: 'unexport' },
    prepare: async (bench) => {
      await prepareVolume(bench);
      await exportTo(bench, 'export-one', [first]);
      await exportTo(bench, 'export-two', [first, second]);
      return { volume: 'vol', initiators: [first] };
    },
    verify: async (bench) => {
      expect((await bench.objects()).exports).to.deep.equal({ vol: [second] });
    },
  },
];

/** Of each method. */
export function scenarios(): readonly Scenario[] {
  return all;
}
