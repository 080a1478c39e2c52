/** A file system that is full: a small tmpfs. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callOf, createBench, mebibyte, undoOf, type Bench } from './support.js';

describe('linux: a system without space', () => {
  let mount: string;
  let bench: Bench;
  const freeBytes = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(mount);
    return bavail * bsize;
  };
  beforeEach(async () => {
    mount = await mkdtemp(join(tmpdir(), 'steplock-linux-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', mount]);
    bench = await createBench(undefined, { rootDir: mount });
  });
  afterEach(async () => {
    execFileSync('umount', [mount]);
    await rm(mount, { recursive: true });
  });

  it('refuses a thick volume that does not fit, and leaves nothing', async () => {
    await bench.must(callOf('small'), 'create-volume', { volume: 's', size_bytes: mebibyte, thick: true });
    const before = await freeBytes();
    const args = { volume: 'a', size_bytes: 16 * mebibyte, thick: true };
    // Its ledger is the one thing that stays: 8 KiB, made once.
    const result = await bench.execute(callOf('make'), 'create-volume', args);
    expect(result).to.include({ kind: 'failed', reason: 'CapacityExceeded', effect: 'none' });
    expect(result).to.have.property('message').that.contains('shelf');
    expect(await bench.files()).to.deep.equal(['s.img', 's.json']);
    expect(before - (await freeBytes())).to.be.at.most(16 * 1024);
    expect(await bench.probe(callOf('make'), 'create-volume', args)).to.deep.equal({
      kind: 'not-done',
      effect: 'none',
    });
  });

  it('refuses to grow a thick volume beyond the space, and gives it its size back', async () => {
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte, thick: true });
    const before = await freeBytes();
    const args = { volume: 'a', size_bytes: 16 * mebibyte };
    const result = await bench.execute(callOf('grow'), 'expand-volume', args);
    expect(result).to.include({ kind: 'failed', reason: 'CapacityExceeded', effect: 'none' });
    expect(await freeBytes()).to.equal(before);
    expect(await bench.probe(callOf('grow'), 'expand-volume', args)).to.include({ effect: 'none' });
    const restored = await bench.must(undoOf('grow', { state: 'failed' }), 'restore-volume-size', {
      volume: 'a',
    });
    expect(restored).to.include({ size_bytes: mebibyte });
  });

  it('refuses also where not even a record fits, and can still delete', async () => {
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: mebibyte, thick: true });
    // Its ledger too, so that the refusal below is about the volume.
    await bench.must(undoOf('never'), 'delete-volume', { volume: 'b' });
    await writeFile(join(mount, 'filler'), Buffer.alloc(await freeBytes()));
    expect(await freeBytes()).to.equal(0);
    const result = await bench.execute(callOf('more'), 'create-volume', {
      volume: 'b',
      size_bytes: mebibyte,
    });
    expect(result).to.include({ kind: 'failed', reason: 'CapacityExceeded', effect: 'none' });
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json', 'filler']);
    await bench.must(callOf('del'), 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal(['filler']);
    expect(await freeBytes()).to.be.at.least(mebibyte);
  });
});
