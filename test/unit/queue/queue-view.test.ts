/** The queue as a node sees it: which items it may claim, when, and what makes it look at them again. */
import { expect } from 'chai';
import type { NodeId, StepId } from '../../../src/base/ids.js';
import { QueueItem, type ClaimRecord } from '../../../src/gen/store/steplock/store/v1/step.js';
import { HeadState, LiveRecord } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { silentLogger } from '../../../src/log/log.js';
import { QueueView } from '../../../src/queue/queue-view.js';
import { StoreCache } from '../../../src/store/cache.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { keys, prefixes, ranges } from '../../../src/store/keys.js';
import { encodeRecord } from '../../../src/store/records.js';
import type { Op } from '../../../src/store/store.js';
import { FakeClock, settle } from '../../support/fake-clock.js';
import { queueItem, workflowKey } from '../../support/records.js';

const { RUNNING, ROLLING_BACK, SUSPENDED } = HeadState;
const keyOf = (step: string): string => keys.queue(workflowKey, step as StepId);

/** A view over a store in memory; `delays` and `mine` are what its node would say. */
class Bench {
  readonly clock = new FakeClock();
  readonly store = createEmbeddedStore({ clock: this.clock });
  readonly mine = new Set<string>();
  readonly delays = new Map<string, number | undefined>();
  readonly lives: string[] = [];
  readonly takenAway: string[] = [];
  readyCalls = 0;
  ownSession = 1_000;
  view!: QueueView;
  readonly #end = new AbortController();

  async follow(): Promise<this> {
    const { store, clock } = this;
    const kept = [prefixes.node, prefixes.live, prefixes.queue];
    const cache = new StoreCache({
      store,
      clock,
      log: silentLogger,
      range: ranges.all,
      kept,
      resyncMs: 30_000,
    });
    await cache.start(this.#end.signal);
    this.view = new QueueView({
      cache,
      clock,
      log: silentLogger,
      ownSession: this.ownSession,
      isMine: (key) => this.mine.has(key),
      delayMs: (key) => (this.delays.has(key) ? this.delays.get(key) : 0),
      onReady: () => (this.readyCalls += 1),
      onLive: (workflow, live) => this.lives.push(`${workflow} ${live?.record.state ?? 'gone'}`),
      onTakenAway: (key) => this.takenAway.push(key),
    });
    await settle();
    return this;
  }

  close(): void {
    this.view.close();
    this.#end.abort();
  }

  async apply(...then: Op[]): Promise<number> {
    const { revision } = await this.store.txn({ compares: [], then, otherwise: [] });
    await settle();
    return revision;
  }

  async item(stepId: string, patch: Partial<QueueItem> = {}): Promise<number> {
    const value = encodeRecord(QueueItem, queueItem({ stepId, ...patch }));
    return await this.apply({ type: 'put', key: keyOf(stepId), value });
  }

  async live(state: HeadState): Promise<void> {
    const record = LiveRecord.fromPartial({ state, tenant: 'default' });
    await this.apply({ type: 'put', key: keys.live(workflowKey), value: encodeRecord(LiveRecord, record) });
  }

  async node(id: string): Promise<ClaimRecord> {
    const key = keys.node(id as NodeId);
    return { node: id, session: await this.apply({ type: 'put', key, value: Buffer.alloc(0) }), timeMs: 1 };
  }

  async remove(key: string): Promise<void> {
    await this.apply({ type: 'delete', at: key });
  }

  get ready(): string[] {
    return this.view.readyInOrder().map(({ item }) => item.stepId);
  }
}

describe('QueueView', () => {
  let bench: Bench;

  beforeEach(async () => {
    bench = await new Bench().follow();
  });
  afterEach(() => {
    bench.close();
  });

  it('offers an item whose workflow runs, and tells that there is one', async () => {
    await bench.item('a');
    expect(bench.ready).to.deep.equal([]);
    await bench.live(RUNNING);
    expect(bench.ready).to.deep.equal(['a']);
    expect(bench.readyCalls).to.equal(1);
    expect(bench.lives).to.deep.equal([`${workflowKey.id} ${RUNNING}`]);
    expect(bench.view.take(() => true)?.item.stepId).to.equal('a');
    expect(bench.view.readyCount).to.equal(0);
  });

  it('knows what was there before it began', async () => {
    await bench.item('a');
    await bench.live(RUNNING);
    const { view } = bench;
    await bench.follow();
    view.close();
    expect(bench.ready).to.deep.equal(['a']);
    expect(bench.view.live(workflowKey.id)?.record.state).to.equal(RUNNING);
  });

  it('offers steps or undos as the state of the workflow wants it, and forgets them with it', async () => {
    await bench.item('a');
    await bench.item('undo.b');
    await bench.live(RUNNING);
    expect(bench.ready).to.deep.equal(['a']);
    await bench.live(ROLLING_BACK);
    expect(bench.ready).to.deep.equal(['undo.b']);
    await bench.live(SUSPENDED);
    expect(bench.ready).to.deep.equal([]);
    await bench.live(RUNNING);
    await bench.remove(keys.live(workflowKey));
    expect(bench.ready).to.deep.equal([]);
    expect(bench.lives.at(-1)).to.equal(`${workflowKey.id} gone`);
  });

  it('offers what is in doubt whatever became of its workflow, and before all else', async () => {
    await bench.live(RUNNING);
    await bench.item('a', { priority: 0 });
    await bench.item('b', { inDoubt: true, priority: 9 });
    expect(bench.ready).to.deep.equal(['b', 'a']);
    await bench.live(SUSPENDED);
    expect(bench.ready).to.deep.equal(['b']);
  });

  it('leaves a claim alone as long as the session that it names lives', async () => {
    await bench.live(RUNNING);
    const claim = await bench.node('n2');
    await bench.item('a', { claim, inDoubt: true });
    expect(bench.view.isClaimValid(claim)).to.equal(true);
    expect(bench.ready).to.deep.equal([]);
    await bench.remove(keys.node('n2' as NodeId));
    expect(bench.view.isClaimValid(claim)).to.equal(false);
    expect(bench.ready).to.deep.equal(['a']);
  });

  it('sees that a claim is void when its node came back before its end was seen', async () => {
    await bench.live(RUNNING);
    await bench.item('a', { claim: { node: 'n2', session: 5_000, timeMs: 1 }, inDoubt: true });
    bench.view.take(() => true);
    expect(bench.ready).to.deep.equal([]);
    await bench.node('n2');
    expect(bench.ready).to.deep.equal(['a']);
  });

  it('offers a claim of its own that it is not busy with, when it looks for such', async () => {
    await bench.live(RUNNING);
    bench.mine.add(keyOf('a'));
    bench.mine.add(keyOf('b'));
    const claim = { node: 'n1', session: bench.ownSession, timeMs: 1 };
    await bench.item('a', { claim, inDoubt: true });
    await bench.item('b', { claim, inDoubt: true });
    bench.mine.delete(keyOf('a'));
    expect(bench.ready).to.deep.equal([]);
    bench.view.reconsiderOwn();
    expect(bench.ready).to.deep.equal(['a']);
  });

  it('does not offer what the node is busy with, and tells it when that goes', async () => {
    await bench.live(RUNNING);
    bench.mine.add(keyOf('a'));
    await bench.item('a');
    expect(bench.ready).to.deep.equal([]);
    await bench.remove(keyOf('a'));
    expect(bench.takenAway).to.deep.equal([keyOf('a')]);
    await bench.item('b');
    await bench.remove(keyOf('b'));
    expect(bench.takenAway).to.have.length(1);
    expect(bench.view.steps.size).to.equal(0);
  });

  it('leaves an item to others for as long as it is told to, after it has fallen due', async () => {
    await bench.live(RUNNING);
    bench.delays.set(keyOf('a'), 50);
    await bench.item('a', { delayMs: 1_000 });
    bench.clock.advance(1_049);
    expect(bench.ready).to.deep.equal([]);
    bench.clock.advance(1);
    expect(bench.ready).to.deep.equal(['a']);
    // It does not wait once more because of news that change nothing.
    const { timers } = bench.clock;
    await bench.node('n9');
    expect(bench.ready).to.deep.equal(['a']);
    expect(bench.clock.timers).to.equal(timers);
  });

  it('waits by measured time, whatever wall clocks say and whoever wrote when it is due', async () => {
    await bench.live(RUNNING);
    const hourMs = 3_600_000;
    await bench.item('a', { delayMs: 1_000, notBeforeMs: bench.clock.nowMs() + hourMs });
    await bench.item('b', { delayMs: 1_000, notBeforeMs: bench.clock.nowMs() - hourMs });
    bench.clock.jumpWall(hourMs);
    bench.clock.advance(999);
    expect(bench.ready).to.deep.equal([]);
    bench.clock.advance(1);
    expect(bench.ready).to.deep.equal(['a', 'b']);
  });

  it('takes an item back that is put off, and one that this node may not run', async () => {
    await bench.live(RUNNING);
    await bench.item('a');
    await bench.item('b');
    expect(bench.ready).to.deep.equal(['a', 'b']);
    await bench.item('a', { delayMs: 1_000 });
    bench.delays.set(keyOf('b'), undefined);
    await bench.node('n2');
    expect(bench.ready).to.deep.equal([]);
    bench.delays.set(keyOf('b'), 0);
    await bench.node('n3');
    expect(bench.ready).to.deep.equal(['b']);
    bench.clock.advance(1_000);
    expect(bench.ready).to.deep.equal(['b', 'a']);
  });

  it('lets an item that falls due rest when it was claimed in the meantime', async () => {
    await bench.live(RUNNING);
    await bench.item('a', { delayMs: 1_000 });
    const claim = await bench.node('n2');
    await bench.item('a', { claim });
    bench.clock.advance(5_000);
    expect(bench.ready).to.deep.equal([]);
    expect(bench.readyCalls).to.equal(0);
  });

  it('judges an item again when it is told to: at once, or after a while unless news come first', async () => {
    await bench.live(RUNNING);
    await bench.item('a');
    for (const afterMs of [0, 200]) {
      bench.view.take(() => true);
      bench.view.reconsider(keyOf('a'), afterMs);
      bench.clock.advance(Math.max(0, afterMs - 1));
      expect(bench.ready, `before ${afterMs} ms`).to.deep.equal(afterMs === 0 ? ['a'] : []);
      bench.clock.advance(1);
      expect(bench.ready, `after ${afterMs} ms`).to.deep.equal(['a']);
    }
    bench.view.take(() => true);
    bench.view.reconsider(keyOf('a'), 200);
    await bench.item('a', { priority: 1 });
    expect(bench.ready, 'news').to.deep.equal(['a']);
  });

  it('leaves a record alone that it cannot read, and keeps what it knew', async () => {
    await bench.live(RUNNING);
    await bench.item('a');
    await bench.apply({ type: 'put', key: keyOf('a'), value: Buffer.from([0xff]) });
    await bench.apply({ type: 'put', key: keyOf('b'), value: Buffer.from([0xff]) });
    expect([...bench.view.steps.keys()]).to.deep.equal([keyOf('a')]);
  });

  it('sets no timer and hears of nothing once it is closed', async () => {
    await bench.live(RUNNING);
    const timers = bench.clock.timers;
    await bench.item('a', { delayMs: 1_000 });
    expect(bench.clock.timers).to.equal(timers + 1);
    bench.view.close();
    expect(bench.clock.timers).to.equal(timers);
    await bench.item('b');
    expect(bench.view.steps.size).to.equal(1);
  });
});
