import { expect } from 'chai';
import { AssertionError, assert, present } from '../../../src/base/assert.js';

describe('assert()', () => {
  it('throws an AssertionError with the message unless the condition holds', () => {
    expect(() => {
      assert(false, 'It holds');
    }).to.throw(AssertionError, 'It holds');
    assert(true, 'It holds');
  });

  it('has a sibling for what must be there', () => {
    expect(present(0, 'Number')).to.equal(0);
    expect(() => {
      present(undefined, 'Number');
    }).to.throw(AssertionError, 'Number is missing');
  });
});
