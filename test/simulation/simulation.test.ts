/**
 * Seeds of the simulation, in CI. `npm run sim -- --seeds N --from S` runs as many as wanted; a failure prints how to
 * replay it.
 */
import { expect } from 'chai';
import { runSeed } from './world.js';

const seeds = Number(process.env['STEPLOCK_SIM_SEEDS'] ?? 500);
const from = Number(process.env['STEPLOCK_SIM_FROM'] ?? 1);
const perTest = 50;
const stepsMax = 10;
const workflowsMax = 3;

describe(`simulation of one to three nodes under faults (${seeds} seeds from ${from})`, function () {
  this.timeout(120_000);

  for (let first = from; first < from + seeds; first += perTest) {
    const last = Math.min(first + perTest, from + seeds) - 1;
    it(`seeds ${first} to ${last}: no invariant is broken, and every workflow ends`, async () => {
      for (let seed = first; seed <= last; seed++) {
        const { failure } = await runSeed({ seed, stepsMax, workflowsMax });
        const replay = `npm run sim -- --seeds 1 --from ${seed} --steps ${stepsMax} --workflows ${workflowsMax} --trace`;
        expect(failure, `seed ${seed}; replay with: ${replay}`).to.equal(undefined);
      }
    });
  }

  it('gives the same run for the same seed', async () => {
    const runs: string[][] = [[], []];
    for (const trace of runs) {
      for (let seed = from; seed < from + 10; seed++) {
        await runSeed({ seed, stepsMax, workflowsMax, onTrace: (line) => trace.push(line) });
      }
    }
    // Ten seeds together: one alone may be a single workflow of a few steps.
    expect(runs[0]?.length).to.be.greaterThan(500);
    expect(runs[0]).to.deep.equal(runs[1]);
  });
});
