/** Volumes, snapshots and clones: sizes, owners, identity, capacity. */
import { expect } from 'chai';
import type { JsonObject } from '../../../src/controller.js';
import { callOf, initiatorName, mebibyte, undoOf } from '../../plugins/linux/support.js';
import { again, hugeBytes, makeVolume, must, refused, settle, smallBytes, type Check } from '../bench.js';

const args = { volume: 'vol', size_bytes: smallBytes };

const all: readonly Check[] = [
  {
    name: 'create-volume: it has the size that was asked for, its own serial, and says both',
    run: async (bench) => {
      const output = await must(bench, callOf('make'), 'create-volume', args);
      expect(output).to.include({ volume: 'vol', size_bytes: smallBytes, thick: false });
      expect((await bench.objects()).volumes).to.deep.equal({ vol: smallBytes });
      const found = await must(bench, callOf('look'), 'get-volume', { volume: 'vol' });
      expect(found['found']).to.include({ serial: output['serial'], size_bytes: smallBytes, foreign: false });
      const other = await must(bench, callOf('make-thick'), 'create-volume', {
        ...args,
        volume: 'thick',
        thick: true,
      });
      expect(other).to.include({ thick: true });
      expect(other['serial']).not.to.equal(output['serial']);
    },
  },
  {
    name: 'create-volume: with the same key and another size, pool or kind it is refused',
    run: async (bench) => {
      await makeVolume(bench, callOf('make'), 'vol');
      const next = again(callOf('make'));
      await refused(bench, next, ['create-volume', { ...args, size_bytes: 2 * smallBytes }], 'ObjectDiffers');
      await refused(bench, again(next), ['create-volume', { ...args, thick: true }], 'ObjectDiffers');
      await refused(bench, again(next), ['create-volume', { ...args, pool: 'none' }], 'PoolNotFound');
    },
  },
  {
    name: 'create-volume: what has another size than it was given is not taken for done',
    run: async (bench) => {
      await makeVolume(bench, callOf('make'), 'vol');
      await bench.setSize('vol', smallBytes + mebibyte);
      await refused(bench, again(callOf('make')), ['create-volume', args], 'ObjectDiffers');
    },
  },
  {
    name: 'create-volume: a name that another step has is refused, whoever is first of many',
    run: async (bench) => {
      const steps = ['a', 'b', 'c', 'd', 'e', 'f'];
      const results = await Promise.all(
        steps.map(async (step) => await settle(bench, callOf(step), 'create-volume', args)),
      );
      const said = results.map((result) => (result.kind === 'failed' ? result.reason : result.kind));
      expect(said.filter((one) => one === 'done')).to.have.length(1);
      expect(said.filter((one) => one === 'VolumeExists')).to.have.length(steps.length - 1);
      expect((await bench.objects()).volumes).to.deep.equal({ vol: smallBytes });
    },
  },
  {
    name: 'foreign objects: what no workflow made is neither taken, changed nor deleted',
    run: async (bench) => {
      await bench.addForeign('volume', 'vol');
      await makeVolume(bench, callOf('make-source'), 'source');
      const foreign = (await bench.objects()).volumes;
      const calls: [string, JsonObject][] = [
        ['create-volume', args],
        ['clone-volume', { volume: 'vol', source_volume: 'source' }],
        ['clone-volume', { volume: 'copy', source_volume: 'vol' }],
        ['delete-volume', { volume: 'vol', serial: 'any' }],
        ['expand-volume', { volume: 'vol', size_bytes: 8 * smallBytes }],
        ['create-snapshot', { snapshot: 'snap', volume: 'vol' }],
        ['export-volume', { volume: 'vol', initiators: [initiatorName('one')] }],
      ];
      for (const [index, call] of calls.entries()) {
        await refused(bench, callOf(`step-${index}`), call, 'ForeignObject');
      }
      for (const step of ['step-0', 'step-1'])
        await must(bench, undoOf(step), 'delete-volume', { volume: 'vol' });
      expect((await bench.objects()).volumes).to.deep.equal(foreign);
      const list = await must(bench, callOf('look'), 'list-volumes', {});
      expect(list['volumes']).to.satisfy((all: { volume: string; foreign: boolean }[]) =>
        all.some(({ volume, foreign: isForeign }) => volume === 'vol' && isForeign),
      );
    },
  },
  {
    name: 'foreign objects: a snapshot that no workflow made is neither taken nor deleted',
    run: async (bench) => {
      await makeVolume(bench, callOf('make'), 'vol');
      await bench.addForeign('snapshot', 'snap');
      await refused(
        bench,
        callOf('snap'),
        ['create-snapshot', { snapshot: 'snap', volume: 'vol' }],
        'ForeignObject',
      );
      await refused(
        bench,
        callOf('unsnap'),
        ['delete-snapshot', { snapshot: 'snap', serial: 'any' }],
        'ForeignObject',
      );
      const before = await bench.objects();
      await must(bench, undoOf('snap'), 'delete-snapshot', { snapshot: 'snap' });
      expect(await bench.objects()).to.deep.equal(before);
    },
  },
  {
    name: 'deletes: without a serial refused, with another one done and nothing touched, as with nothing there',
    run: async (bench) => {
      const former = await makeVolume(bench, callOf('make'), 'vol');
      const snapshot = await must(bench, callOf('snap'), 'create-snapshot', {
        snapshot: 'snap',
        volume: 'vol',
      });
      await refused(bench, callOf('del'), ['delete-volume', { volume: 'vol' }], 'InvalidArguments');
      await refused(bench, callOf('del'), ['delete-snapshot', { snapshot: 'snap' }], 'InvalidArguments');
      await refused(
        bench,
        callOf('del'),
        ['revert-volume', { volume: 'vol', snapshot: 'snap' }],
        'InvalidArguments',
      );
      await refused(
        bench,
        callOf('del'),
        ['delete-volume', { volume: 'vol', serial: former }],
        'VolumeInUse',
      );
      await must(bench, callOf('unsnap'), 'delete-snapshot', {
        snapshot: 'snap',
        serial: snapshot['serial']!,
      });
      await must(bench, callOf('del'), 'delete-volume', { volume: 'vol', serial: former });
      // Another volume has the name by now: it is not what the late delete means.
      const next = await makeVolume(bench, callOf('make-again'), 'vol');
      expect(next).not.to.equal(former);
      const before = await bench.objects();
      await must(bench, callOf('del-late'), 'delete-volume', { volume: 'vol', serial: former });
      await must(bench, callOf('unsnap-late'), 'delete-snapshot', {
        snapshot: 'snap',
        serial: snapshot['serial']!,
      });
      await must(bench, undoOf('make'), 'delete-volume', { volume: 'vol', serial: former });
      expect(await bench.objects()).to.deep.equal(before);
    },
  },
  {
    name: 'identity: what has the name and not the serial is not expanded, exported, copied or reverted',
    run: async (bench) => {
      const serial = await makeVolume(bench, callOf('make'), 'vol');
      await makeVolume(bench, callOf('make-other'), 'other');
      await must(bench, callOf('snap'), 'create-snapshot', { snapshot: 'snap', volume: 'other' });
      const wrong = { volume: 'vol', serial: 'another' };
      const calls: [string, JsonObject][] = [
        ['expand-volume', { ...wrong, size_bytes: 2 * smallBytes }],
        ['export-volume', { ...wrong, initiators: [initiatorName('one')] }],
        ['create-snapshot', { ...wrong, snapshot: 'new' }],
        ['clone-volume', { volume: 'copy', source_volume: 'vol', source_serial: 'another' }],
        ['clone-volume', { volume: 'copy', source_snapshot: 'snap', source_serial: 'another' }],
        ['revert-volume', { ...wrong, snapshot: 'snap' }],
        // The snapshot is of another volume.
        ['revert-volume', { volume: 'vol', serial, snapshot: 'snap' }],
      ];
      for (const [index, call] of calls.entries()) {
        await refused(bench, callOf(`step-${index}`), call, 'IdentityMismatch');
      }
    },
  },
  {
    name: 'what is not there is said to be not there',
    run: async (bench) => {
      const serial = await makeVolume(bench, callOf('make'), 'vol');
      const none = { volume: 'none' };
      await refused(
        bench,
        callOf('a'),
        ['expand-volume', { ...none, size_bytes: smallBytes }],
        'VolumeNotFound',
      );
      await refused(bench, callOf('b'), ['create-snapshot', { ...none, snapshot: 's' }], 'VolumeNotFound');
      await refused(
        bench,
        callOf('c'),
        ['clone-volume', { volume: 'copy', source_volume: 'none' }],
        'VolumeNotFound',
      );
      const fromNone = { volume: 'copy', source_snapshot: 'none' };
      await refused(bench, callOf('d'), ['clone-volume', fromNone], 'SnapshotNotFound');
      await refused(
        bench,
        callOf('e'),
        ['revert-volume', { volume: 'vol', serial, snapshot: 'none' }],
        'SnapshotNotFound',
      );
      await refused(
        bench,
        callOf('f'),
        ['export-volume', { ...none, initiators: [initiatorName('one')] }],
        'VolumeNotFound',
      );
      expect(await must(bench, callOf('g'), 'get-volume', none)).to.deep.equal({});
      expect(await must(bench, callOf('g'), 'get-snapshot', { snapshot: 'none' })).to.deep.equal({});
    },
  },
  {
    name: 'sizes: a volume only grows, a clone is not smaller than its source, and sizes are whole blocks',
    run: async (bench) => {
      await makeVolume(bench, callOf('make'), 'vol');
      await refused(
        bench,
        callOf('a'),
        ['expand-volume', { volume: 'vol', size_bytes: mebibyte }],
        'InvalidSize',
      );
      const copy = { volume: 'copy', source_volume: 'vol', size_bytes: mebibyte };
      await refused(bench, callOf('b'), ['clone-volume', copy], 'InvalidSize');
      for (const bytes of [smallBytes + 1, 0, -smallBytes, 1.5]) {
        await refused(
          bench,
          callOf('c'),
          ['create-volume', { volume: 'odd', size_bytes: bytes }],
          'InvalidSize',
        );
      }
      for (const volume of ['../vol', 'Vol', '', 'a'.repeat(64), 'vol\n']) {
        await refused(
          bench,
          callOf('d'),
          ['create-volume', { volume, size_bytes: smallBytes }],
          'InvalidArguments',
        );
      }
    },
  },
  {
    name: 'growths are undone from the last to the first, and not when data would be lost',
    run: async (bench) => {
      await makeVolume(bench, callOf('make'), 'vol');
      await must(bench, callOf('grow-a'), 'expand-volume', { volume: 'vol', size_bytes: 2 * smallBytes });
      await must(bench, callOf('grow-b'), 'expand-volume', { volume: 'vol', size_bytes: 3 * smallBytes });
      await refused(bench, undoOf('grow-a'), ['restore-volume-size', { volume: 'vol' }], 'VolumeGrownSince');
      await refused(bench, callOf('step'), ['restore-volume-size', { volume: 'vol' }], 'UndoOnly');
      await must(bench, undoOf('grow-b'), 'restore-volume-size', { volume: 'vol' });
      await must(bench, undoOf('grow-a'), 'restore-volume-size', { volume: 'vol' });
      expect((await bench.objects()).volumes).to.deep.equal({ vol: smallBytes });
    },
  },
  {
    name: 'capacity: what does not fit is refused with its own reason, and nothing is left of it',
    run: async (bench) => {
      await makeVolume(bench, callOf('make'), 'vol');
      await refused(
        bench,
        callOf('a'),
        ['create-volume', { volume: 'huge', size_bytes: hugeBytes }],
        'CapacityExceeded',
      );
      const copy = { volume: 'huge', source_volume: 'vol', size_bytes: hugeBytes };
      await refused(bench, callOf('b'), ['clone-volume', copy], 'CapacityExceeded');
      await refused(
        bench,
        callOf('c'),
        ['expand-volume', { volume: 'vol', size_bytes: hugeBytes }],
        'CapacityExceeded',
      );
      expect((await bench.objects()).volumes).to.deep.equal({ vol: smallBytes });
      // What was refused is undone as if it had not been.
      await must(bench, undoOf('a'), 'delete-volume', { volume: 'huge' });
      await must(bench, undoOf('c'), 'restore-volume-size', { volume: 'vol' });
      await must(bench, callOf('d'), 'create-volume', { volume: 'huge', size_bytes: smallBytes });
    },
  },
];

/** See the file's head. */
export function objectChecks(): readonly Check[] {
  return all;
}
