import { expect } from 'chai';
import type { StepId } from '../../../src/base/ids.js';
import { applyEvent } from '../../../src/engine/apply-event.js';
import { unitOfTurn } from '../../../src/engine/commit.js';
import { decide } from '../../../src/engine/decide.js';
import { beginAttempt, releaseSteps } from '../../../src/engine/release.js';
import { changesMax, Turn } from '../../../src/engine/turn.js';
import { OutcomeState, QueueItem, StepRecord } from '../../../src/gen/store/steplock/store/v1/step.js';
import { keys } from '../../../src/store/keys.js';
import { CorruptRecordError, encodeRecord } from '../../../src/store/records.js';
import type { KeyRange, KeyValue } from '../../../src/store/store.js';
import { DrivenWorkflow, succeeded } from '../../support/driven-workflow.js';
import { incidentRecord, planStep, queueItem, stepRecord, workflowKey } from '../../support/records.js';
import { thrown } from '../../support/rejection.js';

const id = (step: string): StepId => step as StepId;
const none: ReadonlyMap<StepId, number> = new Map();
const chain = [planStep('a'), planStep('b', { dependsOn: ['a'] })];

function kvOf(key: string, value: Uint8Array, revision: number): KeyValue {
  return { key, value, createRevision: revision, modRevision: revision, lease: undefined } as KeyValue;
}

const placeOf = (at: string | KeyRange): string => (typeof at === 'string' ? at : at.start);

async function start(): Promise<DrivenWorkflow> {
  const driven = await DrivenWorkflow.create(chain);
  await driven.turns();
  return driven;
}

describe('A turn', () => {
  it('queues as much as a unit may hold, and asks for another one for the rest', async () => {
    const wide = Array.from({ length: changesMax + 3 }, (_, index) => planStep(`s${index}`));
    const driven = await DrivenWorkflow.create(wide);
    const { turn } = await driven.turn();
    expect(turn.changes).to.have.length(changesMax);
    expect(turn.hasMore).to.equal(true);
    const { turn: second } = await driven.turn();
    expect(second.changes).to.have.length(3);
    expect(second.hasMore).to.equal(false);
    expect(driven.run.items.size).to.equal(changesMax + 3);
  });

  it('withdraws as much as a unit may hold, and the workflow has ended only when all is withdrawn', async () => {
    const wide = Array.from({ length: changesMax + 3 }, (_, index) => planStep(`s${index}`));
    const driven = await DrivenWorkflow.create(wide);
    await driven.turns();
    await driven.verb('cancel', { keep: true });
    expect(driven.state).to.equal('CANCELLED');
    expect(driven.run.items.size).to.equal(0);
  });

  it('wakes at the earliest of the times that it is asked for', () => {
    const turn = new Turn();
    for (const timeMs of [50, 20, 90]) turn.wakeAt(timeMs);
    expect(turn.wakeAtMs).to.equal(20);
  });

  it('keeps of one incident the last change, over the record that stood before the first', () => {
    const turn = new Turn();
    const opened = { record: incidentRecord('s'), revision: 0 };
    const resolved = { record: incidentRecord('s', { resolveTimeMs: 9 }), revision: 0 };
    turn.add({ kind: 'incident', entry: opened, former: 41 });
    turn.add({ kind: 'incident', entry: resolved, former: 0 });
    expect(turn.changes).to.deep.equal([{ kind: 'incident', entry: resolved, former: 41 }]);
  });

  it('commits a report and what follows from it as one, under the epoch, the live record and the item', async () => {
    const driven = await start();
    await driven.claim('a');
    const report = driven.reportOf('a', succeeded);
    const live = driven.run.liveRevision;
    const turn = new Turn();
    decide(
      driven.run,
      {
        reports: [report],
        nowMs: 9,
        elapsedMs: 0,
        reserve: () => undefined,
        lockGuards: () => undefined,
        lateGuards: () => undefined,
        cycleGuards: () => undefined,
      },
      turn,
    );
    const unit = unitOfTurn(driven.run, turn, 77, 'u1');
    expect(turn.changes.map(({ kind }) => kind)).to.deep.equal(['record', 'enqueue']);
    expect(unit.ops.map((op) => `${op.type} ${op.type === 'put' ? op.key : placeOf(op.at)}`)).to.deep.equal([
      'delete queue/003/wf/a',
      'put step/003/wf/a',
      'put queue/003/wf/b',
    ]);
    const compared = unit.compares.map(({ at, target, revision }) => `${placeOf(at)} ${target} ${revision}`);
    expect(compared).to.deep.equal([
      'shard/003 create 77',
      `live/003/wf mod ${live}`,
      'step/003/wf/a mod 0',
      `queue/003/wf/a mod ${report.itemRevision}`,
      'queue/003/wf/b create 0',
      'step/003/wf/b mod 0',
    ]);
  });

  it('puts the key by which retention finds it with the end of a workflow, once', async () => {
    const driven = await start();
    const live = driven.run.liveRevision;
    await driven.end('a');
    await driven.end('b');
    expect(driven.state).to.equal('SUCCEEDED');
    expect(driven.run.head.lastLiveRevision).to.equal(live);
    const ended = await driven.store.get(keys.ended(driven.run.key, live));
    expect(ended?.modRevision).to.equal((await driven.store.get(keys.head(driven.run.key)))?.modRevision);
    // Written again after its end, as by an operator who resolves an incident.
    const turn = new Turn();
    turn.headChanged = true;
    const unit = unitOfTurn(driven.run, turn, 77, 'u1');
    expect(unit.ops.map((op) => placeOf(op.type === 'put' ? op.key : op.at))).to.deep.equal([
      'head/003/wf',
      'live/003/wf',
    ]);
    expect(driven.run.head.lastLiveRevision).to.equal(live);
  });

  it('refuses a report about an item that was written since', async () => {
    const driven = await start();
    await driven.claim('a');
    const report = driven.reportOf('a', succeeded);
    const late = { ...report, itemRevision: report.itemRevision - 1 };
    const { refused, turn } = await driven.turn(late);
    expect(refused).to.deep.equal([late]);
    expect(turn.isEmpty).to.equal(true);
    expect(driven.outcome('a')).to.equal(undefined);
  });

  it('claims for this node what it queues while there are free slots, with the intent recorded', async () => {
    const claim = { node: 'n1', session: 7, timeMs: 1 };
    let free = 1;
    const driven = await DrivenWorkflow.create([planStep('a'), planStep('b')], {
      reserve: () => (free-- > 0 ? { claim, permits: [], guards: [] } : undefined),
      nowMs: 33,
    });
    await driven.turn();
    const [a, b] = ['a', 'b'].map((step) => driven.run.items.get(id(step))?.record);
    expect(a).to.deep.include({ claim, attempt: 1, inDoubt: true, attemptTimeMs: 33, startTimeMs: 33 });
    expect(b).to.deep.include({ attempt: 0, inDoubt: false });
    expect(b?.claim).to.equal(undefined);
  });

  it('queues nothing twice', async () => {
    const driven = await start();
    const turn = new Turn();
    releaseSteps(driven.run, { nowMs: 1, elapsedMs: 0, reserve: () => undefined }, turn);
    expect(turn.changes).to.deep.equal([]);
  });
});

describe('beginAttempt()', () => {
  it('counts the call, forgets the task and progress of the last one and keeps when the step began', () => {
    const item = queueItem({
      attempt: 2,
      task: 't',
      progressPercent: 40,
      progressMessage: 'x',
      startTimeMs: 5,
    });
    const claim = { node: 'n', session: 1, timeMs: 9 };
    const begun = beginAttempt(
      { ...item, notBeforeMs: 8, failures: 1, series: 2 },
      { claim, permits: ['permit/rack//00000'] },
      9,
    );
    const expected = { attempt: 3, task: '', progressPercent: 0, progressMessage: '', notBeforeMs: 0 };
    expect(begun).to.deep.include({ ...expected, startTimeMs: 5, attemptTimeMs: 9, inDoubt: true });
    expect(begun).to.deep.include({ failures: 1, series: 2, permits: ['permit/rack//00000'] });
  });
});

describe('applyEvent()', () => {
  const recordKey = keys.step(workflowKey, id('a'));
  const itemKey = keys.queue(workflowKey, id('a'));
  const done = encodeRecord(StepRecord, stepRecord('a', OutcomeState.SUCCEEDED));

  it('ends a step whose outcome is seen, and what waits for it can be queued', async () => {
    const { run } = await start();
    expect(applyEvent(run, { key: recordKey, kv: kvOf(recordKey, done, 50), revision: 50 }, none)).to.equal(
      true,
    );
    expect(run.items.has(id('a'))).to.equal(false);
    expect([...run.ready]).to.deep.equal([1]);
    // Its item went with it.
    expect(applyEvent(run, { key: itemKey, kv: undefined, revision: 50 }, none)).to.equal(true);
  });

  it('says that there is a gap when an item goes whose outcome was not seen', async () => {
    const { run } = await start();
    expect(applyEvent(run, { key: itemKey, kv: undefined, revision: 50 }, none)).to.equal(false);
  });

  it('passes over what is older than what is known', async () => {
    const { run } = await start();
    const old = encodeRecord(QueueItem, queueItem({ stepId: 'a', attempt: 9 }));
    const { revision } = run.items.get(id('a'))!;
    applyEvent(run, { key: itemKey, kv: kvOf(itemKey, old, revision - 1), revision: revision - 1 }, none);
    expect(run.items.get(id('a'))?.record.attempt).to.equal(0);
    expect(applyEvent(run, { key: itemKey, kv: undefined, revision: revision - 1 }, none)).to.equal(true);
    expect(run.items.has(id('a'))).to.equal(true);
  });

  it('does not bring back a record that a retry has taken away', async () => {
    const { run } = await start();
    const removed = new Map([[id('a'), 60]]);
    applyEvent(run, { key: recordKey, kv: kvOf(recordKey, done, 60), revision: 60 }, removed);
    expect(run.records.has(id('a'))).to.equal(false);
    applyEvent(run, { key: recordKey, kv: kvOf(recordKey, done, 61), revision: 61 }, removed);
    expect(run.records.has(id('a'))).to.equal(true);
  });

  it('takes a live record that somebody else has written for a gap, but not its own nor its end', async () => {
    const { run } = await start();
    const key = keys.live(workflowKey);
    const seen = (revision: number): boolean =>
      applyEvent(run, { key, kv: kvOf(key, Buffer.alloc(0), revision), revision }, none);
    expect(seen(run.liveRevision)).to.equal(true);
    expect(seen(run.liveRevision + 1)).to.equal(false);
    expect(applyEvent(run, { key, kv: undefined, revision: 99 }, none)).to.equal(true);
  });

  it('names the record that cannot be read', async () => {
    const { run } = await start();
    const event = { key: recordKey, kv: kvOf(recordKey, Buffer.from([0x0a, 0x7f]), 50), revision: 50 };
    const error = thrown(() => applyEvent(run, event, none));
    expect(error).to.be.instanceOf(CorruptRecordError);
    expect(error).to.have.property('key', recordKey);
  });
});
