/** Resizing under an initiator that reads and writes all the time, at a real tgtd. */
import { expect } from 'chai';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningTgtd } from '../../../plugins/linux/tgtd.js';
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

describe('linux: resizing what is in use', function () {
  this.timeout(30_000);
  let tgtd: RunningTgtd;
  let bench: Bench;
  const unit = (): { target: string; lun: number } => ({ target: bench.targetOf('a'), lun: 1 });
  const size = async (): Promise<number> => (await stat(join(bench.rootDir, 'volumes', 'a.img'))).size;
  before(async () => {
    tgtd = await startTestTgtd();
  });
  after(async () => {
    await tgtd.stop();
  });
  beforeEach(async () => {
    bench = await createBench(tgtd);
    await bench.must(callOf('make'), 'create-volume', { volume: 'a', size_bytes: 8 * mebibyte });
    await bench.must(callOf('export'), 'export-volume', { volume: 'a', initiators: [initiatorName('one')] });
  });
  afterEach(async () => {
    await bench.must(undoOf('export'), 'unexport-volume', { volume: 'a' });
    await bench.remove();
  });

  it('fails no command of a busy initiator and loses none of its writes', async () => {
    const one = bench.initiator('one');
    const session = await one.open(unit());
    let isOver = false;
    let round = 0;
    // Each round writes 1 MiB with a pattern of its own and reads it back: a lost write would be noticed.
    const busy = (async () => {
      while (!isOver) {
        round++;
        const [pattern, at] = [(round % 255) + 1, round % 8];
        await session.command(`write -P ${pattern} ${at}M 1M`);
        await session.command(`read -P ${pattern} ${at}M 1M`);
      }
    })();
    const waitForRound = async (wanted: number): Promise<void> => {
      while (round < wanted) await Promise.race([busy, new Promise((resolve) => setImmediate(resolve))]);
    };
    await waitForRound(5);
    await bench.must(callOf('grow'), 'expand-volume', { volume: 'a', size_bytes: 16 * mebibyte });
    await waitForRound(round + 20);
    isOver = true;
    await busy;
    await session.close();
    expect(await one.capacity(unit())).to.equal(16 * mebibyte);
    await one.io(unit(), 'write -P 0x77 15M 1M', 'read -P 0x77 15M 1M');
    const serial = (await one.identify(unit())).serial;
    expect(serial).to.match(/^6[0-9a-f]{31}$/);
  });

  it('lets no command reach the file while it decides whether to cut it', async () => {
    await bench.must(callOf('grow'), 'expand-volume', { volume: 'a', size_bytes: 16 * mebibyte });
    const session = await bench.initiator('one').open(unit());
    let login = '';
    const controller = bench.controllerWith({
      faultPoint: async (point) => {
        if (point !== 'restore-volume-size:checked') return;
        const { targets } = await tgtd.client.show();
        const target = targets.find(({ name }) => name === bench.targetOf('a'));
        expect(target).to.deep.include({ state: 'offline', sessions: [] });
        login = await errorOf(bench.initiator('one').capacity(unit()));
      },
    });
    const context = contextOf(undoOf('grow'));
    const result = await controller.execute(context, 'restore-volume-size', { volume: 'a' });
    expect(result.kind).to.equal('done');
    expect(login).to.contain('Target error');
    session.abandon();
  });

  it('is undone under an initiator that wrote nothing there, and refused for one that did', async () => {
    const one = bench.initiator('one');
    await bench.must(callOf('grow'), 'expand-volume', { volume: 'a', size_bytes: 16 * mebibyte });
    const session = await one.open(unit());
    await session.command('write -P 0x77 12M 4k');
    await session.command('flush');
    const refused = await bench.execute(undoOf('grow'), 'restore-volume-size', { volume: 'a' });
    expect(refused).to.include({ kind: 'failed', reason: 'DataBeyondSize', retryable: false });
    expect(await size()).to.equal(16 * mebibyte);
    // The target is open again: the same session goes on, and its bytes are there.
    await session.command('read -P 0x77 12M 4k');
    await session.command('write -P 0 12M 4k');
    await session.command('write -P 0x11 0 1M');
    await session.command('flush');
    await bench.must(undoOf('grow'), 'restore-volume-size', { volume: 'a' });
    await session.command('read -P 0x11 0 1M');
    await session.close();
    expect(await size()).to.equal(8 * mebibyte);
    expect(await one.capacity(unit())).to.equal(8 * mebibyte);
  });
});
