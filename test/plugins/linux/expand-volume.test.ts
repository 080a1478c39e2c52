/** Resizing volumes that nobody uses, and undoing it. No tgtd runs. */
import { expect } from 'chai';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { callOf, createBench, mebibyte, reasonOf, undoOf, type Bench } from './support.js';

describe('linux: `expand-volume` and `restore-volume-size`', () => {
  let bench: Bench;
  const image = (volume: string): string => join(bench.rootDir, 'volumes', `${volume}.img`);
  beforeEach(async () => {
    bench = await createBench();
  });
  afterEach(async () => {
    await bench.remove();
  });

  const size = async (): Promise<number> => (await stat(image('a'))).size;
  beforeEach(async () => {
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte });
  });

  it('grows, says the same again, and is undone', async () => {
    const args = { volume: 'a', size_bytes: 4 * mebibyte };
    const output = { ...args, previous_size_bytes: mebibyte };
    expect(await bench.probe(callOf('grow'), 'expand-volume', args)).to.include({ effect: 'none' });
    expect(await bench.must(callOf('grow'), 'expand-volume', args)).to.deep.equal(output);
    expect(await bench.must(callOf('grow', { attempt: 2 }), 'expand-volume', args)).to.deep.equal(output);
    expect(await bench.probe(callOf('grow'), 'expand-volume', args)).to.deep.equal({
      kind: 'done',
      output,
    });
    expect(await size()).to.equal(4 * mebibyte);
    for (const undone of [{ state: 'succeeded', effect: 'some' }, {}] as const) {
      const restored = await bench.must(undoOf('grow', undone), 'restore-volume-size', { volume: 'a' });
      expect(restored).to.deep.equal({ volume: 'a', size_bytes: mebibyte });
    }
    expect(await size()).to.equal(mebibyte);
  });

  it('never makes it smaller', async () => {
    await bench.must(callOf('grow'), 'expand-volume', { volume: 'a', size_bytes: 4 * mebibyte });
    const result = await bench.execute(callOf('shrink'), 'expand-volume', {
      volume: 'a',
      size_bytes: 2 * mebibyte,
    });
    expect(result).to.include({ kind: 'failed', reason: 'InvalidSize', effect: 'none' });
    expect(await size()).to.equal(4 * mebibyte);
  });

  it('to the size that it has changes nothing, and neither does its undo', async () => {
    const output = await bench.must(callOf('same'), 'expand-volume', { volume: 'a', size_bytes: mebibyte });
    expect(output).to.include({ size_bytes: mebibyte, previous_size_bytes: mebibyte });
    await bench.must(undoOf('same', { state: 'succeeded' }), 'restore-volume-size', { volume: 'a' });
    expect(await size()).to.equal(mebibyte);
  });

  it('writes what it adds to a thick volume', async () => {
    await bench.must(callOf('thick'), 'create-volume', { volume: 'b', size_bytes: mebibyte, thick: true });
    await bench.must(callOf('grow'), 'expand-volume', { volume: 'b', size_bytes: 4 * mebibyte });
    expect((await stat(image('b'))).blocks * 512).to.be.at.least(4 * mebibyte);
  });

  it('after an operator retried it, still knows the size before its first attempt', async () => {
    const args = { volume: 'a', size_bytes: 4 * mebibyte };
    const later = { idempotencyKey: 'key-later', formerKeys: ['key-grow'] };
    await bench.must(callOf('grow'), 'expand-volume', args);
    const output = await bench.must(callOf('grow', later), 'expand-volume', args);
    expect(output).to.include({ previous_size_bytes: mebibyte });
    await bench.must(undoOf('grow', later), 'restore-volume-size', { volume: 'a' });
    expect(await size()).to.equal(mebibyte);
  });

  it('is not undone where somebody wrote: the bytes stay, and the failure names the way out', async () => {
    await bench.must(callOf('grow'), 'expand-volume', { volume: 'a', size_bytes: 4 * mebibyte });
    const file = await open(image('a'), 'r+');
    await file.write(Buffer.from('precious'), 0, 8, 3 * mebibyte);
    await file.close();
    const result = await bench.execute(undoOf('grow'), 'restore-volume-size', { volume: 'a' });
    expect(result).to.include({ kind: 'failed', reason: 'DataBeyondSize', retryable: false });
    expect(await size()).to.equal(4 * mebibyte);
    expect((await readFile(image('a'))).toString('utf8', 3 * mebibyte, 3 * mebibyte + 8)).to.equal(
      'precious',
    );
  });

  it('is not undone under a later growth by another step, but after it', async () => {
    await bench.must(callOf('grow-1'), 'expand-volume', { volume: 'a', size_bytes: 2 * mebibyte });
    await bench.must(callOf('grow-2'), 'expand-volume', { volume: 'a', size_bytes: 4 * mebibyte });
    const early = await bench.execute(undoOf('grow-1'), 'restore-volume-size', { volume: 'a' });
    expect(early).to.include({ kind: 'failed', reason: 'VolumeGrownSince' });
    expect(await size()).to.equal(4 * mebibyte);
    await bench.must(undoOf('grow-2'), 'restore-volume-size', { volume: 'a' });
    await bench.must(undoOf('grow-1'), 'restore-volume-size', { volume: 'a' });
    expect(await size()).to.equal(mebibyte);
  });

  it('does not undo what never grew', async () => {
    const output = await bench.must(undoOf('never'), 'restore-volume-size', { volume: 'a' });
    expect(output).to.deep.equal({ volume: 'a', size_bytes: mebibyte });
  });

  it('is refused for a volume that is not there', async () => {
    const result = await bench.execute(callOf('grow'), 'expand-volume', {
      volume: 'z',
      size_bytes: mebibyte,
    });
    expect(result).to.include({ kind: 'failed', reason: 'VolumeNotFound', effect: 'none' });
  });

  it('cannot be a step of its own backwards', async () => {
    const result = await bench.execute(callOf('back'), 'restore-volume-size', { volume: 'a' });
    expect(reasonOf(result)).to.equal('UndoOnly');
  });
});
