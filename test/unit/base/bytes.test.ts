import { expect } from 'chai';
import fc from 'fast-check';
import { fromUtf8, sha256Hex, toUtf8 } from '../../../src/base/bytes.js';

describe('bytes', () => {
  it('go from text and back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(fromUtf8(toUtf8(text))).to.equal(text);
      }),
    );
  });

  it('are refused when they are not UTF-8', () => {
    expect(() => fromUtf8(Uint8Array.of(0xc3, 0x28))).to.throw(TypeError);
  });

  it('are hashed', () => {
    expect(sha256Hex('')).to.equal('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });
});
