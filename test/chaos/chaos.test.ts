/**
 * Chaos with real processes: for five minutes every kind of fault comes again and again, under load. The report says what
 * happened; nothing may be broken. `npm run chaos -- --minutes 30 --seed N` is the same by hand.
 */
import { expect } from 'chai';
import { etcdFaults, insideFaults, nodeFaults, soloFaults } from './deck.js';
import { reportOf } from './report.js';
import { runChaos, type ChaosResult } from './run.js';
import { seedOf, usualOptions } from './settings.js';

const minutes = Number(process.env['STEPLOCK_CHAOS_MINUTES'] ?? '5');
/** A thousand in five minutes. */
const workflowsMin = 200 * minutes;

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

  it('begins again elsewhere what a killed node held, with one leader of etcd and with another', () => {
    // How fast is printed against P4, and measured by `npm run bench -- P4`: a time is no matter of a test.
    for (const leaderStayed of [true, false]) {
      const losses = result.losses.filter(({ hadOneLeader }) => hadOneLeader === leaderStayed);
      expect(losses.flatMap(({ restartsMs }) => restartsMs)).to.not.deep.equal([]);
    }
  });
});
