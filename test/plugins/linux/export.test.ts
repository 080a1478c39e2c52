/** Exports at a real tgtd, seen by real initiators, with real bytes. */
import { expect } from 'chai';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '../../../plugins/linux/child-process.js';
import { alice, bob, exportTo, useExportBench } from './export-bench.js';
import { callOf, contextOf, createBench, errorOf, initiatorName, mebibyte, undoOf } from './support.js';

describe('linux: exports', function () {
  this.timeout(20_000);
  const on = useExportBench();

  it('lets an initiator write and read the bytes of the file, under the volume’s identity', async () => {
    const output = await on.bench.must(callOf('export'), 'export-volume', exportTo('one'));
    const record = JSON.parse(await readFile(join(on.bench.rootDir, 'volumes', 'a.json'), 'utf8')) as {
      serial: string;
    };
    expect(output).to.deep.equal({
      targets: [{ name: on.bench.targetOf('a'), address: on.bench.system.tgtd.portal }],
      protocol: 'iscsi',
      volume: 'a',
      lun: 1,
      initiators: [initiatorName('one')],
      serial: record.serial,
    });
    const one = on.bench.initiator('one');
    expect(await one.discover()).to.deep.equal([on.bench.targetOf('a')]);
    expect(await one.capacity(on.unit)).to.equal(8 * mebibyte);
    expect(await one.identify(on.unit)).to.deep.equal({
      ...{ vendor: 'STEPLOCK', product: 'VOLUME', serial: record.serial },
    });
    await one.io(on.unit, 'write -P 0xab 1M 64k', 'flush', 'read -P 0xab 1M 64k');
    const bytes = await readFile(join(on.bench.rootDir, 'volumes', 'a.img'));
    expect(bytes.subarray(mebibyte, mebibyte + 65_536).every((byte) => byte === 0xab)).to.equal(true);
    expect(bytes[mebibyte + 65_536]).to.equal(0);
    // The reader of other bytes fails, or the line above would prove nothing.
    expect(await errorOf(one.io(on.unit, 'read -P 0xcd 1M 64k'))).to.contain('verification failed');
  });

  it('gives back the space of what an initiator discards', async () => {
    await on.bench.must(callOf('export'), 'export-volume', exportTo('one'));
    const blocks = async (): Promise<number> =>
      (await stat(join(on.bench.rootDir, 'volumes', 'a.img'))).blocks;
    await on.bench.initiator('one').io(on.unit, 'write -P 1 0 4M', 'flush');
    expect(await blocks()).to.be.at.least((4 * mebibyte) / 512);
    await on.bench.initiator('one').io(on.unit, 'discard 0 4M', 'flush');
    expect(await blocks()).to.be.below(mebibyte / 512);
  });

  it('shows nothing to an initiator that was not named, and lets it in nowhere', async () => {
    await on.bench.must(callOf('export'), 'export-volume', exportTo('one'));
    const stranger = on.bench.initiator('stranger');
    expect(await stranger.discover()).to.deep.equal([]);
    expect(await errorOf(stranger.open(on.unit))).to.contain('Target not found');
  });

  it('asks for the CHAP secret and refuses a wrong one or none', async () => {
    await on.bench.must(callOf('export'), 'export-volume', exportTo('one', alice));
    await on.bench.initiator('one', alice).io(on.unit, 'write -P 7 0 4k', 'read -P 7 0 4k');
    for (const chap of [undefined, { ...alice, secret: 'open-sesame-bob-2' }, bob]) {
      expect(await errorOf(on.bench.initiator('one', chap).open(on.unit))).to.contain(
        'Authentication failure',
      );
    }
  });

  it('says the same again, and changes nothing again', async () => {
    const args = exportTo('one', alice);
    const output = await on.bench.must(callOf('export'), 'export-volume', args);
    const before = await on.everything();
    const session = await on.bench.initiator('one', alice).open(on.unit);
    expect(await on.bench.must(callOf('export', { attempt: 2 }), 'export-volume', args)).to.deep.equal(
      output,
    );
    expect(await on.bench.probe(callOf('export'), 'export-volume', args)).to.deep.equal({
      kind: 'done',
      output,
    });
    await session.command('write -P 9 0 4k');
    await session.close();
    expect(await on.everything()).to.equal(before);
  });

  it('is undone without leaving anything, also twice, and with a session open', async () => {
    await on.bench.must(callOf('export'), 'export-volume', exportTo('one', alice));
    const session = await on.bench.initiator('one', alice).open(on.unit);
    for (const state of ['succeeded', 'unknown'] as const) {
      const output = await on.bench.must(undoOf('export', { state }), 'unexport-volume', { volume: 'a' });
      expect(output).to.deep.equal({ volume: 'a', remaining_initiators: [] });
      expect(await on.tgtd.client.show()).to.deep.equal({ targets: [], accounts: [] });
      expect(await on.bench.files()).to.deep.equal(['a.img', 'a.json']);
    }
    expect(await on.bench.probe(undoOf('export'), 'unexport-volume', { volume: 'a' })).to.include({
      kind: 'done',
    });
    expect(await on.bench.probe(callOf('export'), 'export-volume', exportTo('one', alice))).to.deep.equal({
      ...{ kind: 'not-done', effect: 'none' },
    });
    // Its session is gone, and it tries in vain to come back: only killing ends it.
    session.abandon();
  });

  it('undone before it was ever done, is done', async () => {
    expect(await on.bench.must(undoOf('export'), 'unexport-volume', { volume: 'a' })).to.deep.equal({
      ...{ volume: 'a', remaining_initiators: [] },
    });
    await on.bench.must(undoOf('export'), 'unexport-volume', { volume: 'never-made' });
  });

  it('never writes a secret to a file, an answer, a log or a command line', async () => {
    const lines: string[] = [];
    const write = (fields: object, message: string): void => {
      lines.push(JSON.stringify(fields) + message);
    };
    const log = { debug: write, info: write, warn: write, error: write, child: () => log };
    const commands: string[] = [];
    const controller = on.bench.controllerWith({
      run: async (command, args, options) => {
        commands.push([command, ...args].join(' '));
        return await runChild(command, args, options);
      },
    });
    const results = [
      await controller.execute(contextOf(callOf('export'), { log }), 'export-volume', exportTo('one', alice)),
      await controller.execute(contextOf(callOf('other'), { log }), 'export-volume', exportTo('one')),
      await controller.probe(contextOf(callOf('export'), { log }), 'export-volume', exportTo('one', alice)),
    ];
    expect(commands).not.to.deep.equal([]);
    const texts = [...lines, ...commands, ...results.map((result) => JSON.stringify(result))];
    const names = await readdir(on.bench.rootDir, { recursive: true, withFileTypes: true });
    for (const entry of names.filter((one) => one.isFile() && !one.name.endsWith('.img'))) {
      texts.push(await readFile(join(entry.parentPath, entry.name), 'utf8'));
    }
    for (const text of texts) expect(text).not.to.contain(alice.secret);
    expect(texts.join('\n')).to.contain('alice');
  });

  it('says that tgtd does not run, and that trying again may help', async () => {
    const alone = await createBench();
    await alone.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte });
    const result = await alone.execute(callOf('export'), 'export-volume', exportTo('one'));
    expect(result).to.include({ kind: 'failed', reason: 'TgtdUnavailable', retryable: true, effect: 'none' });
    await alone.must(callOf('del'), 'delete-volume', { volume: 'a' });
    await alone.remove();
  });

  it('survives a foreign file of the target’s name in its own directory', async () => {
    // What is neither record nor image is nobody's business.
    await writeFile(join(on.bench.rootDir, 'volumes', 'notes.txt'), 'by hand');
    await on.bench.must(callOf('export'), 'export-volume', exportTo('one'));
    await on.bench.must(undoOf('export'), 'unexport-volume', { volume: 'a' });
    expect(await on.bench.files()).to.deep.equal(['a.img', 'a.json', 'notes.txt']);
  });
});
