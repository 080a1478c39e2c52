/** P5: what suspended workflows cost while nothing happens: memory of a node, and traffic with etcd. */
import { sleep, systemClock } from '../src/base/clock.js';
import type { SteplockClient } from '../src/client/index.js';
import { HoldKind } from '../src/gen/wire/steplock/v1/admission_service.js';
import { SuspendWorkflowRequest } from '../src/gen/wire/steplock/v1/workflow_service.js';
import { openStore } from './support/cluster-view.js';
import { callsOf, growth, readCounters, type Counters } from './support/etcd-metrics.js';
import { step } from './support/plans.js';
import { say, type BenchOptions, type Result } from './support/report.js';
import { Stage } from './support/stage.js';
import { round } from './support/stats.js';
import { inParallel, requestId, submit } from './support/workload.js';

const heapKibMax = 10;
const atOnce = 64;
const system = 'held-back';
const pageSize = 1_000;
/** Kinds of keys that a resync lists beside the live records and what is queued, each in one page. */
const otherKinds = 7;

interface Traffic {
  readonly revisions: number;
  readonly reads: number;
  readonly bytes: number;
}

/** See above. */
export async function suspendedWorkflows(options: BenchOptions): Promise<Result> {
  const size = options.isQuick
    ? { count: 20, resyncMs: 1_000, resyncs: 2 }
    : { count: 10_000, resyncMs: 30_000, resyncs: 2 };
  const settings = { resyncMs: size.resyncMs };
  return await Stage.use(options, async (stage) => {
    const first = await stage.node('n1', settings);
    const emptyBytes = await first.heapBytes();
    await suspendMany(await stage.client(first), size.count);
    const kibOf = (bytes: number): number => round((bytes - emptyBytes) / size.count / 1_024);
    const driverKib = kibOf(await first.heapBytes());
    await first.stop();
    // Another one, which has never seen them: what it keeps is what it needs.
    const before = await readCounters(stage.etcd.url);
    const second = await stage.node('n2', settings);
    await sleep(systemClock, Math.min(size.resyncMs, 15_000));
    const taking = traffic(before, await readCounters(stage.etcd.url));
    const ownerKib = kibOf(await second.heapBytes());
    const quiet = await watchQuietly(stage, size.resyncMs * size.resyncs);
    // One live record each, and one queued step: no plan, head or outcome.
    const readsMax = (2 * Math.ceil(size.count / pageSize) + otherKinds) * size.resyncs;
    return {
      title: `P5: ${size.count} suspended workflows of 10 steps, one of them done, etcd ${stage.etcd.version}`,
      rows: [
        ['heap each, in the node that drove them, KiB', driverKib],
        ['heap each, in a node that came later, KiB', ownerKib],
        ['reads by the later node until it owned all', taking.reads],
        ['the same, KiB read', round(taking.bytes / 1_024, 0)],
        [`quiet, ${size.resyncs} resyncs: revisions written`, quiet.revisions],
        ['quiet: reads', quiet.reads],
        [
          'quiet: KiB that etcd sent for each workflow and resync',
          round(quiet.bytes / 1_024 / size.count / size.resyncs, 3),
        ],
      ],
      verdicts: [
        {
          id: 'P5 heap',
          figure: { measured: Math.max(driverKib, ownerKib) },
          budget: heapKibMax,
          unit: 'KiB each',
          isLimit: true,
        },
        {
          id: 'P5 writes',
          figure: { measured: quiet.revisions },
          budget: 0,
          unit: 'revisions',
          isLimit: true,
        },
        { id: 'P5 reads', figure: { measured: quiet.reads }, budget: readsMax, unit: 'reads', isLimit: true },
      ],
    };
  });
}

/** Suspends each in the middle: its first step is done, the second is queued for a system that is held back. */
async function suspendMany(client: SteplockClient, count: number): Promise<void> {
  const hold = {
    kind: HoldKind.SYSTEM,
    name: system,
    actor: 'bench',
    reason: 'held back',
    requestId: requestId(),
  };
  await client.admission.placeHold(hold);
  const rest = Array.from({ length: 8 }, (_, index) => step(`rest-${index}`, 'noop', { needs: ['second'] }));
  const second = step('second', 'noop', { system, needs: ['first'] });
  const plan = { steps: [step('first', 'noop'), second, ...rest], groups: [] };
  await inParallel(count, atOnce, async (index) => {
    const name = await submit(client, plan);
    const request = SuspendWorkflowRequest.fromPartial({ name, requestId: requestId() });
    await client.workflows.suspendWorkflow(request, { timeoutMs: 60_000 });
    if (index % 2_000 === 1_999) say(`  ${index + 1} suspended`);
  });
}

async function watchQuietly(stage: Stage, forMs: number): Promise<Traffic> {
  const store = openStore(stage);
  const { revision } = await store.list({ start: 'none', end: 'none0' });
  const before = await readCounters(stage.etcd.url);
  await sleep(systemClock, forMs);
  const after = await readCounters(stage.etcd.url);
  const { revision: later } = await store.list({ start: 'none', end: 'none0' });
  await store.close();
  return { ...traffic(before, after), revisions: later - revision };
}

function traffic(before: Counters, after: Counters): Traffic {
  const reads = growth(before, after, callsOf('KV', 'Range')) + growth(before, after, callsOf('KV', 'Txn'));
  const bytes = growth(before, after, 'etcd_network_client_grpc_sent_bytes_total');
  return { reads, bytes, revisions: 0 };
}
