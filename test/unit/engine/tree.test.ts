import { expect } from 'chai';
import type { StepId, WorkflowId } from '../../../src/base/ids.js';
import { Elapsed } from '../../../src/engine/elapsed.js';
import { treeVerb } from '../../../src/engine/tree-verbs.js';
import { LockKind, type LockNeed } from '../../../src/gen/store/steplock/store/v1/plan.js';
import {
  VerbRecord,
  HeadState,
  type WorkflowHead,
} from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { prefixes } from '../../../src/store/keys.js';
import { decodeRecord } from '../../../src/store/records.js';
import { prefixRange } from '../../../src/store/store.js';
import { DrivenWorkflow, failed } from '../../support/driven-workflow.js';
import { planStep, workflowHead, workflowKey } from '../../support/records.js';

const { EXCLUSIVE, SHARED } = LockKind;
const child = { shard: workflowKey.shard, id: 'c-1' as WorkflowId };
const parent: NonNullable<WorkflowHead['parent']> = {
  workflowId: 'above',
  shard: 1,
  step: 'sub',
  rootId: 'above',
  rootShard: 1,
  rootUid: 'uid-above',
  depth: 1,
};

function wants(from: string, ...locks: LockNeed[]): VerbRecord {
  return treeVerb('want-locks', { ...child, id: from as WorkflowId }, { locks });
}

async function lockKeys(driven: DrivenWorkflow): Promise<string[]> {
  return (await driven.store.list(prefixRange(prefixes.lock))).kvs.map(({ key }) => key);
}

/** What was said to that workflow. */
async function toldTo(driven: DrivenWorkflow, id: string): Promise<VerbRecord[]> {
  const { kvs } = await driven.store.list(prefixRange(prefixes.verb));
  return kvs.filter(({ key }) => key.includes(`/${id}/`)).map((kv) => decodeRecord(VerbRecord, kv));
}

describe('Locks that children want', () => {
  it('leave no place behind when the root stops in the turn that hears of them', async () => {
    const driven = await DrivenWorkflow.create([planStep('a')]);
    await driven.turns();
    await driven.claim('a');
    const report = driven.reportOf('a', failed);
    await driven.hears(wants('c-1', { resource: 'array/1', kind: EXCLUSIVE }));
    await driven.turn(report);
    await driven.turns();
    expect(driven.run.head.lateLocks).to.deep.equal([]);
    expect(await lockKeys(driven)).to.deep.equal([]);
  });

  it('are given back when the root ends before it has them', async () => {
    const driven = await DrivenWorkflow.create([planStep('a')]);
    await driven.turns();
    await driven.hears(wants('c-1', { resource: 'array/1', kind: EXCLUSIVE }));
    await driven.turns();
    expect(await lockKeys(driven)).to.have.length(1);
    await driven.end('a', failed);
    await driven.end('undo.a');
    expect(driven.state).to.equal('ROLLED_BACK');
    expect(await lockKeys(driven)).to.deep.equal([]);
  });

  it('come exclusively to whoever wants them shared while they are awaited exclusively', async () => {
    const driven = await DrivenWorkflow.create([planStep('a')]);
    await driven.turns();
    await driven.hears(wants('c-1', { resource: 'array/1', kind: EXCLUSIVE }));
    await driven.turns();
    await driven.hears(wants('c-2', { resource: 'array/1', kind: SHARED }));
    await driven.turns();
    expect(driven.run.head.lateLocks.map(({ needs }) => needs[0]?.kind)).to.deep.equal([
      EXCLUSIVE,
      EXCLUSIVE,
    ]);
    expect(await lockKeys(driven)).to.have.length(1);
  });

  it('can be broken by an operator: the key goes', async () => {
    const driven = await DrivenWorkflow.create([planStep('a')], {
      head: { locks: [{ resource: 'array/1', kind: EXCLUSIVE }] },
    });
    await driven.turns();
    const key = `${prefixes.lock}array%2F1/x/${String(workflowKey.shard).padStart(3, '0')}/${workflowKey.id}`;
    await driven.store.txn({
      compares: [],
      then: [{ type: 'put', key, value: Buffer.from('late') }],
      otherwise: [],
    });
    expect(await driven.verb('break', { resource: 'array/1' })).to.equal(undefined);
    expect(await lockKeys(driven)).to.deep.equal([]);
  });
});

describe('A child', () => {
  it('that rests says so when its parent asks it to suspend', async () => {
    const head = workflowHead({ parent, state: HeadState.SUCCEEDED });
    const driven = await DrivenWorkflow.create([planStep('a')], { head });
    await driven.hears(treeVerb('ask-suspend', { shard: 1, id: 'above' as WorkflowId }, {}));
    await driven.turns();
    const [told] = await toldTo(driven, 'above');
    expect(told?.verb).to.equal('child-moved');
    expect(told?.childState).to.equal(HeadState.SUCCEEDED);
    expect(driven.state).to.equal('SUCCEEDED');
  });
});

describe('The children of a step', () => {
  it('are its last one and those of earlier tries, the last one first', async () => {
    const step = 'a' as StepId;
    const formerChildren = [
      { id: 'c-1', shard: 0, step },
      { id: 'c-x', shard: 0, step: 'b' },
      { id: 'c-2', shard: 0, step },
    ];
    const driven = await DrivenWorkflow.create([planStep('a')], { head: { formerChildren } });
    expect(driven.run.childrenOf(step).map(({ id }) => id)).to.deep.equal(['c-2', 'c-1']);
  });
});

describe('What was measured', () => {
  it('is whole milliseconds, as it is written down', () => {
    const elapsed = new Elapsed();
    const head = workflowHead({ startTimeMs: 5 });
    elapsed.measure(head, 0.25);
    expect(elapsed.measure(head, 10.9)).to.equal(10);
    expect(elapsed.measure(head, 11.3)).to.equal(11);
  });
});
