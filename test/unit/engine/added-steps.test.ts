import { expect } from 'chai';
import type { StepId } from '../../../src/base/ids.js';
import { PlanChunk, type PlanStep } from '../../../src/gen/store/steplock/store/v1/plan.js';
import { OutcomeState, StepRecord } from '../../../src/gen/store/steplock/store/v1/step.js';
import { keys, ranges } from '../../../src/store/keys.js';
import { decodeRecord, encodeRecord } from '../../../src/store/records.js';
import { DrivenWorkflow, failed, succeeded, type End } from '../../support/driven-workflow.js';
import { planChunk, planStep, stepRecord, workflowKey } from '../../support/records.js';

/** Steps as freezing gives them. */
const added = (by: string, ...steps: readonly PlanStep[]): PlanChunk =>
  planChunk(steps.map((step) => ({ ...step, addedBy: by, impliedDependsOn: [by] })));
const adding = (by: string, ...steps: readonly PlanStep[]): End => ({
  ...succeeded,
  added: added(by, ...steps),
});

/** `b` waits for the group of `a`. */
const grouped = [planStep('a', { group: 'g' }), planStep('b', { dependsOn: ['g'] })];
const start = async (steps: readonly PlanStep[] = grouped): Promise<DrivenWorkflow> => {
  const driven = await DrivenWorkflow.create(steps, { groups: [{ id: 'g', dependsOn: [] }] });
  await driven.turns();
  return driven;
};
const member = (id: string, patch: Partial<PlanStep> = {}): PlanStep =>
  planStep(id, { group: 'g', ...patch });
const stored = async ({ store }: DrivenWorkflow): Promise<string[][]> => {
  const { kvs } = await store.list(ranges.chunks('plan', workflowKey));
  return kvs.map((kv) => decodeRecord(PlanChunk, kv).steps.map(({ id }) => id));
};

describe('Steps that a step adds', () => {
  const ways = {
    reported: async (driven: DrivenWorkflow, by: End) => {
      await driven.end('a', by);
    },
    seen: async (driven: DrivenWorkflow, by: End) => {
      await driven.endUnseen('a', by);
    },
  };
  for (const [how, end] of Object.entries(ways)) {
    it(`${how}: they run before what waits for their group, and are in the stored plan`, async () => {
      const driven = await start();
      await end(driven, adding('a', member('a-x'), member('a-y', { dependsOn: ['a-x'] })));
      expect(driven.queued).to.deep.equal(['a-x']);
      expect(await stored(driven)).to.deep.equal([
        ['a', 'b'],
        ['a-x', 'a-y'],
      ]);
      const { plan } = driven.run.head;
      expect([plan?.chunks, plan?.steps, plan?.graphRevision, plan?.hash]).to.deep.equal([2, 4, 1, 'hash']);
      await driven.end('a-x');
      expect(driven.queued).to.deep.equal(['a-y']);
      await driven.end('a-y');
      expect(driven.queued).to.deep.equal(['b']);
      await driven.end('b');
      expect(driven.state).to.equal('SUCCEEDED');
    });
  }

  it('are written in the transaction that releases them', async () => {
    const driven = await start();
    await driven.claim('a');
    const { turn } = await driven.turn(driven.reportOf('a', adding('a', member('a-x'))));
    expect(turn.changes.map(({ kind }) => kind)).to.deep.equal(['record', 'extend', 'enqueue']);
    expect(turn.headChanged).to.equal(true);
  });

  it('are found by whoever reads the workflow after its owner has died, and are added once', async () => {
    const driven = await start();
    await driven.claim('a');
    const { record } = driven.reportOf('a', adding('a', member('a-x')));
    const then = [
      { type: 'put', key: keys.step(workflowKey, 'a' as StepId), value: encodeRecord(StepRecord, record) },
      { type: 'delete', at: keys.queue(workflowKey, 'a' as StepId) },
    ] as const;
    await driven.store.txn({ compares: [], then, otherwise: [] });
    driven.run = await driven.reload();
    expect(driven.run.unwritten).to.deep.equal(['a']);
    expect([...driven.run.ready]).to.deep.equal([2]);
    await driven.turns();
    expect(driven.queued).to.deep.equal(['a-x']);
    driven.run = await driven.reload();
    expect(driven.run.unwritten).to.deep.equal([]);
    expect(await stored(driven)).to.deep.equal([['a', 'b'], ['a-x']]);
    await driven.end('a-x');
    expect(driven.queued).to.deep.equal(['b']);
  });

  it('of many steps are written a few at a time, and none of them runs before all are', async () => {
    const ids = ['a', 'c', 'd', 'e', 'f', 'h'];
    const driven = await start(ids.map((id) => planStep(id)));
    for (const id of ids) {
      const record = stepRecord(id, OutcomeState.SUCCEEDED, { added: added(id, planStep(`${id}-x`)) });
      const key = keys.step(workflowKey, id as StepId);
      const then = [
        { type: 'put', key, value: encodeRecord(StepRecord, record) },
        { type: 'delete', at: keys.queue(workflowKey, id as StepId) },
      ] as const;
      await driven.store.txn({ compares: [], then, otherwise: [] });
    }
    driven.run = await driven.reload();
    const { turn } = await driven.turn();
    expect(turn.changes.map(({ kind }) => kind)).to.deep.equal(['extend', 'extend', 'extend', 'extend']);
    await driven.turns();
    expect(driven.queued).to.deep.equal(ids.map((id) => `${id}-x`));
    expect(driven.run.head.plan?.graphRevision).to.equal(6);
    const again = await driven.reload();
    expect(again.plan.steps.map(({ id }) => id)).to.deep.equal(driven.run.plan.steps.map(({ id }) => id));
  });

  it('are undone before the step that added them', async () => {
    const driven = await start();
    await driven.end('a', adding('a', member('a-x'), member('a-y', { dependsOn: ['a-x'] })));
    await driven.end('a-x');
    await driven.end('a-y', failed);
    expect([driven.state, driven.queued]).to.deep.equal(['ROLLING_BACK', ['undo.a-y']]);
    await driven.end('undo.a-y');
    expect(driven.queued).to.deep.equal(['undo.a-x']);
    await driven.end('undo.a-x');
    expect(driven.queued).to.deep.equal(['undo.a']);
    await driven.end('undo.a');
    expect(driven.state).to.equal('ROLLED_BACK');
  });

  it('do not run in a workflow that is being rolled back, and stand in its plan', async () => {
    const driven = await start([planStep('a'), planStep('c')]);
    await driven.claim('a');
    await driven.end('c', failed);
    expect(driven.state).to.equal('ROLLING_BACK');
    await driven.end('a', adding('a', planStep('a-x')));
    expect(driven.queued).to.deep.equal(['undo.a', 'undo.c']);
    await driven.end('undo.a');
    await driven.end('undo.c');
    expect(driven.state).to.equal('ROLLED_BACK');
    expect(await stored(driven)).to.deep.equal([['a', 'c'], ['a-x']]);
  });

  it('keep a suspended workflow from having succeeded, and run when it is resumed', async () => {
    const driven = await start([planStep('a')]);
    await driven.claim('a');
    await driven.verb('suspend');
    await driven.end('a', adding('a', planStep('a-x')));
    expect([driven.state, driven.queued]).to.deep.equal(['SUSPENDED', []]);
    await driven.verb('resume');
    expect(driven.queued).to.deep.equal(['a-x']);
  });
});
