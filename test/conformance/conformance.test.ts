/**
 * What every storage adapter has to do, on each that there is: real files and a real tgtd in this process and behind an
 * agent, and simulated arrays with jobs and without. It prints how many checks each has passed.
 */
import type { Bench } from './bench.js';
import { checksOf } from './checks/index.js';
import { listSubjects } from './subjects/index.js';

for (const subject of listSubjects()) {
  describe(`conformance: ${subject.name}`, function () {
    this.timeout(120_000);
    const checks = checksOf(subject);
    let passed = 0;
    let bench: Bench;
    beforeEach(async () => {
      bench = await subject.open();
    });
    afterEach(async function () {
      if (this.currentTest?.state === 'passed') passed += 1;
      await bench.remove();
    });
    after(async () => {
      await subject.close();
      process.stdout.write(`    ${subject.name}: ${passed} of ${checks.length} checks passed\n`);
    });
    for (const check of checks) {
      it(check.name, async () => {
        await check.run(bench, subject);
      });
    }
  });
}
