/** Exit codes do not change: scripts stand on them. */
import { expect } from 'chai';
import { exitCodeOf, exitCodes } from '../../../src/cli/exit-codes.js';
import { callReasons } from '../../../src/errors/index.js';

describe('Exit codes', () => {
  it('are what docs/cli.md says for ever', () => {
    expect(exitCodes).to.deep.equal({
      ok: 0,
      failed: 1,
      usage: 2,
      notSucceeded: 3,
      refused: 4,
      notFound: 5,
      unavailable: 6,
      timedOut: 7,
      defect: 70,
    });
  });

  it('tell what to do of each kind of error: correct it, look elsewhere, try again, wait longer, report it', () => {
    const expected = {
      INVALID_ARGUMENT: 4,
      ALREADY_EXISTS: 4,
      FAILED_PRECONDITION: 4,
      ABORTED: 4,
      OUT_OF_RANGE: 4,
      UNIMPLEMENTED: 4,
      RESOURCE_EXHAUSTED: 4,
      NOT_FOUND: 5,
      UNAVAILABLE: 6,
      UNKNOWN: 6,
      DEADLINE_EXCEEDED: 7,
      CANCELLED: 1,
      INTERNAL: 70,
    } as const;
    for (const [code, exit] of Object.entries(expected)) {
      expect(exitCodeOf(code as keyof typeof expected), code).to.equal(exit);
    }
    // Every error that a server can give has one.
    for (const { code } of Object.values(callReasons)) expect(expected).to.have.property(code);
  });
});
