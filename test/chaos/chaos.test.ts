/**
 * Chaos with real processes: for five minutes every kind of fault comes again and again, under load. The report says what
 * happened; nothing may be broken. `npm run chaos -- --minutes 30 --seed N` is the same by hand.
 */
import { expect } from 'chai';
import { etcdFaults, insideFaults, nodeFaults, soloFaults } from './deck.js';
import { p4Ms, reportOf, slowestMs } from './report.js';
import { runChaos, type ChaosResult } from './run.js';
import { seedOf, usualOptions } from './settings.js';

const minutes = Number(process.env['STEPLOCK_CHAOS_MINUTES'] ?? '5');
/** A thousand in five minutes. */
const workflowsMin = 200 * minutes;
/** etcd counts leases in steps of half a second; a machine of two cores carries eleven processes here. */
const noiseMs = 1_000;

describe('chaos', function () {
  this.timeout((1.5 * minutes + 5) * 60_000);
  let result: ChaosResult;
  const say = (text: string): void => {
    process.stdout.write(`    ${text}\n`);
  };

  before(async function () {
    // The first time etcd is built.
    this.timeout((1.5 * minutes + 12) * 60_000);
    const seed = seedOf();
    say(`seed ${seed}: STEPLOCK_CHAOS_SEED=${seed} draws the same plans and faults again`);
    result = await runChaos({ ...(await usualOptions()), seed, minutes, workflowsMin, say });
    for (const line of reportOf(result)) say(line);
  });

  it('breaks no invariant, leaves no orphan, makes nothing twice', () => {
    expect(result.broken).to.deep.equal([]);
    expect(result.verdict.orphans).to.equal(0);
    expect(result.verdict.doubleCreations).to.equal(0);
  });

  it('has had every kind of fault at least twice, and enough workflows', () => {
    for (const kind of [...nodeFaults, ...etcdFaults, ...insideFaults, ...soloFaults])
      expect(result.faults.get(kind), kind).to.be.at.least(2);
    expect(result.workflows.length).to.be.at.least(workflowsMin);
  });

  it("restarts what a killed node held within P4's time", () => {
    for (const hadOneLeader of [true, false]) {
      const budgetMs = p4Ms(result.leaseTtlMs, hadOneLeader) + noiseMs;
      expect(slowestMs(result.losses, hadOneLeader)).to.be.at.most(budgetMs);
    }
    expect(result.losses.flatMap(({ restartsMs }) => restartsMs)).to.not.deep.equal([]);
  });
});
