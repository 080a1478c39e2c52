/** What a workflow locks: brought together from its parts, checked as it comes over the wire, and shown again. */
import { expect } from 'chai';
import { LockKind, type LockNeed } from '../../../src/gen/store/steplock/store/v1/plan.js';
import { LockMode, type LockSpec } from '../../../src/gen/wire/steplock/v1/plan.js';
import { limits } from '../../../src/model/limits.js';
import { doConflict, lockOf, uniteLocks } from '../../../src/model/locks.js';
import { parseLocks, renderLocks } from '../../../src/model/parse-locks.js';

const { EXCLUSIVE, SHARED } = LockKind;
const need = (resource: string, kind: LockKind = EXCLUSIVE): LockNeed => ({ resource, kind });
const spec = (resource: string, mode: LockMode = LockMode.EXCLUSIVE): LockSpec => ({ resource, mode });

describe('uniteLocks()', () => {
  it('has each resource once, by name', () => {
    expect(uniteLocks([[need('b'), need('a')], [], [need('c'), need('a')]])).to.deep.equal([
      need('a'),
      need('b'),
      need('c'),
    ]);
    expect(uniteLocks([])).to.deep.equal([]);
  });

  it('makes a lock exclusive if any of its parts says so, in whatever order they come', () => {
    const [exclusive, shared] = [need('a'), need('a', SHARED)];
    expect(uniteLocks([[exclusive], [shared]])).to.deep.equal([exclusive]);
    expect(uniteLocks([[shared], [exclusive], [shared]])).to.deep.equal([exclusive]);
    expect(uniteLocks([[shared, shared]])).to.deep.equal([shared]);
  });
});

describe('lockOf() and doConflict()', () => {
  it('take anything that is not said to be shared for exclusive', () => {
    expect(lockOf(need('a', SHARED))).to.deep.equal({ resource: 'a', mode: 'shared' });
    expect(lockOf(need('a'))).to.deep.equal({ resource: 'a', mode: 'exclusive' });
    expect(lockOf(need('a', LockKind.UNSPECIFIED)).mode).to.equal('exclusive');
  });

  it('only readers go together', () => {
    const [exclusive, shared] = [{ mode: 'exclusive' }, { mode: 'shared' }] as const;
    const pairs = [
      [exclusive, exclusive],
      [exclusive, shared],
      [shared, exclusive],
      [shared, shared],
    ] as const;
    expect(pairs.map(([left, right]) => doConflict(left, right))).to.deep.equal([true, true, true, false]);
  });
});

describe('parseLocks()', () => {
  it('takes what renderLocks() shows; not said is exclusive', () => {
    const specs = [spec('a'), spec('array-1/pool:7.x_y', LockMode.SHARED)];
    expect(renderLocks(parseLocks(specs) as LockNeed[])).to.deep.equal(specs);
    expect(parseLocks([spec('a', LockMode.UNSPECIFIED)])).to.deep.equal([need('a')]);
  });

  it('names the first resource that is none', () => {
    const names = ['', '/a', 'a/', '-', 'a b', 'ä', 'a\n', 'a'.repeat(129)];
    for (const name of names) {
      const problem = parseLocks([spec('fine'), spec(name), spec('')]);
      expect(problem, JSON.stringify(name)).to.include({ at: '[1].resource' });
    }
    expect(parseLocks([spec('a'.repeat(128)), spec('Z'), spec('0')])).to.have.length(3);
  });

  it('takes as many as are allowed, and says how many that is', () => {
    const many = (count: number): LockSpec[] =>
      Array.from({ length: count }, (_, index) => spec(`r${index}`));
    expect(parseLocks(many(limits.locksMax))).to.have.length(limits.locksMax);
    const problem = parseLocks(many(limits.locksMax + 1));
    expect(problem).to.include({ at: '' });
    expect(problem).to.have.property('rule').that.includes(String(limits.locksMax));
  });
});
