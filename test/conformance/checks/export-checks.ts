/** Exports as sets of initiators, and what the system says of itself. */
import { expect } from 'chai';
import type { JsonObject } from '../../../src/controller.js';
import { callOf, contextOf, initiatorName, undoOf } from '../../plugins/linux/support.js';
import { again, makeVolume, must, refused, smallBytes, type Bench, type Check } from '../bench.js';

const [one, two, three, four] = ['one', 'two', 'three', 'four'].map(initiatorName) as [
  string,
  string,
  string,
  string,
];
const sorted = (...names: string[]): string[] => [...names].sort();

const letIn = async (bench: Bench, step: string, volume: string, initiators: string[]): Promise<JsonObject> =>
  await must(bench, callOf(step), 'export-volume', { volume, initiators });
const expectExports = async (bench: Bench, wanted: Record<string, string[]>): Promise<void> => {
  expect((await bench.objects()).exports).to.deep.equal(wanted);
};

const all: readonly Check[] = [
  {
    name: 'exports: steps add initiators, take away those that they name, and undo their own, on one volume of several',
    run: async (bench) => {
      for (const volume of ['vol', 'other']) await makeVolume(bench, callOf(`make-${volume}`), volume);
      const output = await letIn(bench, 'a', 'vol', [one, two]);
      expect(output).to.include({ volume: 'vol', protocol: 'iscsi' });
      expect(output['targets']).to.have.nested.property('[0].name');
      await letIn(bench, 'b', 'vol', [two, three]);
      await letIn(bench, 'c', 'other', [one, four]);
      await expectExports(bench, { vol: sorted(one, two, three), other: sorted(one, four) });
      await must(bench, undoOf('a'), 'unexport-volume', { volume: 'vol' });
      await expectExports(bench, { vol: sorted(two, three), other: sorted(one, four) });
      // Who is not let in is kept out already.
      const left = await must(bench, callOf('d'), 'unexport-volume', {
        volume: 'vol',
        initiators: [three, four],
      });
      expect(left).to.deep.equal({ volume: 'vol', remaining_initiators: [two] });
      await expectExports(bench, { vol: [two], other: sorted(one, four) });
      await letIn(bench, 'e', 'vol', [four]);
      await must(bench, callOf('f'), 'unexport-volume', { volume: 'vol' });
      await expectExports(bench, { other: sorted(one, four) });
      await must(bench, undoOf('b'), 'unexport-volume', { volume: 'vol' });
      await expectExports(bench, { other: sorted(one, four) });
    },
  },
  {
    name: 'exports: with other initiators under the same key refused; without CHAP beside with CHAP refused',
    run: async (bench) => {
      await makeVolume(bench, callOf('make'), 'vol');
      await letIn(bench, 'a', 'vol', [one]);
      const next = again(callOf('a'));
      await refused(bench, next, ['export-volume', { volume: 'vol', initiators: [two] }], 'ObjectDiffers');
      const chap = { username: 'conformance', secret: 'a-secret-of-some-length' };
      const args = { volume: 'vol', initiators: [two], chap };
      await refused(bench, callOf('b'), ['export-volume', args], 'AuthenticationMismatch');
      const short = { ...args, chap: { ...chap, secret: 'too-short' } };
      const result = await bench.port.execute(contextOf(callOf('c')), 'export-volume', short);
      expect(result).to.include({ kind: 'failed', reason: 'InvalidArguments' });
      expect(JSON.stringify(result)).not.to.contain('too-short');
    },
  },
  {
    name: 'exports: initiators of another protocol, and what is no initiator, are refused',
    run: async (bench) => {
      await makeVolume(bench, callOf('make'), 'vol');
      const to = (name: string): JsonObject => ({ volume: 'vol', initiators: [name] });
      await refused(bench, callOf('a'), ['export-volume', to('10000090fa123456')], 'InitiatorUnsupported');
      for (const name of ['host', '192.0.2.1', 'IQN.2026-11.com.example:one', 'ALL']) {
        await refused(bench, callOf('b'), ['export-volume', to(name)], 'InvalidArguments');
      }
    },
  },
  {
    name: 'exports: a volume in use is not deleted, and grows and is copied without anybody losing it',
    run: async (bench) => {
      const serial = await makeVolume(bench, callOf('make'), 'vol');
      await letIn(bench, 'a', 'vol', [one]);
      await refused(bench, callOf('del'), ['delete-volume', { volume: 'vol', serial }], 'VolumeInUse');
      await must(bench, callOf('grow'), 'expand-volume', { volume: 'vol', size_bytes: 2 * smallBytes });
      await must(bench, callOf('snap'), 'create-snapshot', { snapshot: 'snap', volume: 'vol' });
      await must(bench, callOf('clone'), 'clone-volume', { volume: 'copy', source_volume: 'vol' });
      await expectExports(bench, { vol: [one] });
    },
  },
  {
    name: 'discovery: tells pools, ports and capabilities that hold, and lists in pages all that is there',
    run: async (bench) => {
      const before = await must(bench, callOf('look'), 'discover', {});
      for (const volume of ['vol-a', 'vol-b', 'vol-c'])
        await makeVolume(bench, callOf(`make-${volume}`), volume);
      await must(bench, callOf('snap'), 'create-snapshot', { snapshot: 'snap', volume: 'vol-b' });
      await letIn(bench, 'a', 'vol-b', [one]);
      const after = await must(bench, callOf('look'), 'discover', {});
      const promised = ({ pools }: JsonObject): number =>
        (pools as { provisioned_bytes: number }[]).reduce((sum, pool) => sum + pool.provisioned_bytes, 0);
      expect(promised(after) - promised(before)).to.equal(4 * smallBytes);
      expect(after['ports']).to.have.nested.property('[0].online', true);
      expect(after['capabilities']).to.include({ thin: true, revert: true, online_expand: true });
      const names: string[] = [];
      let after_: JsonObject = {};
      for (let page = 0; page < 3; page++) {
        const list = await must(bench, callOf('look'), 'list-volumes', { limit: 1, ...after_ });
        names.push(...(list['volumes'] as { volume: string }[]).map(({ volume }) => volume));
        after_ = list['next'] === undefined ? {} : { after: list['next'] };
        expect(list['next'] === undefined).to.equal(page === 2);
      }
      expect(names).to.deep.equal(['vol-a', 'vol-b', 'vol-c']);
      const found = await must(bench, callOf('look'), 'get-volume', { volume: 'vol-b' });
      expect(found).to.have.nested.property('found.initiators[0]', one);
      expect(found).to.have.nested.property('found.made_by', 'wf-make-vol-b/make-vol-b');
      const snapshots = await must(bench, callOf('look'), 'list-snapshots', {});
      expect(snapshots).to.have.nested.property('snapshots[0].volume', 'vol-b');
    },
  },
  {
    name: 'a system that is not served is refused by name',
    run: async (bench) => {
      const elsewhere = callOf('a', { system: 'elsewhere' });
      await refused(
        bench,
        elsewhere,
        ['create-volume', { volume: 'vol', size_bytes: smallBytes }],
        'SystemUnknown',
      );
      await refused(bench, elsewhere, ['discover', {}], 'SystemUnknown');
    },
  },
];

/** See the file's head. */
export function exportChecks(): readonly Check[] {
  return all;
}
