/** Snapshots, clones and revert on real files, seen through a real tgtd; with reflinks on XFS and without them. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '../../../src/controller.js';
import type { RunningTgtd } from '../../../plugins/linux/tgtd.js';
import {
  callOf,
  createBench,
  initiatorName,
  mebibyte,
  reasonOf,
  startTestTgtd,
  undoOf,
  type Bench,
} from './support.js';

const sizeBytes = 4 * mebibyte;

for (const kind of ['copy', 'instant'] as const) {
  describe(`linux: snapshots, clones and revert (${kind})`, function () {
    this.timeout(30_000);
    let tgtd: RunningTgtd;
    let place: string;
    let bench: Bench;
    before(async () => {
      tgtd = await startTestTgtd();
      place = await mkdtemp(join(tmpdir(), 'steplock-linux-copies-'));
      if (kind === 'copy') return;
      execFileSync('truncate', ['-s', '400M', `${place}.img`]);
      execFileSync('mkfs.xfs', ['-q', '-m', 'reflink=1', `${place}.img`]);
      execFileSync('mount', ['-o', 'loop', `${place}.img`, place]);
    });
    after(async () => {
      await tgtd.stop();
      if (kind === 'instant') execFileSync('umount', [place]);
      await rm(place, { recursive: true, force: true });
      await rm(`${place}.img`, { force: true });
    });
    beforeEach(async () => {
      const rootDir = await mkdtemp(join(place, 'shelf-'));
      bench = await createBench(tgtd, { rootDir });
    });
    afterEach(async () => {
      const { targets } = await tgtd.client.show();
      for (const { tid } of targets) {
        await tgtd.client.request({ mode: 'target', operation: 'delete', tid, force: true });
      }
      await bench.remove();
    });

    const make = async (): Promise<JsonObject> =>
      await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: sizeBytes });
    const exported = async (volume: string): Promise<{ target: string; lun: number }> => {
      await bench.must(callOf(`out-${volume}`), 'export-volume', {
        volume,
        initiators: [initiatorName('one')],
      });
      return { target: bench.targetOf(volume), lun: 1 };
    };

    it('says in its capabilities what it found out', async () => {
      const output = await bench.must(callOf('look'), 'discover', {});
      expect(output).to.have.nested.property('capabilities.snapshots', kind);
      expect(output).to.have.nested.property('capabilities.clones', kind);
      const { blocks, bsize } = await statfs(place);
      expect(output).to.have.nested.property('pools[0].total_bytes', blocks * bsize);
      expect(output).to.have.nested.property('ports[0].online', true);
      expect(await bench.files()).to.deep.equal([]);
    });

    it('a snapshot keeps the bytes, a clone of it has them, a revert gives them back, all seen by initiators', async () => {
      const { serial = '' } = await make();
      const unit = await exported('a');
      const one = bench.initiator('one');
      await one.io(unit, 'write -P 0x11 1M 1M', 'flush');
      await bench.must(callOf('snap'), 'create-snapshot', { snapshot: 's', volume: 'a', serial });
      await one.io(unit, 'write -P 0x22 1M 1M', 'flush');
      await bench.must(callOf('clone'), 'clone-volume', {
        volume: 'b',
        source_snapshot: 's',
        size_bytes: 2 * sizeBytes,
      });
      const copy = await exported('b');
      expect(await one.capacity(copy)).to.equal(2 * sizeBytes);
      await one.io(copy, 'read -P 0x11 1M 1M', 'read -P 0 2M 4M', 'write -P 0x33 1M 1M');
      await bench.must(callOf('second'), 'clone-volume', {
        volume: 'c',
        source_volume: 'a',
        source_serial: serial,
      });
      await one.io(await exported('c'), 'read -P 0x22 1M 1M');

      await bench.must(callOf('grow'), 'expand-volume', { volume: 'a', size_bytes: 2 * sizeBytes });
      await one.io(unit, 'write -P 0x44 5M 1M', 'flush');
      const args = { volume: 'a', serial, snapshot: 's' };
      expect(await bench.must(callOf('back'), 'revert-volume', args)).to.have.property(
        'size_bytes',
        2 * sizeBytes,
      );
      // The old bytes, and zeros beyond; the clone keeps what was written to it.
      expect(await one.capacity(unit)).to.equal(2 * sizeBytes);
      await one.io(unit, 'read -P 0x11 1M 1M', 'read -P 0 2M 6M');
      await one.io(copy, 'read -P 0x33 1M 1M');
      // Repeated, it takes away nothing that was written since.
      await one.io(unit, 'write -P 0x55 1M 1M', 'flush');
      await bench.must(callOf('back', { attempt: 2 }), 'revert-volume', args);
      await one.io(unit, 'read -P 0x55 1M 1M');
    });

    it('a volume with snapshots is not deleted; with the last of them gone it is', async () => {
      const { serial = '' } = await make();
      const snapshot = await bench.must(callOf('snap'), 'create-snapshot', { snapshot: 's', volume: 'a' });
      expect(await bench.execute(callOf('del'), 'delete-volume', { volume: 'a', serial })).to.deep.include({
        reason: 'VolumeInUse',
        effect: 'none',
      });
      const wrong = { snapshot: 's', serial: 'another' };
      await bench.must(callOf('unsnap-wrong'), 'delete-snapshot', wrong);
      expect(await bench.files()).to.include('s.img');
      await bench.must(callOf('unsnap'), 'delete-snapshot', { snapshot: 's', serial: snapshot['serial']! });
      await bench.must(callOf('del'), 'delete-volume', { volume: 'a', serial });
      expect(await bench.files()).to.deep.equal([]);
    });

    it('lists what is there, foreign files too, page by page', async () => {
      await make();
      await bench.must(callOf('snap'), 'create-snapshot', { snapshot: 's', volume: 'a' });
      await exported('a');
      const file = await open(join(bench.rootDir, 'volumes', 'b.img'), 'w');
      await file.truncate(mebibyte);
      await file.close();
      const first = await bench.must(callOf('look'), 'list-volumes', { limit: 1 });
      expect(first).to.have.property('next', 'a');
      expect(first).to.have.nested.property('volumes[0].made_by', 'wf-make/make');
      expect(first).to.have.nested.property('volumes[0].initiators[0]', initiatorName('one'));
      const second = await bench.must(callOf('look'), 'list-volumes', { after: 'a' });
      expect(second).not.to.have.property('next');
      expect(second).to.have.nested.property('volumes[0].foreign', true);
      const snapshots = await bench.must(callOf('look'), 'list-snapshots', {});
      expect(snapshots).to.have.nested.property('snapshots[0].volume', 'a');
      const pool = await bench.must(callOf('look'), 'discover', {});
      expect(pool).to.have.nested.property('pools[0].provisioned_bytes', 2 * sizeBytes + mebibyte);
      expect(
        reasonOf(await bench.execute(callOf('snap-b'), 'create-snapshot', { snapshot: 't', volume: 'b' })),
      ).to.equal('ForeignObject');
    });

    it('under an initiator that never stops writing: made at once by reflink, else between two writes, or refused whole', async () => {
      await make();
      const unit = await exported('a');
      const stopped = new AbortController();
      const writing = (async () => {
        let rounds = 0;
        for (; !stopped.signal.aborted; rounds++) {
          const pattern = 1 + (rounds % 200);
          await bench.initiator('one').io(unit, `write -P ${pattern} 0 4M`, 'flush');
        }
        return rounds;
      })();
      const results: string[] = [];
      for (let number = 0; number < 6; number++) {
        const result = await bench.execute(callOf(`snap-${number}`), 'create-snapshot', {
          ...{ snapshot: `s${number}`, volume: 'a' },
        });
        results.push(result.kind === 'done' ? 'done' : reasonOf(result));
        if (result.kind === 'failed') expect(result.effect).to.equal('none');
      }
      stopped.abort();
      expect(await writing).to.be.greaterThan(0);
      for (const one of results) expect(one).to.be.oneOf(['done', 'VolumeBusy']);
      if (kind === 'instant') expect(results).to.deep.equal(results.map(() => 'done'));
    });

    it('undoes each of them, and what is left is what was there before', async () => {
      await make();
      const before = await bench.files();
      await bench.must(callOf('snap'), 'create-snapshot', { snapshot: 's', volume: 'a' });
      await bench.must(callOf('clone'), 'clone-volume', { volume: 'b', source_snapshot: 's' });
      // An undo under another step's key leaves them.
      await bench.must(undoOf('other'), 'delete-volume', { volume: 'b' });
      await bench.must(undoOf('other'), 'delete-snapshot', { snapshot: 's' });
      expect(await bench.files()).to.deep.equal(['a.img', 'a.json', 'b.img', 'b.json', 's.img', 's.json']);
      await bench.must(undoOf('clone'), 'delete-volume', { volume: 'b' });
      await bench.must(undoOf('snap'), 'delete-snapshot', { snapshot: 's' });
      expect(await bench.files()).to.deep.equal(before);
    });
  });
}
