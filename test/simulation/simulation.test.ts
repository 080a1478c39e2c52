/**
 * Seeds of the simulation, in CI. `npm run sim -- --seeds N --from S` runs as many as wanted; a failure prints how to
 * replay it.
 */
import { availableParallelism } from 'node:os';
import { expect } from 'chai';
import { runSeeds } from './pool.js';
import { sizeOf } from './sizes.js';
import { Summary } from './summary.js';
import { runSeed } from './world.js';

const seeds = Number(process.env['STEPLOCK_SIM_SEEDS'] ?? 500);
const from = Number(process.env['STEPLOCK_SIM_FROM'] ?? 1);

describe(`simulation of one to three nodes under faults (${seeds} seeds from ${from})`, function () {
  this.timeout(230_000);
  const summary = new Summary({});

  it('no invariant is broken, and every workflow ends', async () => {
    const onAnswer = (answer: Parameters<Summary['add']>[0]): boolean => {
      summary.add(answer);
      return false;
    };
    await runSeeds({ from, seeds, given: {}, jobs: availableParallelism(), onAnswer });
    const broken = summary.broken.map(({ failure, replay }) => `${failure}\n  replay: ${replay}`);
    expect(broken.join('\n')).to.equal('');
    expect(summary.seeds).to.equal(seeds);
  });

  it('every kind of fault has happened in them, and every end', () => {
    expect(summary.missing).to.deep.equal([]);
    const ends = ['SUCCEEDED', 'ROLLED_BACK', 'CANCELLED', 'FAILED', 'DELETED'];
    expect(Object.keys(summary.ends)).to.include.members(ends);
  });

  it('gives the same run for the same seed', async () => {
    const runs: string[][] = [[], []];
    for (const trace of runs) {
      for (let seed = from; seed < from + 9; seed++) {
        await runSeed({ seed, ...sizeOf(seed), onTrace: (line) => trace.push(line) });
      }
    }
    // Nine seeds together: one alone may be a single workflow of a few steps.
    expect(runs[0]?.length).to.be.greaterThan(500);
    expect(runs[0]).to.deep.equal(runs[1]);
  });
});
