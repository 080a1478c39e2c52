/** What snapshots, clones and reverts do to bytes. */
import { expect } from 'chai';
import { callOf } from '../../plugins/linux/support.js';
import { again, makeVolume, must, smallBytes, type Check } from '../bench.js';

const all: readonly Check[] = [
  {
    name: 'a snapshot keeps the bytes, a clone and a revert give them back, and a repeated revert takes nothing away',
    run: async (bench) => {
      const serial = await makeVolume(bench, callOf('make'), 'vol');
      await bench.write('vol', 'old bytes');
      await must(bench, callOf('snap'), 'create-snapshot', { snapshot: 'snap', volume: 'vol' });
      await bench.write('vol', 'new bytes');
      await must(bench, callOf('clone-a'), 'clone-volume', { volume: 'from-snap', source_snapshot: 'snap' });
      await must(bench, callOf('clone-b'), 'clone-volume', { volume: 'from-vol', source_volume: 'vol' });
      expect(await bench.read('from-snap', 'old bytes')).to.equal('old bytes');
      expect(await bench.read('from-vol', 'old bytes')).to.equal('new bytes');
      await must(bench, callOf('grow'), 'expand-volume', { volume: 'vol', size_bytes: 2 * smallBytes });
      const back = { volume: 'vol', serial, snapshot: 'snap' };
      const output = await must(bench, callOf('back'), 'revert-volume', back);
      expect(output).to.include({ size_bytes: 2 * smallBytes });
      expect((await bench.objects()).volumes).to.include({ vol: 2 * smallBytes });
      expect(await bench.read('vol', 'old bytes')).to.equal('old bytes');
      await bench.write('vol', 'since then');
      await must(bench, again(callOf('back')), 'revert-volume', back);
      expect(await bench.read('vol', 'since then')).to.equal('since then');
      expect(await bench.read('from-vol', 'old bytes')).to.equal('new bytes');
    },
  },
];

/** See the file's head. */
export function copyChecks(): readonly Check[] {
  return all;
}
