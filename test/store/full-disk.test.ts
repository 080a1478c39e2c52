/** The embedded store on a disk that is full: it says which directory, and leaves no promise that nobody handles. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { systemClock } from '../../src/base/clock.js';
import { openEmbeddedStore } from '../../src/store/embedded/index.js';
import { apply, expectReason, put, reasonOf } from './suite/tools.js';

describe('Embedded store on a full disk', function () {
  this.timeout(10_000);
  let disk: string;
  let isMounted = false;
  const rejected: unknown[] = [];
  const onRejection = (reason: unknown): void => {
    rejected.push(reason);
  };
  let listeners: NodeJS.UnhandledRejectionListener[] = [];

  before(function () {
    disk = mkdtempSync(join(tmpdir(), 'steplock-disk-'));
    // A disk of its own, which only root can make.
    if (process.getuid?.() !== 0) return;
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', disk]);
    isMounted = true;
    // Mocha has one of its own, which would fail the run before it is looked at here.
    listeners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', onRejection);
  });

  after(() => {
    if (isMounted) {
      process.off('unhandledRejection', onRejection);
      for (const listener of listeners) process.on('unhandledRejection', listener);
      execFileSync('umount', ['--lazy', disk]);
    }
    rmSync(disk, { recursive: true });
  });

  it('fails what it cannot write and everything after it, and rejects nothing that nobody waits for', async () => {
    if (!isMounted) return;
    const directory = join(disk, 'store');
    const store = await openEmbeddedStore(directory, { clock: systemClock });
    const value = new Uint8Array(60_000);
    const writeOn = async (name: string): Promise<never> => {
      for (let row = 0; ; row++) await apply(store, put(`${name}/${row}`, value));
    };
    const names = Array.from({ length: 1 }, (_, index) => `n${index}`);
    for (const ended of await Promise.allSettled(names.map(writeOn)))
      expect(reasonOf((ended as PromiseRejectedResult).reason)).to.be.oneOf([
        'OUTCOME_UNKNOWN',
        'STORE_UNAVAILABLE',
      ]);
    const after = await expectReason('STORE_UNAVAILABLE', store.get('n0/0'));
    expect(after.message).to.contain(directory);
    await store.close();
    await new Promise(setImmediate);
    expect(rejected).to.deep.equal([]);
  });

  it('does not open where there is no room, and names the directory', async () => {
    if (!isMounted) return;
    const directory = join(disk, 'none');
    rmSync(join(disk, 'store'), { recursive: true, force: true });
    expect(() => {
      writeFileSync(join(disk, 'filler'), new Uint8Array(500_000));
    }).to.throw('ENOSPC');
    const error = await expectReason(
      'STORE_UNAVAILABLE',
      openEmbeddedStore(directory, { clock: systemClock }),
    );
    expect(error.message).to.contain(directory).and.match(/space/i);
  });

  it('does not open where there can be no directory, at once', async () => {
    if (process.platform !== 'linux') return;
    const error = await expectReason(
      'STORE_UNAVAILABLE',
      openEmbeddedStore('/proc/x/y', { clock: systemClock }),
    );
    expect(error.message).to.contain('/proc/x/y');
  });
});
