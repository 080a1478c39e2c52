/** Several steps that export one volume, and steps that take exports back. */
import { expect } from 'chai';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { alice, bob, exportTo, useExportBench } from './export-bench.js';
import { callOf, contextOf, errorOf, initiatorName, mebibyte, undoOf } from './support.js';

describe('linux: exports to several initiators by several steps', function () {
  this.timeout(20_000);
  const on = useExportBench();

  for (const [first, second] of [
    ['one', 'two'],
    ['two', 'one'],
  ] as const) {
    it(`stands for ${second} when the step of ${first} is undone`, async () => {
      await on.bench.must(callOf('export-one'), 'export-volume', exportTo('one'));
      await on.bench.must(callOf('export-two'), 'export-volume', exportTo('two'));
      const session = await on.bench.initiator(second).open(on.unit);
      await on.bench.must(undoOf(`export-${first}`), 'unexport-volume', { volume: 'a' });
      // Not even the session of the other one noticed.
      await session.command('write -P 3 0 4k');
      await session.close();
      expect((await on.target())?.acl).to.deep.equal([initiatorName(second)]);
      expect(await on.bench.initiator(first).discover()).to.deep.equal([]);
      await on.bench.must(undoOf(`export-${second}`), 'unexport-volume', { volume: 'a' });
      expect(await on.target()).to.equal(undefined);
    });

    it(`stands with CHAP too, and tgtd with it, when ${first}, who has another account, goes`, async () => {
      const chap = { one: alice, two: bob };
      await on.bench.must(callOf('export-one'), 'export-volume', exportTo('one', alice));
      await on.bench.must(callOf('export-two'), 'export-volume', exportTo('two', bob));
      expect((await on.target())?.accounts).to.deep.equal(['alice', 'bob']);
      await on.bench.must(undoOf(`export-${first}`), 'unexport-volume', { volume: 'a' });
      // tgtd would crash at this listing if the account had been taken out of the middle of its list.
      expect((await on.target())?.accounts).to.deep.equal([chap[second].username]);
      expect(await on.accounts()).to.deep.equal([chap[second].username]);
      await on.bench.initiator(second, chap[second]).io(on.unit, 'write -P 3 0 4k', 'read -P 3 0 4k');
      expect(await errorOf(on.bench.initiator(second, chap[first]).open(on.unit))).to.contain(
        'Authentication',
      );
    });
  }

  it('ends the session of the one who goes, and only that', async () => {
    await on.bench.must(callOf('export-one'), 'export-volume', exportTo('one'));
    await on.bench.must(callOf('export-two'), 'export-volume', exportTo('two'));
    const sessions = [
      await on.bench.initiator('one').open(on.unit),
      await on.bench.initiator('two').open(on.unit),
    ];
    await on.bench.must(undoOf('export-one'), 'unexport-volume', { volume: 'a' });
    expect((await on.target())?.sessions.map(({ initiator }) => initiator)).to.deep.equal([
      initiatorName('two'),
    ]);
    for (const session of sessions) session.abandon();
  });

  it('made and undone all at once with one account, leaves neither too much nor too little', async () => {
    const volumes = ['b', 'c', 'd', 'e', 'f', 'g'];
    const all = async (work: (volume: string) => Promise<unknown>): Promise<void> => {
      await Promise.all(volumes.map(work));
    };
    await all(async (volume) => {
      await on.bench.must(callOf(`make-${volume}`), 'create-volume', { volume, size_bytes: mebibyte });
      await on.bench.must(callOf(`export-${volume}`), 'export-volume', { ...exportTo('one', alice), volume });
    });
    const { targets } = await on.tgtd.client.show();
    expect(targets.map((one) => one.accounts)).to.deep.equal(volumes.map(() => ['alice']));
    expect(new Set(targets.map(({ tid }) => tid)).size).to.equal(volumes.length);
    await all(async (volume) => {
      await on.bench.must(undoOf(`export-${volume}`), 'unexport-volume', { volume });
    });
    expect(await on.tgtd.client.show()).to.deep.equal({ targets: [], accounts: [] });
    expect(await readdir(join(on.bench.rootDir, 'accounts'))).to.deep.equal([]);
  });

  it('does not let in whom another step has only begun to let in', async () => {
    const dying = on.bench.controllerWith({
      faultPoint: (point) => {
        if (point === 'export-volume:granted') throw new Error('the power went');
      },
    });
    const call = dying.execute(contextOf(callOf('export-one')), 'export-volume', exportTo('one'));
    expect(await errorOf(call)).to.contain('power');
    await on.bench.must(callOf('export-two'), 'export-volume', exportTo('two'));
    expect((await on.target())?.acl).to.deep.equal([initiatorName('two')]);
    await on.bench.must(undoOf('export-one'), 'unexport-volume', { volume: 'a' });
    expect((await on.target())?.acl).to.deep.equal([initiatorName('two')]);
    await on.bench.must(undoOf('export-two'), 'unexport-volume', { volume: 'a' });
    expect(await on.target()).to.equal(undefined);
  });

  it('are one grant when it is one step that an operator retried', async () => {
    const later = { idempotencyKey: 'key-later', formerKeys: ['key-export'] };
    await on.bench.must(callOf('export'), 'export-volume', exportTo('one', alice));
    await on.bench.must(callOf('export', later), 'export-volume', exportTo('one', alice));
    const text = await readFile(join(on.bench.rootDir, 'volumes', 'a.json'), 'utf8');
    expect((JSON.parse(text) as { export: { grants: object[] } }).export.grants).to.have.length(1);
    await on.bench.must(undoOf('export', later), 'unexport-volume', { volume: 'a' });
    expect(await on.tgtd.client.show()).to.deep.equal({ targets: [], accounts: [] });
    await on.bench.must(undoOf('make'), 'delete-volume', { volume: 'a' });
  });

  it('keeps an initiator that two steps let in until both are undone', async () => {
    await on.bench.must(callOf('export-1'), 'export-volume', exportTo('one'));
    await on.bench.must(callOf('export-2'), 'export-volume', {
      volume: 'a',
      initiators: [initiatorName('two'), initiatorName('one')],
    });
    await on.bench.must(undoOf('export-2'), 'unexport-volume', { volume: 'a' });
    expect((await on.target())?.acl).to.deep.equal([initiatorName('one')]);
    await on.bench.must(undoOf('export-1'), 'unexport-volume', { volume: 'a' });
    expect(await on.target()).to.equal(undefined);
  });

  it('cannot be with a secret for one and without for another', async () => {
    await on.bench.must(callOf('export-1'), 'export-volume', exportTo('one', alice));
    const before = await on.everything();
    const result = await on.bench.execute(callOf('export-2'), 'export-volume', exportTo('two'));
    expect(result).to.include({ kind: 'failed', reason: 'AuthenticationMismatch', effect: 'none' });
    expect(await on.everything()).to.equal(before);
  });

  it('shares an account between volumes, which goes with the last of them', async () => {
    await on.bench.must(callOf('make-b'), 'create-volume', { volume: 'b', size_bytes: mebibyte });
    await on.bench.must(callOf('export-a'), 'export-volume', exportTo('one', alice));
    await on.bench.must(callOf('export-b'), 'export-volume', { ...exportTo('one', alice), volume: 'b' });
    await on.bench.must(undoOf('export-a'), 'unexport-volume', { volume: 'a' });
    expect(await on.accounts()).to.deep.equal(['alice']);
    const other = { target: on.bench.targetOf('b'), lun: 1 };
    await on.bench.initiator('one', alice).io(other, 'write -P 5 0 4k', 'read -P 5 0 4k');
    await on.bench.must(undoOf('export-b'), 'unexport-volume', { volume: 'b' });
    expect(await on.accounts()).to.deep.equal([]);
    expect(await readdir(join(on.bench.rootDir, 'accounts'))).to.deep.equal([]);
  });

  it('refuses an account that is in use with another secret', async () => {
    await on.bench.must(callOf('make-b'), 'create-volume', { volume: 'b', size_bytes: mebibyte });
    await on.bench.must(callOf('export-a'), 'export-volume', exportTo('one', alice));
    const result = await on.bench.execute(callOf('export-b'), 'export-volume', {
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

describe('linux: `unexport-volume` as a step', function () {
  this.timeout(20_000);
  const on = useExportBench();

  beforeEach(async () => {
    await on.bench.must(callOf('export-1'), 'export-volume', exportTo('one'));
    await on.bench.must(callOf('export-2'), 'export-volume', exportTo('two'));
  });

  it('keeps out whom it names, whoever let them in', async () => {
    const args = { volume: 'a', initiators: [initiatorName('one')] };
    const output = { volume: 'a', remaining_initiators: [initiatorName('two')] };
    expect(await on.bench.probe(callOf('out'), 'unexport-volume', args)).to.include({ effect: 'none' });
    for (const attempt of [1, 2]) {
      expect(await on.bench.must(callOf('out', { attempt }), 'unexport-volume', args)).to.deep.equal(output);
    }
    expect(await on.bench.probe(callOf('out'), 'unexport-volume', args)).to.deep.equal({
      kind: 'done',
      output,
    });
    expect((await on.target())?.acl).to.deep.equal([initiatorName('two')]);
    await on.bench.must(undoOf('export-1'), 'unexport-volume', { volume: 'a' });
    expect((await on.target())?.acl).to.deep.equal([initiatorName('two')]);
  });

  it('keeps out everybody when it names nobody; then the volume can be deleted', async () => {
    const early = await on.bench.execute(callOf('del'), 'delete-volume', { volume: 'a' });
    expect(early).to.include({ kind: 'failed', reason: 'VolumeInUse', effect: 'none' });
    expect(early).to.have.property('message').that.contains(initiatorName('one')).and.contains('wf-export-2');
    await on.bench.must(callOf('out'), 'unexport-volume', { volume: 'a' });
    expect(await on.target()).to.equal(undefined);
    await on.bench.must(callOf('del'), 'delete-volume', { volume: 'a' });
  });
});
