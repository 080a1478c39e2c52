/** Making volumes: files, records, refusals. No tgtd runs. */
import { expect } from 'chai';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LinuxFaultPoint } from '../../../plugins/linux/index.js';
import type { JsonObject } from '../../../src/controller.js';
import {
  callOf,
  contextOf,
  createBench,
  errorOf,
  mebibyte,
  reasonOf,
  undoOf,
  type Bench,
  type CallData,
} from './support.js';

describe('linux: `create-volume`', () => {
  let bench: Bench;
  const image = (volume: string): string => join(bench.rootDir, 'volumes', `${volume}.img`);
  beforeEach(async () => {
    bench = await createBench();
  });
  afterEach(async () => {
    await bench.remove();
  });
  /** Makes a volume and ends the call at that instant as a crash would. */
  const dieAt = async (fatal: LinuxFaultPoint, data: CallData, args: JsonObject): Promise<void> => {
    const dying = bench.controllerWith({
      faultPoint: (point) => {
        if (point === fatal) throw new Error('the power went');
      },
    });
    expect(await errorOf(dying.execute(contextOf(data), 'create-volume', args))).to.contain('power');
  };

  it('makes a sparse file of that size with a record beside it', async () => {
    const output = await bench.must(callOf('make'), 'create-volume', {
      volume: 'a',
      size_bytes: 64 * mebibyte,
    });
    expect(output).to.include({ volume: 'a', native_id: image('a'), size_bytes: 64 * mebibyte });
    expect(output['serial']).to.match(/^6[0-9a-f]{31}$/);
    const { size, blocks, mode } = await stat(image('a'));
    expect(size).to.equal(64 * mebibyte);
    expect(blocks).to.equal(0);
    expect(mode & 0o777).to.equal(0o600);
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
  });

  it('reserves and writes all of a thick one, and tells how far it is', async () => {
    const told: number[] = [];
    const context = contextOf(callOf('make'), { progress: (percent) => told.push(percent) });
    const args = { volume: 'a', size_bytes: 8 * mebibyte, thick: true };
    expect((await bench.controller.execute(context, 'create-volume', args)).kind).to.equal('done');
    const { size, blocks } = await stat(image('a'));
    expect(size).to.equal(8 * mebibyte);
    expect(blocks * 512).to.be.at.least(8 * mebibyte);
    expect(told.at(0)).to.equal(0);
    expect(told.at(-1)).to.equal(100);
  });

  it('gives the same answer again and leaves the bytes alone', async () => {
    const args = { volume: 'a', size_bytes: mebibyte };
    const output = await bench.must(callOf('make'), 'create-volume', args);
    await writeFile(image('a'), 'precious', { flag: 'r+' });
    expect(await bench.must(callOf('make', { attempt: 2 }), 'create-volume', args)).to.deep.equal(output);
    expect(await bench.probe(callOf('make'), 'create-volume', args)).to.deep.equal({
      kind: 'done',
      output,
    });
    expect((await readFile(image('a'))).toString('utf8', 0, 8)).to.equal('precious');
  });

  it('refuses a name that another step has, and leaves nothing', async () => {
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte });
    const result = await bench.execute(callOf('other'), 'create-volume', {
      volume: 'a',
      size_bytes: mebibyte,
    });
    expect(result).to.include({ kind: 'failed', reason: 'VolumeExists', retryable: false, effect: 'none' });
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
    // The undo of the one that failed takes nothing away from the one that has it.
    await bench.must(undoOf('other', { state: 'failed' }), 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
  });

  it('refuses a file of that name which was made by hand, and never touches it', async () => {
    await mkdir(join(bench.rootDir, 'volumes'));
    await writeFile(image('a'), 'by hand');
    const args = { volume: 'a', size_bytes: mebibyte };
    const result = await bench.execute(callOf('make'), 'create-volume', args);
    expect(result).to.include({ kind: 'failed', reason: 'ForeignObject', effect: 'none' });
    expect(await bench.probe(callOf('make'), 'create-volume', args)).to.deep.equal({
      kind: 'not-done',
      effect: 'none',
    });
    await bench.must(undoOf('make', { state: 'failed' }), 'delete-volume', { volume: 'a' });
    expect(reasonOf(await bench.execute(callOf('del'), 'delete-volume', { volume: 'a' }))).to.equal(
      'ForeignObject',
    );
    expect(await readFile(image('a'), 'utf8')).to.equal('by hand');
    expect(await bench.files()).to.deep.equal(['a.img']);
  });

  it('does not write over a file that comes while it works', async () => {
    const controller = bench.controllerWith({
      faultPoint: async (point) => {
        if (point === 'create-volume:filled') await writeFile(image('a'), 'by hand');
      },
    });
    const args = { volume: 'a', size_bytes: mebibyte };
    const result = await controller.execute(contextOf(callOf('make')), 'create-volume', args);
    expect(result).to.include({ kind: 'failed', reason: 'ForeignObject', effect: 'none' });
    expect(await readFile(image('a'), 'utf8')).to.equal('by hand');
    expect(await bench.files()).to.deep.equal(['a.img']);
  });

  it('tells a volume that another step is still making from a foreign file', async () => {
    const dying = bench.controllerWith({
      faultPoint: (point) => {
        if (point === 'create-volume:renamed') throw new Error('the power went');
      },
    });
    const args = { volume: 'a', size_bytes: mebibyte };
    expect(await errorOf(dying.execute(contextOf(callOf('make')), 'create-volume', args))).to.contain(
      'power',
    );
    expect(reasonOf(await bench.execute(callOf('other'), 'create-volume', args))).to.equal('VolumeExists');
    expect(await bench.probe(callOf('make'), 'create-volume', args)).to.deep.equal({
      kind: 'not-done',
      effect: 'some',
    });
  });

  for (const [what, size] of [
    ['below a mebibyte', mebibyte - 512],
    ['that is not in blocks', mebibyte + 1],
  ] as const) {
    it(`refuses a size ${what}`, async () => {
      const result = await bench.execute(callOf('make'), 'create-volume', {
        volume: 'a',
        size_bytes: size,
      });
      expect(result).to.include({ kind: 'failed', reason: 'InvalidSize', effect: 'none' });
      expect(await bench.files()).to.deep.equal([]);
    });
  }

  for (const volume of ['../a', 'a/b', '.a', 'A', '', 'a.b', 'a'.repeat(64)]) {
    it(`refuses the name ${JSON.stringify(volume.slice(0, 8))}`, async () => {
      const args = { volume, size_bytes: mebibyte };
      const result = await bench.execute(callOf('make'), 'create-volume', args);
      expect(result).to.include({ kind: 'failed', reason: 'InvalidArguments', effect: 'none' });
    });
  }

  it('refuses other arguments under a key that was used', async () => {
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte });
    const result = await bench.execute(callOf('make'), 'create-volume', {
      volume: 'a',
      size_bytes: 2 * mebibyte,
    });
    expect(result).to.include({ kind: 'failed', reason: 'ObjectDiffers', effect: 'some' });
  });

  it('after an operator retried it, goes on with what it made under its former key', async () => {
    const args = { volume: 'a', size_bytes: mebibyte };
    for (const point of [
      'create-volume:filled',
      'create-volume:renamed',
      'create-volume:recorded',
    ] as const) {
      await dieAt(point, callOf('make'), args);
      const later = { idempotencyKey: 'key-later', formerKeys: ['key-make'] };
      await bench.must(callOf('make', later), 'create-volume', args);
      expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
      await bench.must(undoOf('make', later), 'delete-volume', { volume: 'a' });
      expect(await bench.files()).to.deep.equal([]);
      await dieAt(point, callOf('make'), args);
      await bench.must(undoOf('make', later), 'delete-volume', { volume: 'a' });
      expect(await bench.files()).to.deep.equal([]);
    }
  });

  it('is cleared of its second name by the probe that finds it made', async () => {
    const args = { volume: 'a', size_bytes: mebibyte };
    await dieAt('create-volume:recorded', callOf('make'), args);
    expect(await bench.files()).to.have.length(3);
    expect(await bench.probe(callOf('make'), 'create-volume', args)).to.include({ kind: 'done' });
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
  });

  it('gives a volume that is made again another serial number', async () => {
    const args = { volume: 'a', size_bytes: mebibyte };
    const first = await bench.must(callOf('make'), 'create-volume', args);
    await bench.must(callOf('del'), 'delete-volume', { volume: 'a' });
    const second = await bench.must(callOf('again'), 'create-volume', args);
    expect(second['serial']).not.to.equal(first['serial']);
  });

  it('stops when the call is aborted, and the undo finds what it left', async () => {
    const abort = new AbortController();
    const controller = bench.controllerWith({
      faultPoint: (point) => {
        if (point === 'create-volume:space-reserved') abort.abort(new Error('cancelled'));
      },
    });
    const args = { volume: 'a', size_bytes: 8 * mebibyte, thick: true };
    const context = contextOf(callOf('make'), { signal: abort.signal });
    expect(await errorOf(controller.execute(context, 'create-volume', args))).to.contain('cancelled');
    expect(await bench.files()).to.have.length(1);
    expect(await bench.probe(callOf('make'), 'create-volume', args)).to.deep.equal({
      kind: 'not-done',
      effect: 'some',
    });
    await bench.must(undoOf('make'), 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal([]);
  });

  it('does nothing after its deadline', async () => {
    const late = callOf('make', { deadlineMs: Date.now() - 1 });
    const args = { volume: 'a', size_bytes: mebibyte };
    // The timer of a past deadline fires in the first turn of the event loop, while the lock is waited for.
    expect(await errorOf(bench.execute(late, 'create-volume', args))).to.contain('past its deadline');
    expect(await bench.files()).to.deep.equal([]);
  });

  it('names a system that it does not serve, and a directory that is not there', async () => {
    const args = { volume: 'a', size_bytes: mebibyte };
    const elsewhere = await bench.execute(callOf('make', { system: 'moon' }), 'create-volume', args);
    expect(elsewhere).to.include({ kind: 'failed', reason: 'SystemUnknown', effect: 'none' });
    await bench.remove();
    const unmounted = await bench.execute(callOf('make', { attempt: 2 }), 'create-volume', args);
    // A first attempt may have left something there.
    expect(unmounted).to.include({ reason: 'SystemUnavailable', retryable: true, effect: 'unknown' });
    await mkdir(bench.rootDir);
  });

  it('provisions several volumes at once', async () => {
    let waiting = 0;
    let release = (): void => undefined;
    const all = new Promise<void>((resolve) => {
      release = resolve;
    });
    const controller = bench.controllerWith({
      faultPoint: async (point) => {
        if (point !== 'create-volume:temp-made') return;
        waiting++;
        // Only if all four are inside at the same time does any of them get on.
        if (waiting === 4) release();
        await all;
      },
    });
    const volumes = ['a', 'b', 'c', 'd'];
    const results = await Promise.all(
      volumes.map(async (volume) => {
        const context = contextOf(callOf(`make-${volume}`));
        return await controller.execute(context, 'create-volume', { volume, size_bytes: mebibyte });
      }),
    );
    expect(results.map(({ kind }) => kind)).to.deep.equal(['done', 'done', 'done', 'done']);
  });
});
