/** What is due, told by measured time alone. */
import { expect } from 'chai';
import { HeadState } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import type { RetentionRecord } from '../../../src/gen/store/steplock/store/v1/cluster.js';
import { addMeasured, dueRevision, mayRetire, nothingMeasured } from '../../../src/model/retention.js';
import { isFinal } from '../../../src/model/workflow-state.js';
import { workflowHead } from '../../support/records.js';

const hourMs = 3_600_000;

/** What is known after these looks, each so long after the one before. */
function after(
  looks: readonly (readonly [passedMs: number, revision: number])[],
  retentionMs: number,
  from: RetentionRecord = nothingMeasured,
): RetentionRecord {
  return looks.reduce(
    (record, [passedMs, revision]) => addMeasured(record, passedMs, revision, retentionMs),
    from,
  );
}

describe('dueRevision()', () => {
  it('is nothing before anything was measured', () => {
    expect(dueRevision(nothingMeasured, 1)).to.equal(0);
    expect(dueRevision(after([[0, 5]], hourMs), hourMs)).to.equal(0);
  });

  it('is what was there the whole retention ago, and nothing that came a moment later', () => {
    const known = after(
      [
        [0, 5],
        [hourMs / 2, 9],
        [hourMs / 2 - 1, 12],
      ],
      hourMs,
    );
    expect(dueRevision(known, hourMs)).to.equal(0);
    expect(dueRevision(after([[1, 13]], hourMs, known), hourMs)).to.equal(5);
    expect(dueRevision(after([[hourMs / 2, 14]], hourMs, known), hourMs)).to.equal(5);
    expect(dueRevision(after([[hourMs / 2 + 1, 14]], hourMs, known), hourMs)).to.equal(9);
  });

  it('is never more than was measured: time is rounded down', () => {
    const known = after([[0, 5], ...Array.from({ length: 1_000 }, () => [0.9, 6] as const)], 100);
    expect(known.measuredMs).to.equal(0);
    expect(dueRevision(known, 100)).to.equal(0);
  });

  it('takes less into account when the retention becomes longer, and more when it becomes shorter', () => {
    const known = after(
      [
        [0, 5],
        [hourMs, 9],
        [hourMs, 12],
        [hourMs, 15],
      ],
      10 * hourMs,
    );
    expect(dueRevision(known, 10 * hourMs)).to.equal(0);
    expect(dueRevision(known, 2 * hourMs)).to.equal(9);
    expect(dueRevision(known, 1)).to.equal(12);
  });
});

describe('addMeasured()', () => {
  it('keeps few marks, however often it is called', () => {
    let known = nothingMeasured;
    for (let look = 1; look <= 10_000; look++) known = addMeasured(known, hourMs / 100, look, hourMs);
    expect(known.measuredMs).to.equal(100 * hourMs);
    expect(known.marks.length).to.be.within(50, 70);
    expect(dueRevision(known, hourMs)).to.be.within(9_890, 9_900);
  });

  it('forgets marks of a store that came further than this one', () => {
    const known = after(
      [
        [0, 5_000],
        [hourMs, 6_000],
      ],
      hourMs,
    );
    const moved = addMeasured(known, hourMs, 70, hourMs);
    expect(moved.marks).to.deep.equal([{ revision: 70, measuredMs: 2 * hourMs }]);
    expect(dueRevision(moved, hourMs)).to.equal(0);
  });
});

describe('mayRetire()', () => {
  it('takes what has ended, and nothing else', () => {
    const states = Object.values(HeadState).filter((state) => mayRetire(workflowHead({ state })));
    expect(states).to.deep.equal(Object.values(HeadState).filter(isFinal));
    expect(states).to.have.length(4);
  });
});
