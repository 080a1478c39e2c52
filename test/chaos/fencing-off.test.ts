/** Fencing switched off in a copy of the code: the chaos run's checker finds it. In the code as it is, it finds nothing. */
import { expect } from 'chai';
import { sleep, systemClock } from '../../src/base/clock.js';
import { copyWithDefect, defects, removeCopy } from './defects.js';
import type { Faults } from './faults.js';
import type { PlanTastes } from './plans.js';
import { runChaos, type ChaosResult } from './run.js';
import { root, seedOf, usualOptions } from './settings.js';
import type { Stage } from './stage.js';

/** Long calls in the nodes themselves, of workflows most of which are undone: what is late finds everything changed. */
const tastes: PlanTastes = { workMsMax: 1_500, failShare: 0.7, localShare: 1 };
/** More work than slots: a node that goes on finds some that it can take. */
const crowd = { users: 16, capacity: 3, leaseTtlMs: 2_000 };
const stopMs = 9_000;
/** Of a defect, until it is found. */
const runsMax = 3;

/** Each node is stopped until others have long taken over what it does, and undone it. */
async function stopEach(_faults: Faults, stage: Stage): Promise<void> {
  await sleep(systemClock, 4_000);
  for (const { process: node } of stage.nodes) {
    node.signal('SIGSTOP');
    await sleep(systemClock, stopMs);
    node.signal('SIGCONT');
    await sleep(systemClock, 2_500);
  }
}

async function run(tree: string, seed = seedOf()): Promise<ChaosResult> {
  const usual = await usualOptions();
  const quiet = (): void => undefined;
  return await runChaos({
    ...usual,
    tree,
    tastes,
    ...crowd,
    seed,
    minutes: 1,
    script: stopEach,
    say: quiet,
    finishMs: 60_000,
    keepsFiles: false,
  });
}

describe('chaos with fencing switched off', function () {
  this.timeout(300_000);

  it('nodes stopped past their leases break nothing where fencing is on', async () => {
    const { broken, verdict } = await run(root);
    expect(broken).to.deep.equal([]);
    expect(verdict.refused, 'late calls that the array refused').to.be.above(0);
  });

  for (const defect of defects) {
    it(`${defect.name}: is found`, async function () {
      this.timeout(runsMax * 150_000);
      const copy = copyWithDefect(root, defect);
      try {
        let found = '';
        // Which call a stop meets, and where in it, is chance: one run in several meets none that matters.
        for (let at = 0; at < runsMax && !defect.finding.test(found); at++)
          found = (await run(copy, seedOf() + at)).broken.join('\n');
        expect(found).to.match(defect.finding);
      } finally {
        removeCopy(copy);
      }
    });
  }
});
