import { expect } from 'chai';
import type { StepId } from '../../../src/base/ids.js';
import { UndoKind } from '../../../src/gen/store/steplock/store/v1/plan.js';
import { EffectKind, OutcomeState } from '../../../src/gen/store/steplock/store/v1/step.js';
import { FailureAction, HeadState } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { DrivenWorkflow, failed, failedWithout, succeeded, unknown } from '../../support/driven-workflow.js';
import { planStep } from '../../support/records.js';

/** a → b → c, and d by itself. */
const steps = [
  planStep('a'),
  planStep('b', { dependsOn: ['a'] }),
  planStep('c', { dependsOn: ['b'] }),
  planStep('d'),
];

async function start(head: object = {}): Promise<DrivenWorkflow> {
  const driven = await DrivenWorkflow.create(steps, { head });
  await driven.turns();
  return driven;
}

describe('A workflow whose steps succeed', () => {
  it('queues what waits for nothing, each other step when its last one has succeeded, and then has succeeded', async () => {
    const driven = await start();
    expect(driven.queued).to.deep.equal(['a', 'd']);
    await driven.end('a');
    expect(driven.queued).to.deep.equal(['b', 'd']);
    await driven.end('d');
    await driven.end('b');
    expect(driven.queued).to.deep.equal(['c']);
    expect(driven.state).to.equal('RUNNING');
    await driven.end('c');
    expect(driven.state).to.equal('SUCCEEDED');
    expect(driven.run.head.endTimeMs).to.equal(driven.nowMs);
    expect(driven.run.liveRevision).to.equal(0);
  });

  it('begins at its start time and not before', async () => {
    const scheduled = { state: HeadState.SCHEDULED, notBeforeMs: 5_000, startTimeMs: 0 };
    const driven = await DrivenWorkflow.create(steps, { head: scheduled, nowMs: 4_999 });
    const { turn } = await driven.turn();
    expect(turn.isEmpty).to.equal(true);
    expect(turn.wakeAtMs).to.equal(5_000);
    driven.nowMs = 5_000;
    await driven.turns();
    expect(driven.state).to.equal('RUNNING');
    expect(driven.run.head.startTimeMs).to.equal(5_000);
    expect(driven.queued).to.deep.equal(['a', 'd']);
  });

  it('is deleted as a draft that nobody started in time', async () => {
    const driven = await DrivenWorkflow.create([], { head: { state: HeadState.DRAFT, createTimeMs: 1 } });
    await driven.turns();
    expect(driven.state).to.equal('DRAFT');
    driven.nowMs = 24 * 3_600_000 + 1;
    await driven.turns();
    expect(driven.state).to.equal('DELETING');
  });
});

describe('A step that fails for good', () => {
  it('has what never began taken out of the queue, lets what runs end, and undoes in reverse', async () => {
    const driven = await DrivenWorkflow.create([...steps, planStep('e')]);
    await driven.turns();
    await driven.end('a');
    await driven.claim('d');
    await driven.end('b', failed);
    expect(driven.state).to.equal('ROLLING_BACK');
    expect(driven.run.head.stop).to.deep.include({ cause: 'STEP_FAILED', step: 'b' });
    expect(driven.run.head.stop?.error?.message).to.equal('Boom: it broke');
    // `e` had not begun; `d` runs on; `b` failed and left something, so it is undone, and before `a`.
    expect(driven.queued).to.deep.equal(['d', 'undo.b']);
    expect(driven.outcome('e')).to.equal(undefined);
    await driven.end('undo.b');
    expect(driven.queued).to.deep.equal(['d', 'undo.a']);
    await driven.end('d');
    expect(driven.queued).to.deep.equal(['undo.a', 'undo.d']);
    await driven.end('undo.a');
    await driven.end('undo.d');
    expect(driven.state).to.equal('ROLLED_BACK');
  });

  it('is not undone if it said that it left nothing', async () => {
    const driven = await start();
    await driven.end('a', failedWithout);
    expect(driven.state).to.equal('ROLLED_BACK');
    expect([...driven.run.records.keys()]).to.deep.equal(['a']);
  });

  it('leaves what was done if the workflow says so, and the workflow has failed once nothing runs any more', async () => {
    const driven = await start({ onFailure: FailureAction.KEEP });
    await driven.claim('d');
    await driven.end('a', failed);
    expect(driven.state).to.equal('STOPPING');
    expect(driven.queued).to.deep.equal(['d']);
    await driven.end('d');
    expect(driven.state).to.equal('FAILED');
    expect([...driven.run.records.keys()].sort()).to.deep.equal(['a', 'd']);
  });

  it('suspends the workflow if it says so, until the step is retried', async () => {
    const driven = await start({ onFailure: FailureAction.SUSPEND });
    await driven.claim('d');
    await driven.end('a', failed);
    expect(driven.state).to.equal('SUSPENDING');
    expect(driven.run.head.suspension).to.deep.include({
      actor: 'steplock',
      reason: 'step a failed',
      step: 'a',
    });
    await driven.end('d');
    expect(driven.state).to.equal('SUSPENDED');
    expect(await driven.verb('resume')).to.match(
      /a step that failed, or of which nobody knows what came of it, stands in the way/,
    );
    expect(await driven.verb('retry', { step: 'a' })).to.equal(undefined);
    expect(await driven.verb('resume')).to.equal(undefined);
    expect(driven.run.head.suspension).to.equal(undefined);
    expect(driven.queued).to.deep.equal(['a']);
  });

  it('has running steps told to stop only if the workflow says so', async () => {
    for (const cancelRunningOnFailure of [false, true]) {
      const driven = await start({ cancelRunningOnFailure });
      await driven.claim('d');
      await driven.end('a', failed);
      expect(driven.run.head.cancelRunning).to.equal(cancelRunningOnFailure);
    }
  });

  it('ends what waits for another attempt as cancelled, with what it left', async () => {
    const driven = await start();
    await driven.claim('d');
    await driven.release('d', EffectKind.SOME);
    await driven.end('a', failedWithout);
    expect(driven.outcome('d')).to.equal('CANCELLED');
    expect(driven.run.failed.has('d' as StepId)).to.equal(true);
    expect(driven.queued).to.deep.equal(['undo.d']);
    expect(driven.run.records.get('d' as StepId)?.record).to.deep.include({
      attempts: 1,
      effect: EffectKind.SOME,
    });
  });

  it('does not undo a step while an operator holds the workflow, but waits for resume', async () => {
    const driven = await start();
    await driven.claim('a');
    await driven.claim('d');
    await driven.verb('suspend');
    expect(driven.state).to.equal('SUSPENDING');
    await driven.end('a', failed);
    expect(driven.state).to.equal('ROLLBACK_SUSPENDING');
    await driven.end('d');
    expect(driven.state).to.equal('ROLLBACK_SUSPENDED');
    expect(driven.queued).to.deep.equal([]);
    await driven.verb('resume');
    expect(driven.queued).to.deep.equal(['undo.a', 'undo.d']);
  });
});

describe('A step of which nobody knows how it ended', () => {
  it('suspends its workflow once nothing else can go on, until somebody decides; then it goes on by itself', async () => {
    const driven = await start();
    await driven.end('a', unknown);
    await driven.end('d');
    expect(driven.state).to.equal('SUSPENDED');
    expect(driven.run.head.suspension).to.include({ actor: 'steplock', step: 'a' });
    expect(await driven.verb('resume')).to.match(/stands in the way/);
    expect(driven.queued).to.deep.equal([]);
    expect([...driven.run.incidents.keys()]).to.deep.equal(['wf.a.1']);
    expect(await driven.verb('skip', { step: 'a' })).to.equal(undefined);
    expect(driven.run.incidents.get('wf.a.1')?.record.resolution).to.deep.include({
      verb: 'skip',
      actor: 'olga',
    });
    expect(driven.state).to.equal('RUNNING');
    expect(driven.queued).to.deep.equal(['b']);
  });

  it('is never undone by itself: the rollback stands still until its undo is asked for', async () => {
    const driven = await start();
    await driven.end('d', unknown);
    await driven.end('a', failedWithout);
    expect(driven.state).to.equal('ROLLBACK_BLOCKED');
    expect(driven.queued).to.deep.equal([]);
    expect(await driven.verb('retry', { step: 'undo.d' })).to.equal(undefined);
    expect(driven.state).to.equal('ROLLING_BACK');
    await driven.end('undo.d');
    expect(driven.state).to.equal('ROLLED_BACK');
    expect(driven.run.incidents.get('wf.d.1')?.record.resolveTimeMs).to.be.above(0);
  });
});

describe('A rollback', () => {
  it('stands still at an undo that failed, and goes on when that was retried', async () => {
    const driven = await start();
    await driven.end('a');
    await driven.end('b', failed);
    await driven.end('undo.b', failed);
    expect(driven.state).to.equal('ROLLBACK_BLOCKED');
    expect(driven.queued, 'What b needs may not go before b').to.deep.equal([]);
    expect(await driven.verb('retry', { step: 'undo.b' })).to.equal(undefined);
    expect(driven.run.items.get('undo.b' as StepId)?.record.series).to.equal(1);
    await driven.end('undo.b');
    await driven.end('undo.a');
    expect(driven.state).to.equal('ROLLED_BACK');
  });

  it('asks a person about a step that cannot be undone, and then goes on behind it', async () => {
    const [a, ...others] = steps;
    const driven = await DrivenWorkflow.create([
      a!,
      planStep('once', { dependsOn: ['a'], undoKind: UndoKind.IRREVERSIBLE }),
      ...others.map((step) => ({ ...step, dependsOn: ['once'] })),
    ]);
    await driven.turns();
    await driven.end('a');
    await driven.end('once');
    await driven.end('b', failedWithout);
    expect(driven.state).to.equal('ROLLBACK_BLOCKED');
    expect(driven.run.incidents.get('wf.undo.once.1')?.record.error?.reason).to.equal('IRREVERSIBLE');
    expect(driven.queued).to.deep.equal([]);
    expect(await driven.verb('retry', { step: 'undo.once' })).to.match(/no method undoes the step/);
    expect(await driven.verb('skip', { step: 'undo.once' })).to.equal(undefined);
    expect(driven.queued).to.deep.equal(['undo.a']);
  });

  it('passes over what needs no undo and what was skipped', async () => {
    const driven = await DrivenWorkflow.create([
      planStep('look', { undoKind: UndoKind.NONE_NEEDED }),
      planStep('left-out'),
      planStep('last'),
    ]);
    await driven.turns();
    await driven.end('look');
    expect(await driven.verb('skip', { step: 'left-out' })).to.equal(undefined);
    await driven.end('last', failedWithout);
    expect(driven.state).to.equal('ROLLED_BACK');
    expect([...driven.run.records.keys()].filter((id) => id.startsWith('undo.'))).to.deep.equal([]);
  });

  it('is not complete while a call of the plan may still take effect', async () => {
    const driven = await start();
    await driven.claim('d');
    await driven.end('a', failedWithout);
    expect(driven.state).to.equal('ROLLING_BACK');
    await driven.end('d', { state: OutcomeState.CANCELLED, effect: EffectKind.NONE });
    expect(driven.state).to.equal('ROLLED_BACK');
  });
});

describe('The deadline of a workflow', () => {
  it('stops it as its settings say, counted from its start', async () => {
    for (const [deadlineAction, state] of [
      [FailureAction.KEEP, 'STOPPING'],
      [FailureAction.ROLL_BACK, 'ROLLING_BACK'],
    ] as const) {
      const driven = await start({ deadlineMs: 10_000, startTimeMs: 500, deadlineAction });
      await driven.claim('d');
      driven.nowMs = 10_499;
      const { turn } = await driven.turn();
      expect(turn.wakeAtMs).to.equal(10_500);
      expect(driven.state).to.equal('RUNNING');
      driven.nowMs = 10_500;
      await driven.turns();
      expect(driven.state).to.equal(state);
      expect(driven.run.head).to.deep.include({ cancelRunning: true });
      expect(driven.run.head.stop).to.deep.include({ cause: 'DEADLINE' });
      await driven.end('d', succeeded);
    }
  });
});
