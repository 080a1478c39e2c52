/**
 * P6: a shard with many running workflows changes its owner. Three nodes: `a` owns the shard and is killed; `b` runs the
 * steps and ends a step of each workflow while nobody owns the shard; `c`, which has read no plan of theirs, takes it.
 * From the end of `a`'s lease it counts until the first step was released, and until the second step of each is queued.
 */
import { defaultSettings } from '../src/config/settings.js';
import type { SteplockClient } from '../src/client/index.js';
import { placeShards } from '../src/cluster/rendezvous.js';
import { HoldKind } from '../src/gen/wire/steplock/v1/admission_service.js';
import type { Plan } from '../src/gen/wire/steplock/v1/plan.js';
import { keys, prefixes, shardOf } from '../src/store/keys.js';
import type { NodeId, WorkflowId } from '../src/base/ids.js';
import { keyCounter, openStore, untilBalanced } from './support/cluster-view.js';
import { callsOf, growth, readCounters } from './support/etcd-metrics.js';
import { step } from './support/plans.js';
import { say, type BenchOptions, type Result } from './support/report.js';
import { Stage } from './support/stage.js';
import { round } from './support/stats.js';
import { until } from './support/until.js';
import { inParallel, requestId, submit } from './support/workload.js';

const { shards } = defaultSettings;
const firstMsMax = 3_000;
const allMsMax = 15_000;
/** Long enough for everything that happens before its end; it is ended by the bench. */
const ttlMs = 600_000;
const atOnce = 64;

/** See above. */
export async function ownerChange(options: BenchOptions): Promise<Result> {
  const workflows = options.isQuick ? 20 : 10_000;
  return await Stage.use(options, async (stage) => {
    const [a, b, c] = [
      await stage.node('a', { leaseTtlMs: ttlMs }),
      await stage.node('b', { neighborhood: 'hands', capacity: 256 }),
      await stage.node('c'),
    ];
    const store = openStore(stage);
    await untilBalanced(store, shards, 3);
    const shard = shardToMove();
    const client = await stage.client(b);
    await hold(client, 'before');
    await hold(client, 'after');
    await submitInto(shard, workflows, await stage.client(a));
    const count = keyCounter(stage);
    const inShard = (kind: string): string => `${kind}${String(shard).padStart(3, '0')}/`;
    await until('first steps queued', { timeoutMs: 60_000 }, async () => {
      return (await count.of(inShard(prefixes.queue))) === workflows;
    });
    a.kill();
    await release(client, 'before');
    // Nobody decides on them: they leave the queue, and nothing comes into it.
    await until('first steps ended', { timeoutMs: 240_000 }, async () => {
      return (await count.of(inShard(prefixes.step))) === workflows;
    });
    const cpuBefore = await c.cpuSeconds();
    const before = await readCounters(stage.etcd.url);
    await store.revokeLease((await store.get(keys.node('a' as NodeId)))?.lease ?? ('0' as never));
    const firstMs = await until('first release', { timeoutMs: 60_000, lookMs: 10 }, async () => {
      return (await count.of(inShard(prefixes.queue))) > 0;
    });
    say(`  first release after ${round(firstMs, 0)} ms`);
    const allMs =
      firstMs +
      (await until('all released', { timeoutMs: 300_000, lookMs: 50 }, async () => {
        return (await count.of(inShard(prefixes.queue))) === workflows;
      }));
    const cpuSeconds = (await c.cpuSeconds()) - cpuBefore;
    const after = await readCounters(stage.etcd.url);
    const reads = growth(before, after, callsOf('KV', 'Range')) + growth(before, after, callsOf('KV', 'Txn'));
    await store.close();
    count.close();
    stage.abandon();
    return {
      title: `P6: the owner of a shard with ${workflows} running workflows is gone; etcd ${stage.etcd.version}`,
      rows: [
        ['until the first release, ms', round(firstMs, 0)],
        ['until every ready step is queued, ms', round(allMs, 0)],
        ['processor time of the new owner for that, s', round(cpuSeconds)],
        ['calls of etcd for each workflow', round(reads / workflows)],
      ],
      verdicts: [
        {
          id: 'P6 first',
          figure: { measured: round(firstMs, 0) },
          budget: firstMsMax,
          unit: 'ms',
          isLimit: true,
        },
        { id: 'P6 all', figure: { measured: round(allMs, 0) }, budget: allMsMax, unit: 'ms', isLimit: true },
      ],
    };
  });
}

/** A shard that is a's while a lives, and c's afterwards. */
function shardToMove(): number {
  const [now, then] = [placeShards(shards, ['a', 'b', 'c']), placeShards(shards, ['b', 'c'])];
  return now.findIndex((node, shard) => node === 'a' && then[shard] === 'c');
}

async function submitInto(shard: number, count: number, client: SteplockClient): Promise<void> {
  const plan: Plan = {
    steps: [
      step('one', 'noop', { system: 'before', neighborhood: 'hands' }),
      step('two', 'noop', { system: 'after', needs: ['one'] }),
    ],
    groups: [],
  };
  let tried = 0;
  const nextId = (): string => {
    for (;;) {
      const id = `moved-${tried++}`;
      if (shardOf(id as WorkflowId, shards) === shard) return id;
    }
  };
  await inParallel(count, atOnce, async () => {
    await submit(client, plan, nextId());
  });
}

async function hold(client: SteplockClient, name: string): Promise<void> {
  await client.admission.placeHold({ ...holdOf(name), requestId: requestId() });
}

async function release(client: SteplockClient, name: string): Promise<void> {
  await client.admission.releaseHold({ ...holdOf(name), requestId: requestId() });
}

function holdOf(name: string): { kind: HoldKind; name: string; actor: string; reason: string } {
  return { kind: HoldKind.SYSTEM, name, actor: 'bench', reason: 'the bench says when' };
}
