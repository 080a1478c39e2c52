/** P4, first part: a node is killed with -9 under load; how long until each step that it held begins again elsewhere. */
import { sleep, systemClock } from '../src/base/clock.js';
import { defaultSettings } from '../src/config/settings.js';
import { machineMs } from './support/bench-controller.js';
import { openStore, untilBalanced } from './support/cluster-view.js';
import { heldBy, readJournal, takenOver } from './support/journal.js';
import type { NodeProcess } from './support/node-process.js';
import { diamond, parallel } from './support/plans.js';
import type { BenchOptions, Row, Verdict } from './support/report.js';
import { Stage } from './support/stage.js';
import { largest, median, round } from './support/stats.js';
import { until } from './support/until.js';
import { submit, Workload } from './support/workload.js';

const victim = 'n2';
const { shards } = defaultSettings;
/** What a takeover may take beyond the lease's time to live. */
const beyondTtlMsMax = 1_000;

/** What it shows. */
export interface PartResult {
  readonly rows: readonly Row[];
  readonly verdict: Verdict;
}

/** See above. */
export async function killUnderLoad(options: BenchOptions): Promise<PartResult> {
  const size = options.isQuick
    ? { workflows: 3, each: 4, outstanding: 2, loadMs: 500, leaseTtlMs: 2_000 }
    : { workflows: 12, each: 15, outstanding: 8, loadMs: 5_000, leaseTtlMs: defaultSettings.leaseTtlMs };
  const { leaseTtlMs } = size;
  return await Stage.use(options, async (stage) => {
    const join = async (id: string): Promise<NodeProcess> => await stage.node(id, { leaseTtlMs });
    const [first, second] = [await join('n1'), await join(victim), await join('n3')];
    const store = openStore(stage);
    await untilBalanced(store, shards, 3);
    const client = await stage.client(first);
    const workload = new Workload(client, diamond(8, 'hold', { with: { ms: 20 } }), size.outstanding);
    // Several, so that each node owns some of them: an owner claims for itself what it has slots for.
    const long = parallel(size.each, 'hold', { with: { ms: 3 * leaseTtlMs } });
    for (let index = 0; index < size.workflows; index++) await submit(client, long);
    await sleep(systemClock, size.loadMs);
    const killedMs = machineMs();
    second.kill();
    const held = heldBy(await readJournal(stage.directory), victim, killedMs);
    const progress = async (): Promise<Map<string, number>> =>
      takenOver(await readJournal(stage.directory), held, { node: victim, afterMs: killedMs });
    // What is not taken over by then shows as missing.
    await until('takeover', { timeoutMs: 4 * leaseTtlMs, lookMs: 100 }, async () => {
      return (await progress()).size === held.size;
    }).catch(() => undefined);
    const taken = [...(await progress()).values()];
    await workload.stop();
    await store.close();
    stage.abandon();
    const missing = held.size - taken.length;
    const measured = missing > 0 ? Infinity : round(largest(taken), 0);
    return {
      rows: [
        ['steps that the killed node held', held.size],
        ['of these begun again elsewhere', taken.length],
        ['from the kill to that, p50, ms', round(median(taken), 0)],
        ['the longest, ms', measured],
      ],
      verdict: {
        id: 'P4 kill',
        figure: { measured },
        budget: leaseTtlMs + beyondTtlMsMax,
        unit: 'ms',
        isLimit: true,
      },
    };
  });
}
