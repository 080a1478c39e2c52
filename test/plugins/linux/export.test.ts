/** Exports at a real tgtd, seen by real initiators, with real bytes. */
import { expect } from 'chai';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../../../src/controller.js';
import type { RunningTgtd } from '../../../plugins/linux/tgtd.js';
import type { Target } from '../../../plugins/linux/tgtd-listing.js';
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
const bob = { username: 'bob', secret: 'open-sesame-bob-2' };

describe('linux: exports', function () {
  this.timeout(20_000);
  let tgtd: RunningTgtd;
  let bench: Bench;
  before(async () => {
    tgtd = await startTestTgtd();
  });
  after(async () => {
    await tgtd.stop();
  });
  beforeEach(async () => {
    bench = await createBench(tgtd);
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: 8 * mebibyte });
  });
  afterEach(async () => {
    const { targets, accounts } = await tgtd.client.show();
    for (const { tid } of targets)
      await tgtd.client.request({ mode: 'target', operation: 'delete', tid, force: true });
    for (const username of accounts) {
      await tgtd.client.request({ mode: 'account', operation: 'delete', parameters: `user=${username}` });
    }
    await bench.remove();
  });

  const exportTo = (host: string, chap?: JsonObject): JsonObject => ({
    volume: 'a',
    initiators: [initiatorName(host)],
    ...(chap === undefined ? {} : { chap }),
  });
  const unit = (): { target: string; lun: number } => ({ target: bench.targetOf('a'), lun: 1 });
  const target = async (): Promise<Target | undefined> =>
    (await tgtd.client.show()).targets.find(({ name }) => name === bench.targetOf('a'));
  const accounts = async (): Promise<readonly string[]> => (await tgtd.client.show()).accounts;
  /** Everything that tgtd has, to be compared. */
  const everything = async (): Promise<string> => JSON.stringify(await tgtd.client.show());

  it('lets an initiator write and read the bytes of the file, under the volume’s identity', async () => {
    const output = await bench.must(callOf('export'), 'export-volume', exportTo('one'));
    const record = JSON.parse(await readFile(join(bench.rootDir, 'volumes', 'a.json'), 'utf8')) as {
      serial: string;
    };
    expect(output).to.deep.equal({
      target_iqn: bench.targetOf('a'),
      portal: tgtd.portal,
      lun: 1,
      initiators: [initiatorName('one')],
      serial: record.serial,
    });
    const one = bench.initiator('one');
    expect(await one.discover()).to.deep.equal([bench.targetOf('a')]);
    expect(await one.capacity(unit())).to.equal(8 * mebibyte);
    expect(await one.identify(unit())).to.deep.equal({
      ...{ vendor: 'STEPLOCK', product: 'VOLUME', serial: record.serial },
    });
    await one.io(unit(), 'write -P 0xab 1M 64k', 'flush', 'read -P 0xab 1M 64k');
    const bytes = await readFile(join(bench.rootDir, 'volumes', 'a.img'));
    expect(bytes.subarray(mebibyte, mebibyte + 65_536).every((byte) => byte === 0xab)).to.equal(true);
    expect(bytes[mebibyte + 65_536]).to.equal(0);
    // The reader of other bytes fails, or the line above would prove nothing.
    expect(await errorOf(one.io(unit(), 'read -P 0xcd 1M 64k'))).to.contain('verification failed');
  });

  it('gives back the space of what an initiator discards', async () => {
    await bench.must(callOf('export'), 'export-volume', exportTo('one'));
    const { stat } = await import('node:fs/promises');
    const blocks = async (): Promise<number> => (await stat(join(bench.rootDir, 'volumes', 'a.img'))).blocks;
    await bench.initiator('one').io(unit(), 'write -P 1 0 4M', 'flush');
    expect(await blocks()).to.be.at.least((4 * mebibyte) / 512);
    await bench.initiator('one').io(unit(), 'discard 0 4M', 'flush');
    expect(await blocks()).to.be.below(mebibyte / 512);
  });

  it('shows nothing to an initiator that was not named, and lets it in nowhere', async () => {
    await bench.must(callOf('export'), 'export-volume', exportTo('one'));
    const stranger = bench.initiator('stranger');
    expect(await stranger.discover()).to.deep.equal([]);
    expect(await errorOf(stranger.open(unit()))).to.contain('Target not found');
  });

  it('asks for the CHAP secret and refuses a wrong one or none', async () => {
    await bench.must(callOf('export'), 'export-volume', exportTo('one', alice));
    await bench.initiator('one', alice).io(unit(), 'write -P 7 0 4k', 'read -P 7 0 4k');
    for (const chap of [undefined, { ...alice, secret: 'open-sesame-bob-2' }, bob]) {
      expect(await errorOf(bench.initiator('one', chap).open(unit()))).to.contain('Authentication failure');
    }
  });

  it('says the same again, and changes nothing again', async () => {
    const args = exportTo('one', alice);
    const output = await bench.must(callOf('export'), 'export-volume', args);
    const before = await everything();
    const session = await bench.initiator('one', alice).open(unit());
    expect(await bench.must(callOf('export', { attempt: 2 }), 'export-volume', args)).to.deep.equal(output);
    expect(await bench.probe(callOf('export'), 'export-volume', args)).to.deep.equal({
      kind: 'done',
      output,
    });
    await session.command('write -P 9 0 4k');
    await session.close();
    expect(await everything()).to.equal(before);
  });

  it('is undone without leaving anything, also twice, and with a session open', async () => {
    await bench.must(callOf('export'), 'export-volume', exportTo('one', alice));
    const session = await bench.initiator('one', alice).open(unit());
    for (const state of ['succeeded', 'unknown'] as const) {
      const output = await bench.must(undoOf('export', { state }), 'unexport-volume', { volume: 'a' });
      expect(output).to.deep.equal({ volume: 'a', remaining_initiators: [] });
      expect(await tgtd.client.show()).to.deep.equal({ targets: [], accounts: [] });
      expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
    }
    expect(await bench.probe(undoOf('export'), 'unexport-volume', { volume: 'a' })).to.include({
      kind: 'done',
    });
    expect(await bench.probe(callOf('export'), 'export-volume', exportTo('one', alice))).to.deep.equal({
      ...{ kind: 'not-done', effect: 'none' },
    });
    // Its session is gone, and it tries in vain to come back: only killing ends it.
    session.abandon();
  });

  it('undone before it was ever done, is done', async () => {
    expect(await bench.must(undoOf('export'), 'unexport-volume', { volume: 'a' })).to.deep.equal({
      ...{ volume: 'a', remaining_initiators: [] },
    });
    await bench.must(undoOf('export'), 'unexport-volume', { volume: 'never-made' });
  });

  describe('to several initiators by several steps', () => {
    for (const [first, second] of [
      ['one', 'two'],
      ['two', 'one'],
    ] as const) {
      it(`stands for ${second} when the step of ${first} is undone`, async () => {
        await bench.must(callOf('export-one'), 'export-volume', exportTo('one'));
        await bench.must(callOf('export-two'), 'export-volume', exportTo('two'));
        const session = await bench.initiator(second).open(unit());
        await bench.must(undoOf(`export-${first}`), 'unexport-volume', { volume: 'a' });
        // Not even the session of the other one noticed.
        await session.command('write -P 3 0 4k');
        await session.close();
        expect((await target())?.acl).to.deep.equal([initiatorName(second)]);
        expect(await bench.initiator(first).discover()).to.deep.equal([]);
        await bench.must(undoOf(`export-${second}`), 'unexport-volume', { volume: 'a' });
        expect(await target()).to.equal(undefined);
      });

      it(`stands with CHAP too, and tgtd with it, when ${first}, who has another account, goes`, async () => {
        const chap = { one: alice, two: bob };
        await bench.must(callOf('export-one'), 'export-volume', exportTo('one', alice));
        await bench.must(callOf('export-two'), 'export-volume', exportTo('two', bob));
        expect((await target())?.accounts).to.deep.equal(['alice', 'bob']);
        await bench.must(undoOf(`export-${first}`), 'unexport-volume', { volume: 'a' });
        // tgtd would crash at this listing if the account had been taken out of the middle of its list.
        expect((await target())?.accounts).to.deep.equal([chap[second].username]);
        expect(await accounts()).to.deep.equal([chap[second].username]);
        await bench.initiator(second, chap[second]).io(unit(), 'write -P 3 0 4k', 'read -P 3 0 4k');
        expect(await errorOf(bench.initiator(second, chap[first]).open(unit()))).to.contain('Authentication');
      });
    }

    it('keeps an initiator that two steps let in until both are undone', async () => {
      await bench.must(callOf('export-1'), 'export-volume', exportTo('one'));
      await bench.must(callOf('export-2'), 'export-volume', {
        volume: 'a',
        initiators: [initiatorName('two'), initiatorName('one')],
      });
      await bench.must(undoOf('export-2'), 'unexport-volume', { volume: 'a' });
      expect((await target())?.acl).to.deep.equal([initiatorName('one')]);
      await bench.must(undoOf('export-1'), 'unexport-volume', { volume: 'a' });
      expect(await target()).to.equal(undefined);
    });

    it('cannot be with a secret for one and without for another', async () => {
      await bench.must(callOf('export-1'), 'export-volume', exportTo('one', alice));
      const before = await everything();
      const result = await bench.execute(callOf('export-2'), 'export-volume', exportTo('two'));
      expect(result).to.include({ kind: 'failed', reason: 'AuthenticationMismatch', effect: 'none' });
      expect(await everything()).to.equal(before);
    });

    it('shares an account between volumes, which goes with the last of them', async () => {
      await bench.must(callOf('make-b'), 'create-volume', { volume: 'b', size_bytes: mebibyte });
      await bench.must(callOf('export-a'), 'export-volume', exportTo('one', alice));
      await bench.must(callOf('export-b'), 'export-volume', { ...exportTo('one', alice), volume: 'b' });
      await bench.must(undoOf('export-a'), 'unexport-volume', { volume: 'a' });
      expect(await accounts()).to.deep.equal(['alice']);
      const other = { target: bench.targetOf('b'), lun: 1 };
      await bench.initiator('one', alice).io(other, 'write -P 5 0 4k', 'read -P 5 0 4k');
      await bench.must(undoOf('export-b'), 'unexport-volume', { volume: 'b' });
      expect(await accounts()).to.deep.equal([]);
      expect(await readdir(join(bench.rootDir, 'accounts'))).to.deep.equal([]);
    });

    it('refuses an account that is in use with another secret', async () => {
      await bench.must(callOf('make-b'), 'create-volume', { volume: 'b', size_bytes: mebibyte });
      await bench.must(callOf('export-a'), 'export-volume', exportTo('one', alice));
      const result = await bench.execute(callOf('export-b'), 'export-volume', {
        ...exportTo('two', { ...alice, secret: 'another-secret' }),
        volume: 'b',
      });
      expect(result).to.include({
        kind: 'failed',
        reason: 'AccountExists',
        retryable: false,
        effect: 'none',
      });
      expect(JSON.stringify(result)).not.to.contain('another-secret').and.not.to.contain(alice.secret);
    });
  });

  describe('`unexport-volume` as a step', () => {
    beforeEach(async () => {
      await bench.must(callOf('export-1'), 'export-volume', exportTo('one'));
      await bench.must(callOf('export-2'), 'export-volume', exportTo('two'));
    });

    it('keeps out whom it names, whoever let them in', async () => {
      const args = { volume: 'a', initiators: [initiatorName('one')] };
      const output = { volume: 'a', remaining_initiators: [initiatorName('two')] };
      expect(await bench.probe(callOf('out'), 'unexport-volume', args)).to.include({ effect: 'none' });
      for (const attempt of [1, 2]) {
        expect(await bench.must(callOf('out', { attempt }), 'unexport-volume', args)).to.deep.equal(output);
      }
      expect(await bench.probe(callOf('out'), 'unexport-volume', args)).to.deep.equal({
        kind: 'done',
        output,
      });
      expect((await target())?.acl).to.deep.equal([initiatorName('two')]);
      await bench.must(undoOf('export-1'), 'unexport-volume', { volume: 'a' });
      expect((await target())?.acl).to.deep.equal([initiatorName('two')]);
    });

    it('keeps out everybody when it names nobody; then the volume can be deleted', async () => {
      const early = await bench.execute(callOf('del'), 'delete-volume', { volume: 'a' });
      expect(early).to.include({ kind: 'failed', reason: 'VolumeInUse', effect: 'none' });
      expect(early)
        .to.have.property('message')
        .that.contains(initiatorName('one'))
        .and.contains('wf-export-2');
      await bench.must(callOf('out'), 'unexport-volume', { volume: 'a' });
      expect(await target()).to.equal(undefined);
      await bench.must(callOf('del'), 'delete-volume', { volume: 'a' });
    });
  });

  describe('leaves alone what no workflow made', () => {
    it('a target of the same name', async () => {
      const parameters = `targetname=${bench.targetOf('a')}`;
      await tgtd.client.request({ mode: 'target', operation: 'new', tid: 5, parameters });
      const before = await everything();
      const result = await bench.execute(callOf('export'), 'export-volume', exportTo('one', alice));
      expect(result).to.include({ kind: 'failed', reason: 'ForeignObject', effect: 'none' });
      await bench.must(undoOf('export', { state: 'failed' }), 'unexport-volume', { volume: 'a' });
      await bench.must(callOf('out'), 'unexport-volume', { volume: 'a' });
      expect(await everything()).to.equal(before);
      expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
    });

    it('an account of the same name', async () => {
      const parameters = `user=alice,password=somebody-elses`;
      await tgtd.client.request({ mode: 'account', operation: 'new', parameters });
      const result = await bench.execute(callOf('export'), 'export-volume', exportTo('one', alice));
      expect(result).to.include({ kind: 'failed', reason: 'AccountExists', effect: 'none' });
      await bench.must(undoOf('export', { state: 'failed' }), 'unexport-volume', { volume: 'a' });
      expect(await accounts()).to.deep.equal(['alice']);
      expect(await target()).to.equal(undefined);
    });

    it('an initiator and an account that were bound to our target by hand', async () => {
      await bench.must(callOf('export-1'), 'export-volume', exportTo('one', alice));
      await bench.must(callOf('export-2'), 'export-volume', exportTo('two', bob));
      const tid = (await target())?.tid ?? 0;
      const by = async (
        mode: 'account' | 'target',
        operation: 'new' | 'bind',
        parameters: string,
      ): Promise<void> => {
        await tgtd.client.request({ mode, operation, tid, parameters });
      };
      await by('account', 'new', 'user=carol,password=carols-secret');
      await by('account', 'bind', 'user=carol');
      await by('target', 'bind', `initiator-name=${initiatorName('carol')}`);
      await bench.must(undoOf('export-1'), 'unexport-volume', { volume: 'a' });
      expect(await target()).to.deep.include({
        accounts: ['bob', 'carol'],
        acl: [initiatorName('two'), initiatorName('carol')],
        state: 'ready',
      });
    });

    it('a target that serves the volume’s file: then the volume is not deleted', async () => {
      const { client } = tgtd;
      await client.request({
        mode: 'target',
        operation: 'new',
        tid: 9,
        parameters: 'targetname=iqn.2026-11.by:hand',
      });
      const path = join(bench.rootDir, 'volumes', 'a.img');
      await client.request({
        mode: 'logicalunit',
        operation: 'new',
        tid: 9,
        lun: 1,
        parameters: `path=${path}`,
      });
      const result = await bench.execute(callOf('del'), 'delete-volume', { volume: 'a' });
      expect(result).to.include({ kind: 'failed', reason: 'VolumeInUse', effect: 'none' });
      expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
    });

    it('an account of ours that somebody bound to a target of theirs', async () => {
      await bench.must(callOf('export'), 'export-volume', exportTo('one', alice));
      const { client } = tgtd;
      await client.request({
        mode: 'target',
        operation: 'new',
        tid: 9,
        parameters: 'targetname=iqn.2026-11.by:hand',
      });
      await client.request({ mode: 'account', operation: 'bind', tid: 9, parameters: 'user=alice' });
      const stuck = await bench.execute(undoOf('export'), 'unexport-volume', { volume: 'a' });
      expect(stuck).to.include({ kind: 'failed', reason: 'ForeignObject' });
      expect(await target()).to.equal(undefined);
      await client.request({ mode: 'target', operation: 'delete', tid: 9 });
      await bench.must(undoOf('export', {}), 'unexport-volume', { volume: 'a' });
      expect(await accounts()).to.deep.equal([]);
    });
  });

  it('never writes a secret to a file, an answer, a log or a command line', async () => {
    const lines: string[] = [];
    const write = (fields: object, message: string): void => {
      lines.push(JSON.stringify(fields) + message);
    };
    const log = { debug: write, info: write, warn: write, error: write, child: () => log };
    const commands: string[] = [];
    const { runChild } = await import('../../../plugins/linux/child-process.js');
    const controller = bench.controllerWith({
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
    const names = await readdir(bench.rootDir, { recursive: true, withFileTypes: true });
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
    await writeFile(join(bench.rootDir, 'volumes', 'notes.txt'), 'by hand');
    await bench.must(callOf('export'), 'export-volume', exportTo('one'));
    await bench.must(undoOf('export'), 'unexport-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json', 'notes.txt']);
  });
});
