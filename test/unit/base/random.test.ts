import { expect } from 'chai';
import fc from 'fast-check';
import { createSeededRandom, randomBelow, systemRandom } from '../../../src/base/random.js';

describe('randomness', () => {
  it('from one seed is one sequence, from another one another', () => {
    const draw = (seed: number): unknown[] => {
      const random = createSeededRandom(seed);
      return [random.next(), random.hex(8), randomBelow(random, 1_000)];
    };
    expect(draw(1)).to.deep.equal(draw(1));
    expect(draw(1)).to.not.deep.equal(draw(2));
  });

  it('keeps within its bounds', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 50 }), (seed, bound) => {
        const random = createSeededRandom(seed);
        const number = random.next();
        expect(number).to.be.within(0, 1).and.not.equal(1);
        expect(randomBelow(random, bound)).to.be.within(0, bound - 1);
        expect(random.hex(5)).to.match(/^[0-9a-f]{10}$/);
      }),
    );
    expect(systemRandom.next()).to.be.within(0, 1);
    expect(systemRandom.hex(3)).to.match(/^[0-9a-f]{6}$/);
  });
});
