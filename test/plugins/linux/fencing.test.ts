/** Two processes and one system: the lock, the fence, and who dies with whom. */
import { expect } from 'chai';
import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../../../src/controller.js';
import { eventually } from '../../support/eventually.js';
import { createWorkerPool, descendantsOf, expectGone, type Worker, type WorkerPool } from './processes.js';
import {
  callOf,
  contextOf,
  createBench,
  errorOf,
  mebibyte,
  nextToken,
  undoOf,
  type Bench,
  type CallData,
} from './support.js';

describe('linux: fencing and locks between processes', function () {
  this.timeout(20_000);
  let bench: Bench;
  let pool: WorkerPool;
  const args = { volume: 'a', size_bytes: mebibyte };
  before(async () => {
    pool = await createWorkerPool(2);
  });
  after(async () => {
    await pool.drain();
  });
  beforeEach(async () => {
    bench = await createBench();
  });
  afterEach(async () => {
    await bench.remove();
  });

  const begin = async (call: CallData, stopAt: string, taskArgs: JsonObject = args): Promise<Worker> => {
    const worker = await pool.take();
    worker.begin({
      ...{
        system: bench.system,
        operation: 'execute',
        method: 'create-volume',
        call,
        args: taskArgs,
        stopAt,
      },
    });
    return worker;
  };
  /** Waits until the worker has a `flock` child that waits for the lock. */
  const waitForLock = async ({ pid }: Worker): Promise<void> => {
    await eventually(async () => {
      const family = await descendantsOf(pid);
      if (!family.some(({ command }) => command === 'flock'))
        throw new Error('It does not wait for the lock');
    });
  };

  it('refuses a call with an older token, before it does anything', async () => {
    const stale = callOf('make');
    expect(await bench.probe({ ...stale, fencingToken: nextToken() }, 'create-volume', args)).to.deep.equal({
      ...{ kind: 'not-done', effect: 'none' },
    });
    const error = await errorOf(bench.execute(stale, 'create-volume', args));
    expect(error).to.contain('SteplockError').and.contain('comes after one with');
    expect(await bench.files()).to.deep.equal([]);
    // Another step, the other direction and a newer token are not concerned.
    await bench.must({ ...undoOf('make'), fencingToken: stale.fencingToken }, 'delete-volume', {
      volume: 'a',
    });
    await bench.must({ ...callOf('other'), fencingToken: stale.fencingToken }, 'create-volume', args);
  });

  it('refuses a call that waited for the lock while a newer one raised the fence', async () => {
    const holder = await begin(callOf('holder'), 'create-volume:temp-made');
    await holder.until('at create-volume:temp-made');
    const call = callOf('make');
    const stale = await begin(call, 'nowhere');
    await waitForLock(stale);
    // Stopped, so that the probe gets the lock before it; its flock child goes on waiting.
    stale.signal('SIGSTOP');
    const probe = bench.probe({ ...call, fencingToken: nextToken() }, 'create-volume', args);
    await eventually(async () => {
      const own = (await descendantsOf(process.pid)).filter(({ command }) => command === 'flock');
      const theirs = (await descendantsOf(stale.pid)).filter(({ command }) => command === 'flock');
      if (own.length <= theirs.length) throw new Error('The probe does not wait for the lock yet');
    });
    // The stale call's flock child is first in the line and would get the lock for it.
    const [blocked] = (await descendantsOf(stale.pid)).filter(({ command }) => command === 'flock');
    process.kill(blocked?.pid ?? 0, 'SIGSTOP');
    await holder.killWithChildren();
    expect((await probe).kind).to.equal('not-done');
    process.kill(blocked?.pid ?? 0, 'SIGCONT');
    stale.signal('SIGCONT');
    expect(await stale.until('error')).to.contain('comes after one with');
    await stale.ended();
    await bench.must(undoOf('holder'), 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal([]);
  });

  it('lets one of two processes have the name, and tells the other', async () => {
    const workers = await Promise.all(
      ['one', 'two'].map(async (step) => await begin(callOf(step), 'nowhere')),
    );
    const results = await Promise.all(workers.map(async (worker) => await worker.until('result')));
    expect(results.filter((text) => text.includes('"kind":"done"'))).to.have.length(1);
    expect(results.filter((text) => text.includes('"reason":"VolumeExists"'))).to.have.length(1);
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
  });

  it('keeps the lock of a process that is stopped, for as long as the other one’s call may take', async () => {
    const holder = await begin(callOf('holder'), 'create-volume:filled');
    await holder.until('at create-volume:filled');
    holder.signal('SIGSTOP');
    const hasty = callOf('hasty', { deadlineMs: Date.now() + 300 });
    expect(await errorOf(bench.execute(hasty, 'create-volume', args))).to.contain('past its deadline');
    holder.signal('SIGCONT');
    holder.goOn();
    expect(await holder.until('result')).to.contain('"kind":"done"');
    // Nobody who gave up waiting is still in line.
    const waiting = (await descendantsOf(process.pid)).filter(({ command }) => command === 'flock');
    expect(waiting).to.deep.equal([]);
  });

  it('gives the lock of a killed process to the next one, whose wait ends at once', async () => {
    const holder = await begin(callOf('holder'), 'create-volume:filled');
    await holder.until('at create-volume:filled');
    const next = await begin(callOf('next'), 'nowhere');
    await waitForLock(next);
    await holder.killWithChildren();
    expect(await next.until('result')).to.contain('"kind":"done"');
    await bench.must(undoOf('holder'), 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal(['a.img', 'a.json']);
  });

  it('leaves no child behind that waits for the lock', async () => {
    const holder = await begin(callOf('holder'), 'create-volume:filled');
    await holder.until('at create-volume:filled');
    const next = await begin(callOf('next'), 'nowhere');
    await waitForLock(next);
    await next.killWithChildren();
    await holder.killWithChildren();
  });

  it('leaves no child behind that writes, and frees the lock only when it is gone', async () => {
    // Enough zeros that the child is still at it when it is looked for.
    const large = { volume: 'a', size_bytes: 512 * mebibyte, thick: true };
    const writer = await begin(callOf('make'), 'nowhere', large);
    const family = await eventually(async () => {
      const all = await descendantsOf(writer.pid);
      if (!all.some(({ command }) => command === 'dd')) throw new Error('It does not write');
      return all;
    });
    const writing = family.find(({ command }) => command === 'dd');
    // The lock is its too, so that the lock outlives us if it does.
    expect(await readlink(`/proc/${writing?.pid ?? 0}/fd/3`)).to.contain(join(bench.rootDir, 'ledgers'));
    writer.signal('SIGKILL');
    const probe = await bench.probe(callOf('make'), 'create-volume', large);
    // The child holds the lock too: whoever has the lock now knows that it is gone.
    const left = await descendantsOf(1);
    for (const { pid, startedAt } of family) {
      expect(left.some((one) => one.pid === pid && one.startedAt === startedAt)).to.equal(false);
    }
    expect(probe).to.deep.equal({ kind: 'not-done', effect: 'some' });
    await expectGone(family);
    await bench.must(undoOf('make'), 'delete-volume', { volume: 'a' });
    expect(await bench.files()).to.deep.equal([]);
  });

  it('stops its child when the call is aborted', async () => {
    const abort = new AbortController();
    const context = contextOf(callOf('make'), { signal: abort.signal });
    const large = { volume: 'a', size_bytes: 512 * mebibyte, thick: true };
    const call = errorOf(bench.controller.execute(context, 'create-volume', large));
    const family = await eventually(async () => {
      const all = (await descendantsOf(process.pid)).filter(({ command }) => command === 'dd');
      if (all.length === 0) throw new Error('It does not write');
      return all;
    });
    abort.abort(new Error('cancelled by test'));
    expect(await call).to.contain('cancelled by test');
    await expectGone(family);
    await bench.must(undoOf('make'), 'delete-volume', { volume: 'a' });
  });

  it('keeps its ledgers small', async () => {
    for (let step = 0; step < 65; step++) {
      await bench.probe(callOf(`step-${step}`), 'create-volume', args);
    }
    const [name = '', ...more] = await readdir(join(bench.rootDir, 'ledgers'));
    expect(more).to.deep.equal([]);
    expect((await stat(join(bench.rootDir, 'ledgers', name))).size).to.equal(8 * 1024);
    // What was forgotten is refused by the floor: step 0 came with the lowest token.
    const stale = callOf('step-0', { fencingToken: { generation: 1, revision: 1 } });
    expect(await errorOf(bench.execute(stale, 'create-volume', args))).to.contain('comes after one with');
  });
});
