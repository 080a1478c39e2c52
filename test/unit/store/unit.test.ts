import { expect } from 'chai';
import { isAbsent, isUnchanged, type Compare } from '../../../src/store/store.js';
import { checkUnit, Footprint, overlaps, type Unit, type UnitOp } from '../../../src/store/unit.js';
import { thrown } from '../../support/rejection.js';

const put = (key: string): UnitOp => ({ type: 'put', key, value: Buffer.alloc(0) });
const range = (start: string, end: string): { start: string; end: string } => ({ start, end });

function unit(compares: readonly Compare[], ops: readonly UnitOp[], witness?: string): Unit {
  return { id: 'u', compares, ops, witness };
}

describe('overlaps()', () => {
  it('tells whether two keys or ranges have a key in common; a range ends before its end', () => {
    expect(overlaps('a', 'a')).to.equal(true);
    expect(overlaps('a', 'b')).to.equal(false);
    for (const [key, isIn] of [
      ['a', false],
      ['b', true],
      ['c', true],
      ['d', false],
    ] as const) {
      expect(overlaps(key, range('b', 'd')), key).to.equal(isIn);
      expect(overlaps(range('b', 'd'), key), key).to.equal(isIn);
    }
    expect(overlaps(range('a', 'c'), range('b', 'd'))).to.equal(true);
    expect(overlaps(range('a', 'd'), range('b', 'c'))).to.equal(true);
    expect(overlaps(range('a', 'b'), range('b', 'c'))).to.equal(false);
    expect(overlaps(range('b', 'c'), range('a', 'b'))).to.equal(false);
  });
});

describe('checkUnit()', () => {
  it('takes a unit that changes what it compares, also by range', () => {
    checkUnit(unit([isAbsent('a')], [put('a')], 'a'));
    checkUnit(unit([isAbsent(range('a', 'c'))], [put('b')]));
    checkUnit(unit([isUnchanged('b', 4)], [{ type: 'delete', at: range('a', 'c') }]));
  });

  it('refuses one that could be applied twice', () => {
    expect(
      thrown(() => {
        checkUnit(unit([isAbsent('a')], [put('b')]));
      }).message,
    ).to.match(/changes nothing that it compares/);
    expect(
      thrown(() => {
        checkUnit(unit([], [put('b')]));
      }).message,
    ).to.match(/changes nothing that it compares/);
  });

  it('refuses a witness that it does not put, and an id that does not fit', () => {
    expect(
      thrown(() => {
        checkUnit(unit([isAbsent('a')], [put('a')], 'b'));
      }).message,
    ).to.match(/does not put its witness/);
    for (const id of ['', 'x'.repeat(65)])
      expect(
        thrown(() => {
          checkUnit({ ...unit([isAbsent('a')], [put('a')]), id });
        }).message,
      ).to.match(/needs an id/);
  });
});

describe('Footprint', () => {
  const conflicts = (first: Unit, second: Unit): boolean => {
    const footprint = new Footprint();
    footprint.add(first);
    return footprint.conflictsWith(second);
  };
  const reads = (...at: Compare['at'][]): Unit =>
    unit(
      at.map((place) => isAbsent(place)),
      [],
    );
  const writes = (...ops: UnitOp[]): Unit => unit([], ops);
  const deletes: UnitOp = { type: 'delete', at: range('b', 'd') };

  it('lets units go together that only read the same', () => {
    expect(conflicts(reads('a', range('b', 'd')), reads('a', range('a', 'e')))).to.equal(false);
    expect(conflicts(writes(put('a')), writes(put('b')))).to.equal(false);
  });

  it('keeps a writer from what was read before it, and a reader from what was written before it', () => {
    for (const [left, right] of [
      [reads('c'), writes(put('c'))],
      [reads(range('b', 'd')), writes(put('c'))],
      [reads('c'), writes(deletes)],
      [reads(range('c', 'f')), writes(deletes)],
      [writes(put('c')), writes(deletes)],
      [writes(put('c')), writes(put('c'))],
    ] as const) {
      expect(conflicts(left, right)).to.equal(true);
      expect(conflicts(right, left)).to.equal(true);
    }
  });
});
