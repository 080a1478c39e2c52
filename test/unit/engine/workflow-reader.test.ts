import { expect } from 'chai';
import type { WorkflowId } from '../../../src/base/ids.js';
import { PlanCache } from '../../../src/engine/plan-cache.js';
import { WorkflowReader } from '../../../src/engine/workflow-reader.js';
import { PlanChunk } from '../../../src/gen/store/steplock/store/v1/plan.js';
import { OutcomeState, StepRecord } from '../../../src/gen/store/steplock/store/v1/step.js';
import { LiveRecord, WorkflowHead } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { liveRecordOf } from '../../../src/engine/commit.js';
import { silentLogger } from '../../../src/log/log.js';
import { StoreCache } from '../../../src/store/cache.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { keys, prefixes, type WorkflowKey } from '../../../src/store/keys.js';
import { CorruptRecordError, encodeRecord } from '../../../src/store/records.js';
import type { Op, Store } from '../../../src/store/store.js';
import { FakeClock, settle } from '../../support/fake-clock.js';
import { planChunk, planStep, stepRecord, workflowHead } from '../../support/records.js';

const keyOf = (index: number): WorkflowKey => ({
  shard: 3,
  id: `wf-${String(index).padStart(2, '0')}` as WorkflowId,
});
const put = (key: string, value: Uint8Array): Op => ({ type: 'put', key, value });

/** A store that says which of its methods were called. */
function counted(store: Store, calls: string[]): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        calls.push(String(name));
        return Reflect.apply(value, target, args);
      };
    },
  });
}

/** A store with workflows of one step each, and a reader of them. */
class Bench {
  readonly clock = new FakeClock();
  readonly calls: string[] = [];
  readonly #stored = createEmbeddedStore({ clock: this.clock });
  readonly #end = new AbortController();
  readonly plans = new PlanCache(1_000);
  readonly reader: WorkflowReader;
  readonly #cache: StoreCache;

  constructor(atOnceMax: number) {
    const { clock } = this;
    const range = { start: '', end: '~' };
    const options = { clock, log: silentLogger, range, kept: [prefixes.live], resyncMs: 30_000 };
    this.#cache = new StoreCache({ ...options, store: this.#stored });
    const store = counted(this.#stored, this.calls);
    this.reader = new WorkflowReader({ store, plans: this.plans, cache: this.#cache, clock, atOnceMax });
  }

  /** Puts so many workflows into the store, with so many chunks of plan each. */
  async start(workflows: number, chunks = 1): Promise<void> {
    for (let index = 0; index < workflows; index++) {
      const key = keyOf(index);
      const plan = { chunks, steps: chunks, groups: 0, bytes: 1, hash: 'h', graphRevision: 0 };
      const head = workflowHead({ workflowId: key.id, uid: `uid-${index}`, plan });
      const parts = Array.from({ length: chunks }, (_, part) =>
        put(keys.chunk('plan', key, part), encodeRecord(PlanChunk, planChunk([planStep(`step-${part}`)]))),
      );
      await this.apply(
        ...parts,
        put(keys.head(key), encodeRecord(WorkflowHead, head)),
        put(keys.live(key), encodeRecord(LiveRecord, liveRecordOf(head))),
      );
    }
    await this.#cache.start(this.#end.signal);
    await settle();
  }

  async apply(...then: Op[]): Promise<void> {
    await this.#stored.txn({ compares: [], then, otherwise: [] });
  }

  end(): void {
    this.#end.abort();
  }
}

describe('WorkflowReader', () => {
  it('reads what is asked for together with its plan in few transactions', async () => {
    const bench = new Bench(2);
    await bench.start(40);
    const read = await Promise.all(Array.from({ length: 40 }, (_, i) => bench.reader.read(keyOf(i))));
    expect(read.map((snapshot) => snapshot?.head.uid)).to.deep.equal(
      Array.from({ length: 40 }, (_, i) => `uid-${i}`),
    );
    expect(read.every((snapshot) => snapshot?.plan.steps[0]?.id === 'step-0')).to.equal(true);
    expect(bench.calls).to.deep.equal(['txn', 'txn', 'txn']);
    bench.end();
  });

  it('reads what of a workflow did not fit into the transaction as of its revision', async () => {
    const bench = new Bench(1);
    await bench.start(3, 3);
    const records = Array.from({ length: 90 }, (_, index) => `s-${String(index).padStart(3, '0')}`);
    await bench.apply(
      ...records.map((id) =>
        put(`step/003/wf-01/${id}`, encodeRecord(StepRecord, stepRecord(id, OutcomeState.SUCCEEDED))),
      ),
    );
    const [first, second] = await Promise.all([0, 1].map((index) => bench.reader.read(keyOf(index))));
    expect([...(second?.records.keys() ?? [])]).to.deep.equal(records);
    expect(first?.records.size).to.equal(0);
    expect(second?.plan.steps.map(({ id }) => id)).to.deep.equal(['step-0', 'step-1', 'step-2']);
    bench.end();
  });

  it('tells only those who asked for it of a workflow that is corrupt, or not there', async () => {
    const bench = new Bench(1);
    await bench.start(3);
    await bench.apply(put(keys.head(keyOf(1)), Buffer.from([0xff])));
    const [good, corrupt, other, none] = await Promise.allSettled(
      [0, 1, 2, 7].map((index) => bench.reader.read(keyOf(index))),
    );
    expect([good?.status, other?.status]).to.deep.equal(['fulfilled', 'fulfilled']);
    expect(corrupt?.status === 'rejected' && corrupt.reason).to.be.instanceOf(CorruptRecordError);
    expect(none).to.deep.equal({ status: 'fulfilled', value: undefined });
    bench.end();
  });

  it('does not read what nobody needs any more', async () => {
    const bench = new Bench(1);
    await bench.start(1);
    const abort = new AbortController();
    const read = bench.reader.read(keyOf(0), abort.signal).catch((error: unknown) => error);
    abort.abort('over');
    expect(await read).to.equal('over');
    expect(bench.calls).to.deep.equal([]);
    bench.end();
  });
});
