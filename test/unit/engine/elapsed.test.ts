/** Deadlines go by measured time: the wall clock of whoever owns the workflow may be an hour ahead. */
import { expect } from 'chai';
import { HeadState } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { decide } from '../../../src/engine/decide.js';
import { Turn } from '../../../src/engine/turn.js';
import { Elapsed } from '../../../src/engine/elapsed.js';
import { stateName } from '../../../src/model/workflow-state.js';
import { DrivenWorkflow } from '../../support/driven-workflow.js';
import { planStep, workflowHead } from '../../support/records.js';

const hourMs = 3_600_000;

async function decideAt(
  nowMs: number,
  elapsedMs: number,
  keptMs = 0,
): Promise<{ driven: DrivenWorkflow; turn: Turn }> {
  const driven = await DrivenWorkflow.create([planStep('a')], {
    head: { state: HeadState.RUNNING, deadlineMs: hourMs, elapsedMs: keptMs },
  });
  await driven.turns();
  const turn = new Turn();
  decide(
    driven.run,
    {
      reports: [],
      nowMs,
      elapsedMs,
      reserve: () => undefined,
      lockGuards: () => undefined,
      lateGuards: () => undefined,
      cycleGuards: () => undefined,
    },
    turn,
  );
  return { driven, turn };
}

describe('The deadline of a workflow', () => {
  it('does not pass because a wall clock says so', async () => {
    const { driven, turn } = await decideAt(100 * hourMs, 5_000);
    expect(stateName(driven.run.head.state)).to.equal('RUNNING');
    expect(turn.wakeAtMs).to.be.within(100 * hourMs + 1, 101 * hourMs);
  });

  it('passes when that much time was measured, whatever a wall clock says', async () => {
    const { driven } = await decideAt(0, hourMs);
    expect(driven.run.head.stop?.cause).to.equal('DEADLINE');
  });

  it('is kept now and then as it was measured, for the next owner to go on from', async () => {
    const often = await decideAt(0, 5_000);
    expect(often.turn.headChanged).to.equal(false);
    const due = await decideAt(0, 7 * 60_000);
    expect(due.turn.headChanged).to.equal(true);
    expect(due.driven.run.head.elapsedMs).to.equal(7 * 60_000);
    const kept = await decideAt(0, 8 * 60_000, 7 * 60_000);
    expect(kept.turn.headChanged).to.equal(false);
  });
});

describe('Elapsed', () => {
  it('gives whole milliseconds, and loses none of what lies between them', () => {
    const elapsed = new Elapsed();
    const head = workflowHead({ startTimeMs: 5 });
    let last = 0;
    for (let measures = 0; measures <= 1_000; measures++) last = elapsed.measure(head, 7.3 + measures * 0.1);
    expect(last).to.be.within(99, 100);
  });
});
