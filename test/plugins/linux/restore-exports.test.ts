/** A tgtd that was killed and started again, and so knows nothing any more. */
import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { restoreExports } from '../../../plugins/linux/index.js';
import { startTgtd, type RunningTgtd } from '../../../plugins/linux/tgtd.js';
import type { JsonObject } from '../../../src/controller.js';
import {
  callOf,
  contextOf,
  createBench,
  errorOf,
  initiatorName,
  mebibyte,
  startTestTgtd,
  undoOf,
  type Bench,
} from './support.js';

const alice = { username: 'alice', secret: 'open-sesame-alice' };

describe('linux: `restoreExports()`', function () {
  this.timeout(20_000);
  let first: RunningTgtd;
  let second: RunningTgtd | undefined;
  let bench: Bench;
  let directory: string;
  beforeEach(async () => {
    first = await startTestTgtd();
    directory = await mkdtemp(join(tmpdir(), 'steplock-linux-key-'));
    await writeFile(join(directory, 'key'), 'ab'.repeat(32), { mode: 0o600 });
  });
  afterEach(async () => {
    await second?.stop();
    await first.stop();
    second = undefined;
    await bench.remove();
    await rm(directory, { recursive: true });
  });

  const exportTo = (volume: string, host: string, chap?: JsonObject): JsonObject => ({
    ...{ volume, initiators: [initiatorName(host)] },
    ...(chap === undefined ? {} : { chap }),
  });
  const make = async (volume: string, host: string, chap?: JsonObject): Promise<JsonObject> => {
    await bench.must(callOf(`make-${volume}`), 'create-volume', { volume, size_bytes: 2 * mebibyte });
    return await bench.must(callOf(`export-${volume}`), 'export-volume', exportTo(volume, host, chap));
  };
  const unit = (volume: string): { target: string; lun: number } => ({
    target: bench.targetOf(volume),
    lun: 1,
  });
  const restart = async (): Promise<RunningTgtd> => {
    const { controlPort, portal, ipcPath } = first;
    await first.kill();
    second = await startTgtd({ controlPort, portal, ipcPath, diesWithParent: true });
    return second;
  };

  it('makes all exports again, and a session that was open goes on', async () => {
    bench = await createBench(first, { chapKeyFile: join(directory, 'key') });
    const output = await make('a', 'one');
    await make('b', 'one', alice);
    const session = await bench.initiator('one').open(unit('a'));
    await session.command('write -P 0x42 0 1M');
    expect(await restoreExports(bench.system)).to.deep.equal({
      restored: [],
      intact: ['a', 'b'],
      skipped: [],
    });

    await restart();
    expect(await bench.probe(callOf('export-a'), 'export-volume', exportTo('a', 'one'))).to.deep.equal({
      ...{ kind: 'not-done', effect: 'some' },
    });
    expect(await restoreExports(bench.system)).to.deep.equal({
      restored: ['a', 'b'],
      intact: [],
      skipped: [],
    });
    expect(await restoreExports(bench.system)).to.deep.equal({
      restored: [],
      intact: ['a', 'b'],
      skipped: [],
    });
    await session.command('read -P 0x42 0 1M');
    await session.close();
    await bench.initiator('one', alice).io(unit('b'), 'write -P 1 0 4k', 'read -P 1 0 4k');
    expect(await errorOf(bench.initiator('one').open(unit('b')))).to.contain('Authentication failure');
    expect(await bench.probe(callOf('export-a'), 'export-volume', exportTo('a', 'one'))).to.deep.equal({
      ...{ kind: 'done', output },
    });
    for (const volume of ['a', 'b'])
      await bench.must(undoOf(`export-${volume}`), 'unexport-volume', { volume });
    expect(await second?.client.show()).to.deep.equal({ targets: [], accounts: [] });
  });

  it('without a key leaves CHAP exports out and says so; their step brings them back', async () => {
    bench = await createBench(first);
    await make('a', 'one');
    await make('b', 'one', alice);
    const tgtd = await restart();
    const report = await restoreExports(bench.system);
    expect(report).to.deep.include({ restored: ['a'], intact: [] });
    expect(report.skipped).to.have.length(1);
    expect(report.skipped[0]).to.include({ volume: 'b' });
    expect(report.skipped[0]?.reason).to.contain('alice').and.contain('run the export again');
    // Above all it is not served without a secret.
    expect((await tgtd.client.show()).targets.map(({ name }) => name)).to.deep.equal([bench.targetOf('a')]);
    await bench.must(callOf('export-b', { attempt: 2 }), 'export-volume', exportTo('b', 'one', alice));
    await bench.initiator('one', alice).io(unit('b'), 'read -P 0 0 4k');
    expect(await restoreExports(bench.system)).to.deep.equal({
      restored: [],
      intact: ['a', 'b'],
      skipped: [],
    });
  });

  it('keeps secrets sealed where it keeps them', async () => {
    bench = await createBench(first, { chapKeyFile: join(directory, 'key') });
    await make('b', 'one', alice);
    const { readdir } = await import('node:fs/promises');
    const [name = ''] = await readdir(join(bench.rootDir, 'accounts'));
    const text = await readFile(join(bench.rootDir, 'accounts', name), 'utf8');
    expect(text).to.contain('alice').and.not.to.contain(alice.secret);
    expect(text).not.to.contain(Buffer.from(alice.secret).toString('base64'));
    expect((JSON.parse(text) as { sealed: string }).sealed).not.to.equal('');
  });

  it('leaves a target alone that somebody made under the name meanwhile', async () => {
    bench = await createBench(first);
    await make('a', 'one');
    const tgtd = await restart();
    const parameters = `targetname=${bench.targetOf('a')}`;
    await tgtd.client.request({ mode: 'target', operation: 'new', tid: 3, parameters });
    const before = await tgtd.client.show();
    const report = await restoreExports(bench.system);
    expect(report.skipped[0]?.reason).to.contain('made by somebody else');
    await bench.must(undoOf('export-a'), 'unexport-volume', { volume: 'a' });
    expect(await tgtd.client.show()).to.deep.equal(before);
    await bench.must(callOf('del'), 'delete-volume', { volume: 'a' });
  });

  it('does not take an account for its own that somebody made under the name meanwhile', async () => {
    bench = await createBench(first, { chapKeyFile: join(directory, 'key') });
    await make('b', 'one', alice);
    const tgtd = await restart();
    await tgtd.client.request({
      mode: 'account',
      operation: 'new',
      parameters: 'user=alice,password=somebody-elses',
    });
    expect((await restoreExports(bench.system)).skipped[0]?.reason).to.contain('alice');
    await bench.must(undoOf('export-b'), 'unexport-volume', { volume: 'b' });
    expect(await tgtd.client.show()).to.deep.equal({ targets: [], accounts: ['alice'] });
  });

  it('leaves what a step has begun to that step', async () => {
    bench = await createBench(first);
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte });
    const dying = bench.controllerWith({
      faultPoint: (point) => {
        if (point === 'export-volume:lun-made') throw new Error('the power went');
      },
    });
    const call = dying.execute(contextOf(callOf('export')), 'export-volume', exportTo('a', 'one'));
    expect(await errorOf(call)).to.contain('power');
    const tgtd = await restart();
    expect(await restoreExports(bench.system)).to.deep.equal({ restored: [], intact: [], skipped: [] });
    expect((await tgtd.client.show()).targets).to.deep.equal([]);
    await bench.must(callOf('export', { attempt: 2 }), 'export-volume', exportTo('a', 'one'));
    await bench.initiator('one').io(unit('a'), 'read -P 0 0 4k');
  });

  it('serves the size that a volume got while tgtd did not run', async () => {
    bench = await createBench(first);
    await make('a', 'one');
    await restart();
    await bench.must(callOf('grow'), 'expand-volume', { volume: 'a', size_bytes: 8 * mebibyte });
    await restoreExports(bench.system);
    expect(await bench.initiator('one').capacity(unit('a'))).to.equal(8 * mebibyte);
  });
});
