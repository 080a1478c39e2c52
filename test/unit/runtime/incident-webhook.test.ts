/** Incidents are told once each as a rule, again when the receiver had no time, and by one node at a time. */
import { expect } from 'chai';
import { createSeededRandom } from '../../../src/base/random.js';
import type { StepId, WorkflowId } from '../../../src/base/ids.js';
import { incidentFor, incidentKeyName, webhookNote } from '../../../src/engine/incident.js';
import { EffectKind, IncidentRecord } from '../../../src/gen/store/steplock/store/v1/step.js';
import { silentLogger } from '../../../src/log/log.js';
import { errorRecord } from '../../../src/model/attempt.js';
import { IncidentWebhook, type Post } from '../../../src/runtime/incident-webhook.js';
import { StoreCache } from '../../../src/store/cache.js';
import { createEmbeddedStore } from '../../../src/store/embedded/index.js';
import { keys, prefixes, ranges, type WorkflowKey } from '../../../src/store/keys.js';
import { encodeRecord } from '../../../src/store/records.js';
import { prefixRange } from '../../../src/store/store.js';
import { FakeClock } from '../../support/fake-clock.js';

const workflow: WorkflowKey = { shard: 3, id: 'wf' as WorkflowId };

/** A node's part of it, over a store in memory. */
class Bench {
  readonly clock = new FakeClock();
  readonly store = createEmbeddedStore({ clock: this.clock });
  readonly told: Record<string, string>[] = [];
  /** When each was posted, and by which node. */
  readonly posts: { readonly atMs: number; readonly node: string }[] = [];
  readonly #end = new AbortController();
  /** What the receiver answers; a status, or nothing at all. */
  answer: (id: string) => number | Promise<number> = () => 200;
  keeper = 'n1';

  async start(...nodes: readonly string[]): Promise<void> {
    const { store, clock } = this;
    for (const nodeId of nodes) {
      const options = { store, clock, log: silentLogger, range: ranges.all, kept: [prefixes.webhook] };
      const cache = new StoreCache({ ...options, resyncMs: 30_000 });
      const post: Post = async (body, signal) => {
        const told = JSON.parse(body) as Record<string, string>;
        this.posts.push({ atMs: clock.monotonicMs(), node: nodeId });
        const gone = new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        });
        const status = await Promise.race([this.answer(told['id'] ?? ''), gone]);
        if (status === 200) this.told.push(told);
        return status;
      };
      const webhook = new IncidentWebhook({
        ...{ store, cache, clock, log: silentLogger, post, nodeId, cluster: '/a/' },
        random: createSeededRandom(1),
        isKeeper: () => this.keeper === nodeId,
        commit: async ({ compares, ops }) => {
          const { succeeded, revision } = await store.txn({ compares, then: ops, otherwise: [] });
          return { applied: succeeded, revision } as never;
        },
      });
      await cache.start(this.#end.signal);
      void webhook.run(this.#end.signal);
    }
  }

  /** Opens an incident as the engine does, or changes it. */
  async open(step: string, patch: Partial<IncidentRecord> = {}): Promise<void> {
    const error = errorRecord('EFFECT_UNKNOWN', 'the line was cut', false);
    const cause = { error, effect: EffectKind.UNKNOWN, task: '', number: 1, nowMs: 1_700_000_000_000 };
    const incident = { ...incidentFor(workflow, step as StepId, cause), unitId: 'u', ...patch };
    const key = keys.incident(workflow, incidentKeyName(incident));
    const put = { type: 'put', key, value: encodeRecord(IncidentRecord, incident) } as const;
    const then = [put, ...webhookNote(workflow, incident)];
    await this.store.txn({ compares: [], then, otherwise: [] });
  }

  async run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) await this.clock.run(100);
  }

  async notes(): Promise<number> {
    return (await this.store.list(prefixRange(prefixes.webhook))).kvs.length;
  }

  close(): void {
    this.#end.abort();
  }
}

describe('The webhook for incidents', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => {
    bench.close();
  });

  it('tells what happened where, at once, and what it told is done with', async () => {
    await bench.start('n1');
    await bench.run(300);
    await bench.open('a');
    await bench.run(100);
    expect(bench.told).to.deep.equal([
      {
        event: 'incident.opened',
        id: 'wf.a.1',
        workflow: 'wf',
        step: 'a',
        reason: 'EFFECT_UNKNOWN',
        message: 'the line was cut',
        opened: '2023-11-14T22:13:20.000Z',
        cluster: '/a/',
        node: 'n1',
      },
    ]);
    expect(await bench.notes()).to.equal(0);
    await bench.run(30_000);
    expect(bench.posts).to.have.length(1);
  });

  it('tries again, less and less often, for as long as the receiver has no time, and then tells all', async () => {
    bench.answer = () => 503;
    await bench.start('n1');
    await bench.open('a');
    await bench.open('b');
    await bench.run(600_000);
    const waits = bench.posts.slice(1).map(({ atMs }, index) => atMs - (bench.posts[index]?.atMs ?? 0));
    expect(waits[0]).to.be.within(500, 1_100);
    expect(
      waits.slice(8).every((wait) => wait >= 30_000 && wait <= 61_000),
      waits.join(),
    ).to.equal(true);
    expect(await bench.notes()).to.equal(2);
    bench.answer = () => 200;
    await bench.run(61_000);
    expect(bench.told.map(({ id }) => id)).to.deep.equal(['wf.a.1', 'wf.b.1']);
    expect(await bench.notes()).to.equal(0);
  });

  it('waits for no answer longer than ten seconds', async () => {
    bench.answer = async () => await new Promise<never>(() => undefined);
    await bench.start('n1');
    await bench.open('a');
    await bench.run(11_500);
    expect(bench.posts.map(({ atMs }) => atMs - (bench.posts[0]?.atMs ?? 0))).to.have.length(2);
    expect((bench.posts[1]?.atMs ?? 0) - (bench.posts[0]?.atMs ?? 0)).to.be.at.least(10_000);
  });

  it('lets one that is refused keep no other from being told', async () => {
    bench.answer = (id) => (id === 'wf.a.1' ? 400 : 200);
    await bench.start('n1');
    await bench.open('a');
    await bench.open('b');
    await bench.run(500);
    expect(bench.told.map(({ id }) => id)).to.deep.equal(['wf.b.1']);
    expect(await bench.notes()).to.equal(1);
    await bench.run(300_000);
    await bench.open('c');
    await bench.run(200);
    expect(bench.told.map(({ id }) => id)).to.deep.equal(['wf.b.1', 'wf.c.1']);
    expect(bench.posts.length).to.be.within(8, 20);
    bench.answer = () => 204;
    await bench.run(61_000);
    expect(await bench.notes()).to.equal(0);
  });

  it('leaves it to the node whose turn it is, and goes on where that one was cut off', async () => {
    bench.answer = () => 500;
    await bench.start('n1', 'n2');
    await bench.open('a');
    await bench.run(5_000);
    expect(new Set(bench.posts.map(({ node }) => node))).to.deep.equal(new Set(['n1']));
    bench.keeper = 'n2';
    bench.answer = () => 200;
    await bench.run(1_500);
    expect(bench.told.map(({ node }) => node)).to.deep.equal(['n2']);
    expect(await bench.notes()).to.equal(0);
    bench.keeper = 'n1';
    await bench.run(70_000);
    expect(bench.told).to.have.length(1);
  });

  it('says nothing of what was resolved before anybody could be told', async () => {
    bench.keeper = 'nobody';
    await bench.start('n1');
    await bench.open('a');
    await bench.open('a', { resolveTimeMs: 7 });
    expect(await bench.notes()).to.equal(1);
    bench.keeper = 'n1';
    await bench.run(2_000);
    expect(bench.posts).to.deep.equal([]);
    expect(await bench.notes()).to.equal(0);
  });
});
