import { expect } from 'chai';
import fc from 'fast-check';
import { durationToMs, msToDate, msToDuration } from '../../../src/base/duration.js';

describe('durations', () => {
  it('go from milliseconds and back, negative ones too', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (ms) => {
        const { seconds, nanos } = msToDuration(ms);
        expect(seconds).to.match(/^-?[0-9]+$/);
        expect(Math.abs(nanos)).to.be.below(1e9);
        expect(durationToMs({ seconds, nanos })).to.equal(ms);
      }),
    );
  });

  it('are rounded to whole milliseconds', () => {
    expect(durationToMs({ seconds: '1', nanos: 499_999 })).to.equal(1_000);
    expect(durationToMs({ seconds: '1', nanos: 500_000 })).to.equal(1_001);
  });

  it('have no date for 0', () => {
    expect(msToDate(0)).to.equal(undefined);
    expect(msToDate(1)?.getTime()).to.equal(1);
  });
});
