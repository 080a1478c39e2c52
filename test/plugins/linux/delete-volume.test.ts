/** Removing volumes that nobody uses, and undoing their making. No tgtd runs. */
import { expect } from 'chai';
import { link, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { callOf, createBench, mebibyte, undoOf, type Bench } from './support.js';

describe('linux: `delete-volume`', () => {
  let bench: Bench;
  const image = (volume: string): string => join(bench.rootDir, 'volumes', `${volume}.img`);
  beforeEach(async () => {
    bench = await createBench();
  });
  afterEach(async () => {
    await bench.remove();
  });

  it('removes everything, and again is the same', async () => {
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte });
    expect(await bench.probe(callOf('del'), 'delete-volume', { volume: 'a' })).to.deep.equal({
      kind: 'not-done',
      effect: 'none',
    });
    for (const attempt of [1, 2]) {
      const output = await bench.must(callOf('del', { attempt }), 'delete-volume', { volume: 'a' });
      expect(output).to.deep.equal({ volume: 'a' });
    }
    expect(await bench.probe(callOf('del'), 'delete-volume', { volume: 'a' })).to.include({ kind: 'done' });
    expect(await bench.files()).to.deep.equal([]);
  });

  it('repeated late, does not destroy the volume that got the name meanwhile', async () => {
    const args = { volume: 'a', size_bytes: mebibyte };
    await bench.must(callOf('make'), 'create-volume', args);
    await bench.must(callOf('del'), 'delete-volume', { volume: 'a' });
    await bench.must(callOf('again'), 'create-volume', args);
    expect(await bench.probe(callOf('del'), 'delete-volume', { volume: 'a' })).to.include({ kind: 'done' });
    await bench.must(callOf('del', { attempt: 2 }), 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
  });

  it('repeated late after an operator retried it, does not destroy it either', async () => {
    const args = { volume: 'a', size_bytes: mebibyte };
    await bench.must(callOf('make'), 'create-volume', args);
    await bench.must(callOf('del'), 'delete-volume', { volume: 'a' });
    await bench.must(callOf('again'), 'create-volume', args);
    const later = callOf('del', { idempotencyKey: 'key-later', formerKeys: ['key-del'] });
    await bench.must(later, 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
  });

  it('as an undo removes only what the undone step made', async () => {
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte });
    await bench.must(undoOf('stranger'), 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
    await bench.must(undoOf('make'), 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal([]);
    await bench.must(undoOf('make'), 'delete-volume', { volume: 'a' });
  });

  it('as an undo tolerates that nothing was ever done', async () => {
    expect(await bench.must(undoOf('make'), 'delete-volume', { volume: 'a' })).to.deep.equal({
      volume: 'a',
    });
    expect(await bench.probe(undoOf('make'), 'delete-volume', { volume: 'a' })).to.include({
      kind: 'done',
    });
  });

  it('clears away a record that its writer did not finish', async () => {
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte });
    await writeFile(join(bench.rootDir, 'volumes', '.a.json.tmp'), '{ "form');
    await bench.probe(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte });
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
  });

  it('removes a volume whose file somebody took away', async () => {
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte });
    await link(image('a'), join(bench.rootDir, 'taken'));
    await unlink(image('a'));
    await bench.must(callOf('del'), 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal(['taken']);
  });
});
