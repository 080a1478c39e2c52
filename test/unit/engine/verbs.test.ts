import { expect } from 'chai';
import { present } from '../../../src/base/assert.js';
import type { StepId } from '../../../src/base/ids.js';
import { decide } from '../../../src/engine/decide.js';
import { Turn } from '../../../src/engine/turn.js';
import { OutcomeState } from '../../../src/gen/store/steplock/store/v1/step.js';
import { FailureAction, HeadState, VerbRecord } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { limits } from '../../../src/model/limits.js';
import { keys } from '../../../src/store/keys.js';
import { encodeRecord } from '../../../src/store/records.js';
import { DrivenWorkflow, failed, failedWithout, unknown } from '../../support/driven-workflow.js';
import { planStep, verbRecord } from '../../support/records.js';

const steps = [planStep('a'), planStep('b', { dependsOn: ['a'] })];

async function start(head: object = {}): Promise<DrivenWorkflow> {
  const driven = await DrivenWorkflow.create(steps, { head });
  await driven.turns();
  return driven;
}

const scheduled = { state: HeadState.SCHEDULED, notBeforeMs: 9_000, startTimeMs: 0 };

describe('Suspending', () => {
  it('lets what runs end, queues nothing meanwhile, and remembers who asked for it and why', async () => {
    const driven = await start();
    await driven.claim('a');
    expect(await driven.verb('suspend')).to.equal(undefined);
    expect(driven.state).to.equal('SUSPENDING');
    await driven.end('a');
    expect(driven.state).to.equal('SUSPENDED');
    expect(driven.queued).to.deep.equal([]);
    expect(driven.run.head.suspension).to.deep.include({ verb: 'suspend', actor: 'olga', reason: 'because' });
    expect(await driven.verb('resume')).to.equal(undefined);
    expect(driven.queued).to.deep.equal(['b']);
    expect(driven.run.head.history.map(({ verb }) => verb)).to.deep.equal(['suspend', 'resume']);
  });

  it('is at once what it is to be when nothing runs; what is queued stays where it is', async () => {
    const driven = await start();
    await driven.verb('suspend');
    expect(driven.state).to.equal('SUSPENDED');
    expect(driven.queued).to.deep.equal(['a']);
  });

  it('ends a workflow whose last running step was the last of all', async () => {
    const driven = await start();
    await driven.end('a');
    await driven.claim('b');
    await driven.verb('suspend');
    await driven.end('b');
    expect(driven.state).to.equal('SUCCEEDED');
    expect(driven.run.head.suspension).to.equal(undefined);
  });

  it('holds a workflow that waits for its start time beyond it, and resume lets it wait again', async () => {
    const driven = await start(scheduled);
    await driven.verb('suspend');
    driven.nowMs = 20_000;
    await driven.turns();
    expect(driven.state).to.equal('SUSPENDED');
    await driven.verb('resume');
    expect(driven.state).to.equal('RUNNING');
  });

  it('holds a rollback between two undos', async () => {
    const driven = await start();
    await driven.end('a');
    await driven.end('b', failed);
    await driven.claim('undo.b');
    await driven.verb('suspend');
    expect(driven.state).to.equal('ROLLBACK_SUSPENDING');
    await driven.end('undo.b');
    expect(driven.state).to.equal('ROLLBACK_SUSPENDED');
    expect(driven.queued).to.deep.equal([]);
    await driven.verb('resume');
    expect(driven.queued).to.deep.equal(['undo.a']);
  });
});

describe('Cancelling', () => {
  it('undoes what was done unless it is to be kept', async () => {
    const driven = await start();
    await driven.end('a');
    await driven.verb('cancel');
    expect(driven.state).to.equal('ROLLING_BACK');
    expect(driven.queued).to.deep.equal(['undo.a']);
    expect(driven.run.head.stop).to.deep.include({ cause: 'CANCELLED', action: FailureAction.ROLL_BACK });
    const kept = await start();
    await kept.end('a');
    await kept.verb('cancel', { keep: true });
    expect(kept.state).to.equal('CANCELLED');
    expect([...kept.run.records.keys()]).to.deep.equal(['a']);
  });

  it('ends a workflow that has not begun at once', async () => {
    for (const [keep, state] of [
      [true, 'CANCELLED'],
      [false, 'ROLLED_BACK'],
    ] as const) {
      const driven = await start(scheduled);
      await driven.verb('cancel', { keep });
      expect(driven.state).to.equal(state);
      const held = await start(scheduled);
      await held.verb('suspend');
      await held.verb('cancel', { keep });
      expect(held.state).to.equal(state);
    }
  });

  it('has running steps told to stop if it says so, also when it is said again', async () => {
    const driven = await start();
    await driven.claim('a');
    await driven.verb('cancel', { keep: true });
    expect(driven.run.head.cancelRunning).to.equal(false);
    await driven.verb('cancel', { keep: true, cancelRunning: true });
    expect(driven.state).to.equal('STOPPING');
    expect(driven.run.head.cancelRunning).to.equal(true);
    await driven.verb('cancel', { keep: true });
    expect(driven.run.head.cancelRunning, 'It cannot be taken back').to.equal(true);
  });

  it('with what was done to be kept can still become a rollback while something runs', async () => {
    const driven = await start();
    await driven.claim('a');
    await driven.verb('cancel', { keep: true });
    await driven.verb('rollback');
    expect(driven.state).to.equal('ROLLING_BACK');
    await driven.end('a');
    expect(driven.queued).to.deep.equal(['undo.a']);
  });

  it('rolls back a workflow that an operator had suspended, without waiting for resume', async () => {
    const driven = await start();
    await driven.end('a');
    await driven.verb('suspend');
    await driven.verb('rollback');
    expect(driven.queued).to.deep.equal(['undo.a']);
  });

  it('settles the incidents of what it ends', async () => {
    const driven = await start();
    await driven.end('a', unknown);
    await driven.verb('cancel', { keep: true });
    expect(driven.state).to.equal('CANCELLED');
    expect(driven.run.incidents.get('wf.a.1')?.record.resolution).to.deep.include({ verb: 'cancel' });
  });
});

describe('Retrying and skipping', () => {
  it('retries a known failure as a new call, after the attempts that there were', async () => {
    const driven = await start({ onFailure: FailureAction.SUSPEND });
    await driven.end('a', failed);
    await driven.verb('retry', { step: 'a' });
    const item = driven.run.items.get('a' as StepId)?.record;
    expect(item).to.deep.include({ attempt: 1, series: 1, inDoubt: false, failures: 0 });
    expect(driven.run.records.has('a' as StepId)).to.equal(false);
    await driven.verb('resume');
    await driven.end('a');
    expect(driven.outcome('a')).to.equal('SUCCEEDED');
    expect(driven.queued).to.deep.equal(['b']);
  });

  it('looks into an unknown end first, with the key of its call, and settles its incident', async () => {
    const driven = await start();
    await driven.end('a', unknown);
    expect(await driven.verb('retry', { step: 'a' })).to.equal(undefined);
    // The method cannot be probed, so that the call is simply made again.
    expect(driven.run.items.get('a' as StepId)?.record).to.deep.include({ series: 0, inDoubt: false });
    expect(driven.run.incidents.get('wf.a.1')?.record.resolution).to.deep.include({ verb: 'retry' });
  });

  it('gives a skipped step the output that the operator says, and says who skipped it', async () => {
    const driven = await start();
    await driven.verb('skip', { step: 'a', output: Buffer.from('{"x":1}') });
    const record = driven.run.records.get('a' as StepId)?.record;
    expect(record?.state).to.equal(OutcomeState.SKIPPED);
    expect(Buffer.from(record!.output).toString()).to.equal('{"x":1}');
    expect(record?.error).to.deep.include({ reason: 'SKIPPED_BY_OPERATOR', message: 'olga: because' });
    expect(driven.queued).to.deep.equal(['b']);
  });

  it('ends a suspended workflow whose last step is skipped', async () => {
    const driven = await start();
    await driven.end('a');
    await driven.verb('suspend');
    await driven.verb('skip', { step: 'b' });
    expect(driven.state).to.equal('SUCCEEDED');
  });

  it('ends a blocked rollback whose last undo is skipped, with nothing open', async () => {
    const driven = await start();
    await driven.end('a');
    await driven.end('b', failedWithout);
    await driven.end('undo.a', failed);
    expect(driven.state).to.equal('ROLLBACK_BLOCKED');
    await driven.verb('skip', { step: 'undo.a' });
    expect(driven.state).to.equal('ROLLED_BACK');
    expect([...driven.run.incidents.values()].every(({ record }) => record.resolveTimeMs > 0)).to.equal(true);
  });

  it('names the undo, where a step of unknown outcome blocks a rollback: it is what can be retried', async () => {
    const driven = await start();
    await driven.end('a');
    await driven.end('b', unknown);
    await driven.verb('rollback');
    expect(driven.state).to.equal('ROLLBACK_BLOCKED');
    const refusal = 'the workflow is ROLLBACK_BLOCKED: retry or skip its undo, undo.b';
    expect(await driven.verb('retry', { step: 'b' })).to.equal(refusal);
    expect(await driven.verb('retry', { step: 'undo.b' })).to.equal(undefined);
  });

  it('an undo that is retried does not wait for the slot that the step of unknown outcome keeps', async () => {
    const driven = await DrivenWorkflow.create([planStep('a')]);
    await driven.turns();
    await driven.end('a', unknown);
    const entry = present(driven.run.records.get('a' as StepId), 'the record');
    const permits = ['permit/rack-a//00000'];
    driven.run.records.set('a' as StepId, { ...entry, record: { ...entry.record, permits } });
    await driven.verb('rollback');
    await driven.verb('retry', { step: 'undo.a' });
    expect(driven.queued).to.deep.equal(['undo.a']);
    expect(driven.run.records.get('a' as StepId)?.record.permits).to.deep.equal([]);
  });

  it('is refused for a step that the plan does not have, that runs, or that succeeded', async () => {
    const driven = await start();
    expect(await driven.verb('retry', { step: 'nowhere' })).to.equal('the plan has no such step');
    await driven.claim('a');
    expect(await driven.verb('skip', { step: 'a' })).to.equal('the step is running');
    await driven.end('a');
    expect(await driven.verb('retry', { step: 'a' })).to.equal('the step did not fail');
    expect(driven.run.head.history, 'What was refused is no history').to.deep.equal([]);
  });
});

describe('Verbs', () => {
  it('of one turn are taken up in the order in which they were left', async () => {
    const driven = await start();
    const left = [
      ['resume', 32],
      ['cancel', 33],
      ['suspend', 31],
    ] as const;
    for (const [verb, revision] of left)
      driven.run.verbs.set(verb, { record: verbRecord(verb, verb), revision });
    const turn = new Turn();
    decide(
      driven.run,
      {
        reports: [],
        nowMs: 1,
        elapsedMs: 0,
        reserve: () => undefined,
        lockGuards: () => undefined,
        lateGuards: () => undefined,
        cycleGuards: () => undefined,
      },
      turn,
    );
    expect(driven.run.head.history.map(({ verb }) => verb)).to.deep.equal(['suspend', 'resume', 'cancel']);
    expect(driven.run.verbs.size).to.equal(0);
  });

  it('are remembered up to a limit, the last ones', async () => {
    const driven = await start();
    for (let count = 0; count < limits.historyMax; count++)
      await driven.verb(count % 2 === 0 ? 'suspend' : 'resume');
    await driven.verb('cancel', { keep: true });
    expect(driven.run.head.history).to.have.length(limits.historyMax);
    expect(driven.run.head.history.at(-1)?.verb).to.equal('cancel');
    expect(driven.run.head.history[0]?.verb).to.equal('resume');
  });

  it('delete a workflow that has ended, and no other', async () => {
    const driven = await start();
    expect(await driven.verb('delete')).to.match(/RUNNING: cancel it first/);
    await driven.end('a');
    await driven.end('b');
    expect(driven.state).to.equal('SUCCEEDED');
    expect(await driven.verb('delete')).to.equal(undefined);
    expect(driven.state).to.equal('DELETING');
  });

  it('that a node left of its own accord leave no record of an answer', async () => {
    const driven = await start();
    const requestId = 'retention';
    const record = verbRecord('delete', requestId, { digest: '' });
    const key = keys.verb(driven.run.key, requestId);
    const put = { type: 'put', key, value: encodeRecord(VerbRecord, record) } as const;
    const { revision } = await driven.store.txn({ compares: [], then: [put], otherwise: [] });
    driven.run.verbs.set(requestId, { record, revision });
    await driven.turns();
    expect(driven.state, 'It is refused').to.equal('RUNNING');
    expect(await driven.store.get(key)).to.equal(undefined);
    expect(await driven.store.get(keys.request(requestId))).to.equal(undefined);
  });
});
