/** Targets, accounts and bindings that were made by hand. */
import { expect } from 'chai';
import { join } from 'node:path';
import { alice, bob, exportTo, useExportBench } from './export-bench.js';
import { callOf, initiatorName, undoOf } from './support.js';

describe('linux: exports leave alone what no workflow made', function () {
  this.timeout(20_000);
  const on = useExportBench();

  it('a target of the same name', async () => {
    const parameters = `targetname=${on.bench.targetOf('a')}`;
    await on.tgtd.client.request({ mode: 'target', operation: 'new', tid: 5, parameters });
    const before = await on.everything();
    const result = await on.bench.execute(callOf('export'), 'export-volume', exportTo('one', alice));
    expect(result).to.include({ kind: 'failed', reason: 'ForeignObject', effect: 'none' });
    await on.bench.must(undoOf('export', { state: 'failed' }), 'unexport-volume', { volume: 'a' });
    await on.bench.must(callOf('out'), 'unexport-volume', { volume: 'a' });
    expect(await on.everything()).to.equal(before);
    expect(await on.bench.files()).to.deep.equal(['a.img', 'a.json']);
  });

  it('an account of the same name', async () => {
    const parameters = `user=alice,password=somebody-elses`;
    await on.tgtd.client.request({ mode: 'account', operation: 'new', parameters });
    const result = await on.bench.execute(callOf('export'), 'export-volume', exportTo('one', alice));
    expect(result).to.include({ kind: 'failed', reason: 'AccountExists', effect: 'none' });
    await on.bench.must(undoOf('export', { state: 'failed' }), 'unexport-volume', { volume: 'a' });
    expect(await on.accounts()).to.deep.equal(['alice']);
    expect(await on.target()).to.equal(undefined);
  });

  it('an initiator and an account that were bound to our target by hand', async () => {
    await on.bench.must(callOf('export-1'), 'export-volume', exportTo('one', alice));
    await on.bench.must(callOf('export-2'), 'export-volume', exportTo('two', bob));
    const tid = (await on.target())?.tid ?? 0;
    const by = async (
      mode: 'account' | 'target',
      operation: 'new' | 'bind',
      parameters: string,
    ): Promise<void> => {
      await on.tgtd.client.request({ mode, operation, tid, parameters });
    };
    await by('account', 'new', 'user=carol,password=carols-secret');
    await by('account', 'bind', 'user=carol');
    await by('target', 'bind', `initiator-name=${initiatorName('carol')}`);
    await on.bench.must(undoOf('export-1'), 'unexport-volume', { volume: 'a' });
    expect(await on.target()).to.deep.include({
      accounts: ['bob', 'carol'],
      acl: [initiatorName('two'), initiatorName('carol')],
      state: 'ready',
    });
  });

  it('a target that serves the volume’s file: then the volume is not deleted', async () => {
    const { client } = on.tgtd;
    await client.request({
      mode: 'target',
      operation: 'new',
      tid: 9,
      parameters: 'targetname=iqn.2026-11.by:hand',
    });
    const path = join(on.bench.rootDir, 'volumes', 'a.img');
    await client.request({
      mode: 'logicalunit',
      operation: 'new',
      tid: 9,
      lun: 1,
      parameters: `path=${path}`,
    });
    const result = await on.bench.execute(callOf('del'), 'delete-volume', { volume: 'a' });
    expect(result).to.include({ kind: 'failed', reason: 'VolumeInUse', effect: 'none' });
    expect(await on.bench.files()).to.deep.equal(['a.img', 'a.json']);
  });

  it('an account of ours that somebody bound to a target of theirs', async () => {
    await on.bench.must(callOf('export'), 'export-volume', exportTo('one', alice));
    const { client } = on.tgtd;
    await client.request({
      mode: 'target',
      operation: 'new',
      tid: 9,
      parameters: 'targetname=iqn.2026-11.by:hand',
    });
    await client.request({ mode: 'account', operation: 'bind', tid: 9, parameters: 'user=alice' });
    const stuck = await on.bench.execute(undoOf('export'), 'unexport-volume', { volume: 'a' });
    expect(stuck).to.include({ kind: 'failed', reason: 'ForeignObject' });
    expect(await on.target()).to.equal(undefined);
    await client.request({ mode: 'target', operation: 'delete', tid: 9 });
    await on.bench.must(undoOf('export', {}), 'unexport-volume', { volume: 'a' });
    expect(await on.accounts()).to.deep.equal([]);
  });
});
