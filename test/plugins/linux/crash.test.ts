/**
 * kill -9 at every fault point of every method, in a process of its own; then another process probes,
 * executes again or undoes. Nothing may be lost, made twice or left over.
 */
import { expect } from 'chai';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { linuxFaultPoints, type LinuxFaultPoint } from '../../../plugins/linux/index.js';
import type { RunningTgtd } from '../../../plugins/linux/tgtd.js';
import { expectBytes, listScenarios, probed, volume, type Scenario } from './crash-scenarios.js';
import { createWorkerPool, type WorkerPool } from './processes.js';
import { callOf, createBench, errorOf, startTestTgtd, undoOf, type Bench, type CallData } from './support.js';

describe('linux: kill -9 at every fault point', function () {
  this.timeout(30_000);
  let tgtd: RunningTgtd;
  let pool: WorkerPool;
  before(async () => {
    pool = await createWorkerPool(3);
    tgtd = await startTestTgtd();
  });
  after(async () => {
    await pool.drain();
    await tgtd.stop();
  });

  /** Runs the call in a process of its own and kills it at the point. */
  const killAt = async (bench: Bench, point: LinuxFaultPoint, scenario: Scenario): Promise<CallData> => {
    const call = scenario.call();
    const worker = await pool.take();
    const { system } = bench;
    const { method } = scenario;
    worker.begin({ system, operation: 'execute', method, call, args: scenario.args(bench), stopAt: point });
    await worker.until(`at ${point}`);
    await worker.killWithChildren();
    return call;
  };
  const again = ({ workflowUid, step, direction, idempotencyKey, undone }: CallData): CallData =>
    callOf(step, { workflowUid, direction, idempotencyKey, undone, attempt: 2 });
  const undo = async (bench: Bench, steps: Scenario['cleanUp']): Promise<void> => {
    for (const { method, step, args = { volume } } of steps) await bench.must(undoOf(step), method, args);
  };
  /** The bench's targets, without their sessions, which come and go. */
  const targetsOf = async (bench: Bench): Promise<object[]> => {
    const { targets } = await tgtd.client.show();
    const own = targets.filter(({ name }) => name.startsWith(bench.system.iqnPrefix));
    return own.map((target) => ({ ...target, sessions: [] }));
  };
  const expectNothingLeft = async (bench: Bench): Promise<void> => {
    expect(await bench.files()).to.deep.equal([]);
    expect(await targetsOf(bench)).to.deep.equal([]);
    const { accounts } = await tgtd.client.show();
    expect(accounts.filter((name) => name.endsWith(bench.rootDir.slice(-6)))).to.deep.equal([]);
    expect(await readdir(join(bench.rootDir, 'accounts'))).to.deep.equal([]);
    await bench.remove();
  };

  const executeAgain = async (point: LinuxFaultPoint, scenario: Scenario): Promise<void> => {
    const bench = await createBench(tgtd);
    const { method, cleanUp } = scenario;
    await scenario.prepare(bench);
    const dead = await killAt(bench, point, scenario);
    const args = scenario.args(bench);
    const found = await bench.probe(again(dead), method, args);
    // The dead call's own token is below the one of the probe.
    expect(await errorOf(bench.execute(dead, method, args))).to.contain('comes after one with');
    const said = found.kind === 'not-done' ? found.effect : found.kind;
    expect(said).to.equal(probed[point] ?? 'some');
    const output = await bench.must(again(dead), method, args);
    // What the probe called done is what executing says too.
    if (found.kind === 'done') expect(found.output).to.deep.equal(output);
    expect(await bench.probe(again(dead), method, args)).to.deep.equal({ kind: 'done', output });
    await scenario.verify(bench, tgtd);
    await undo(bench, [...(scenario.undo === undefined ? [] : [scenario.undo]), ...cleanUp]);
    await expectNothingLeft(bench);
  };

  const undoTwice = async (point: LinuxFaultPoint, scenario: Scenario): Promise<void> => {
    if (scenario.undo === undefined) return;
    const bench = await createBench(tgtd);
    await scenario.prepare(bench);
    const before = await targetsOf(bench);
    await killAt(bench, point, scenario);
    await undo(bench, [scenario.undo, scenario.undo]);
    expect(await targetsOf(bench)).to.deep.equal(before);
    expect((await bench.files()).filter((file) => file.startsWith('.'))).to.deep.equal([]);
    if (scenario.method !== 'create-volume') await expectBytes(bench);
    await undo(bench, scenario.cleanUp);
    await expectNothingLeft(bench);
  };

  it('meets every fault point', () => {
    const methods = new Set(listScenarios().map(({ method }) => method));
    for (const point of linuxFaultPoints) expect(methods).to.include(point.slice(0, point.indexOf(':')));
  });

  for (const scenario of listScenarios()) {
    const { name, method, undo: own } = scenario;
    describe(name, () => {
      for (const point of linuxFaultPoints.filter((one) => one.startsWith(`${method}:`))) {
        const what =
          own === undefined ? 'is probed and executed again' : 'is probed and executed again, or undone';
        it(`at ${point} ${what}`, async () => {
          // In two systems at once, to use both cores.
          await Promise.all([executeAgain(point, scenario), undoTwice(point, scenario)]);
        });
      }
    });
  }
});
