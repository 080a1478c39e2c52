import { expect } from 'chai';
import fc from 'fast-check';
import {
  canonicalJson,
  childPointer,
  isJsonObject,
  isPointer,
  pointerTokens,
  resolvePointer,
  type JsonValue,
} from '../../../src/base/json.js';

describe('canonicalJson()', () => {
  it('gives one text for equal values, whatever the order of their keys, at every depth', () => {
    const left = { b: [{ y: 1, x: 2 }], a: null };
    const right = { a: null, b: [{ x: 2, y: 1 }] };
    expect(canonicalJson(left)).to.equal(canonicalJson(right));
  });

  it('keeps the order of arrays', () => {
    expect(canonicalJson([1, 2])).to.not.equal(canonicalJson([2, 1]));
  });

  it('keeps a property named __proto__', () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"a":1}}') as JsonValue)).to.equal('{"__proto__":{"a":1}}');
  });

  it('loses nothing of any value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as JsonValue;
        expect(JSON.parse(canonicalJson(plain))).to.deep.equal(plain);
      }),
    );
  });
});

describe('resolvePointer()', () => {
  const value = { '': 0, 'a/b': 1, 'm~n': 2, list: ['x', { y: 3 }], toString: 4, nothing: null };

  it('follows RFC 6901', () => {
    expect(resolvePointer(value, '')).to.equal(value);
    expect(resolvePointer(value, '/')).to.equal(0);
    expect(resolvePointer(value, '/a~1b')).to.equal(1);
    expect(resolvePointer(value, '/m~0n')).to.equal(2);
    expect(resolvePointer(value, '/list/1/y')).to.equal(3);
    expect(resolvePointer(value, '/nothing')).to.equal(null);
  });

  it('reads ~01 as ~1 and not as a slash', () => {
    expect(resolvePointer({ '~1': 'right', '/': 'wrong' }, '/~01')).to.equal('right');
  });

  it('gives undefined for what is not there', () => {
    for (const pointer of [
      '/none',
      '/list/2',
      '/list/-',
      '/list/01',
      '/list/length',
      '/nothing/x',
      '/list/1/y/z',
    ]) {
      expect(resolvePointer(value, pointer), pointer).to.equal(undefined);
    }
  });

  it('sees no members that an object merely inherits', () => {
    expect(resolvePointer({}, '/toString')).to.equal(undefined);
    expect(resolvePointer({}, '/__proto__')).to.equal(undefined);
    expect(resolvePointer(value, '/toString')).to.equal(4);
  });
});

describe('isPointer()', () => {
  it('accepts what RFC 6901 does', () => {
    for (const text of ['', '/', '//', '/a', '/a~0b/~1', '/ü\n'])
      expect(isPointer(text), text).to.equal(true);
  });

  it('refuses what it does not', () => {
    for (const text of ['a', 'a/b', '/~', '/~2', '/a~', '#/a']) expect(isPointer(text), text).to.equal(false);
  });

  it('copes with a pointer of a million characters', () => {
    expect(isPointer(`/${'a'.repeat(1_000_000)}`)).to.equal(true);
    expect(isPointer(`/${'~0'.repeat(500_000)}~`)).to.equal(false);
    expect(isPointer('/'.repeat(1_000_000))).to.equal(true);
  });
});

describe('childPointer()', () => {
  it('makes pointers that lead to where they were made, for any key', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('~', '/', '0', '1', 'a') })), (tokens) => {
        const pointer = tokens.reduce((at, token) => childPointer(at, token), '');
        expect(isPointer(pointer)).to.equal(true);
        expect(pointerTokens(pointer)).to.deep.equal(tokens);
      }),
    );
  });
});

describe('isJsonObject()', () => {
  it('tells objects from arrays, null and scalars', () => {
    expect([{}, [], null, 'x', 1, undefined].map(isJsonObject)).to.deep.equal([
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});
