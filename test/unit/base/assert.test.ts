import { expect } from 'chai';
import { AssertionError, assert, present, unreachable } from '../../../src/base/assert.js';

describe('assert()', () => {
  it('throws an AssertionError with the message unless the condition holds', () => {
    expect(() => {
      assert(false, 'It holds');
    }).to.throw(AssertionError, 'It holds');
    assert(true, 'It holds');
  });

  it('has siblings for what must be there and what cannot be', () => {
    expect(present(0, 'Number')).to.equal(0);
    expect(() => {
      present(undefined, 'Number');
    }).to.throw(AssertionError, 'Number is missing');
    expect(() => {
      unreachable('x' as never);
    }).to.throw(AssertionError);
  });
});
