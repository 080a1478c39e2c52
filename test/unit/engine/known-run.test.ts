import { expect } from 'chai';
import type { StepId, WorkflowId } from '../../../src/base/ids.js';
import { liveRecordOf } from '../../../src/engine/commit.js';
import { KnownRun } from '../../../src/engine/known-run.js';
import { PlanCache } from '../../../src/engine/plan-cache.js';
import { WorkflowReader } from '../../../src/engine/workflow-reader.js';
import { PlanChunk } from '../../../src/gen/store/steplock/store/v1/plan.js';
import { OutcomeState, QueueItem, StepRecord } from '../../../src/gen/store/steplock/store/v1/step.js';
import { LiveRecord, WorkflowHead } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { silentLogger } from '../../../src/log/log.js';
import { StoreCache } from '../../../src/store/cache.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { keys, type WorkflowKey } from '../../../src/store/keys.js';
import { encodeRecord } from '../../../src/store/records.js';
import type { Op } from '../../../src/store/store.js';
import { FakeClock } from '../../support/fake-clock.js';
import { planChunk, planStep, queueItem, stepRecord, workflowHead } from '../../support/records.js';

const key: WorkflowKey = { shard: 3, id: 'wf-1' as WorkflowId };
const step = 'step-0' as StepId;
const itemKey = keys.queue(key, step);
const put = (at: string, value: Uint8Array): Op => ({ type: 'put', key: at, value });

/** A workflow of one step that is queued, as an owner has read it who hears nothing of the store. */
async function start(): Promise<{ known: KnownRun; apply: (...then: Op[]) => Promise<number> }> {
  const clock = new FakeClock();
  const store = createEmbeddedStore({ clock });
  const apply = async (...then: Op[]): Promise<number> =>
    (await store.txn({ compares: [], then, otherwise: [] })).revision;
  const plan = { chunks: 1, steps: 1, groups: 0, bytes: 1, hash: 'h', graphRevision: 0 };
  const head = workflowHead({ workflowId: key.id, uid: 'uid', plan });
  await apply(
    put(keys.chunk('plan', key, 0), encodeRecord(PlanChunk, planChunk([planStep(step)]))),
    put(keys.head(key), encodeRecord(WorkflowHead, head)),
    put(keys.live(key), encodeRecord(LiveRecord, liveRecordOf(head))),
    put(itemKey, encodeRecord(QueueItem, queueItem({ workflowId: key.id, stepId: step }))),
  );
  const common = { store, clock, log: silentLogger };
  const cache = new StoreCache({ ...common, range: { start: '', end: '~' }, kept: [], resyncMs: 30_000 });
  const plans = new PlanCache(1_000);
  const reader = new WorkflowReader({ store, plans, cache, clock, atOnceMax: 1 });
  const { signal } = new AbortController();
  const known = new KnownRun(key, { store, plans, reader, signal }, undefined, () => undefined);
  await known.current();
  return { known, apply };
}

describe('KnownRun', () => {
  it('reads anew when a list lacks an item that it has read: its end was never heard of', async () => {
    const { known, apply } = await start();
    const done = encodeRecord(StepRecord, stepRecord(step, OutcomeState.SUCCEEDED));
    const asOf = await apply(put(keys.step(key, step), done), { type: 'delete', at: itemKey });
    expect(known.noteListed(asOf, () => false)).to.equal(true);
    await known.current();
    const run = await known.current();
    expect(run?.items.size).to.equal(0);
    expect(run?.records.get(step)?.record.state).to.equal(OutcomeState.SUCCEEDED);
  });

  it('believes what it knows when the list has the item, or is older than what was read', async () => {
    const { known } = await start();
    expect(known.noteListed(100, (at) => at === itemKey)).to.equal(false);
    expect(known.noteListed(1, () => false)).to.equal(false);
  });
});
