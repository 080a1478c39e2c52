/** Every write and call of every golden workflow is a point at which a node is stopped: none is left out. */
import { expect } from 'chai';
import { goldens } from './goldens.js';
import { sweepOne } from './sweep-one.js';

describe('crash sweep: a node stopped before and after each write and each call', function () {
  this.timeout(180_000);

  for (const golden of goldens) {
    it(`${golden.name}: another node brings it to the same end`, async function () {
      const { writes, calls, ran, failures } = await sweepOne(golden);
      expect(failures.join('\n')).to.equal('');
      expect(writes).to.be.greaterThan(0);
      expect(ran).to.be.at.least(2 * (writes + calls) - 2);
      // Shown with the test's name, so that a workflow that lost its points is noticed.
      this.test!.title += ` (${writes} writes, ${calls} calls, ${ran} points)`;
    });
  }
});
