import { expect } from 'chai';
import fc from 'fast-check';
import {
  idPattern,
  isUndo,
  newUuid,
  requestIdPattern,
  undoneOf,
  undoOf,
  type StepId,
} from '../../../src/base/ids.js';
import { createSeededRandom } from '../../../src/base/random.js';

describe('ids', () => {
  it('are lower-case letters, digits and hyphens, begin with a letter and end with no hyphen', () => {
    for (const id of ['a', 'a1', 'a-b', 'a'.repeat(63)]) expect(idPattern.test(id), id).to.equal(true);
    for (const id of ['', '1a', '-a', 'a-', 'A', 'a.b', 'a_b', 'a\n', 'ä', 'a'.repeat(64)]) {
      expect(idPattern.test(id), id).to.equal(false);
    }
  });

  it('of undos lead back to their steps, and no step of a plan can have one', () => {
    const undo = undoOf('make' as StepId);
    expect(isUndo(undo)).to.equal(true);
    expect(undoneOf(undo)).to.equal('make');
    expect(undoneOf('make' as StepId)).to.equal('make');
    expect(idPattern.test(undo)).to.equal(false);
  });

  it('made by newUuid() are UUIDs of version 4', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const uuid = newUuid(createSeededRandom(seed));
        expect(requestIdPattern.test(uuid)).to.equal(true);
        expect(uuid.charAt(14)).to.equal('4');
        expect('89ab').to.include(uuid.charAt(19));
      }),
    );
  });
});
