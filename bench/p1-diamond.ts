/** P1: many small workflows at once on etcd, against what etcd3 itself can put. */
import { callsOf, commits, growth, readCounters, type Counters } from './support/etcd-metrics.js';
import { putsPerSecond } from './support/puts.js';
import { say, type BenchOptions, type Result } from './support/report.js';
import { Stage } from './support/stage.js';
import { median, round } from './support/stats.js';
import { capacityFor, sizeOf, stepsPerSecond } from './support/throughput.js';

const ratioMin = 1;

interface Meter {
  readonly etcd: Counters;
  readonly nodeCpu: number;
}

/** What a round took. */
interface Use {
  readonly commitsPerStep: number;
  readonly callsPerStep: number;
  readonly nodeCores: number;
  readonly cpuMs: number;
  readonly etcdCores: number;
}

function useOf(before: Meter, after: Meter, { steps, seconds }: { steps: number; seconds: number }): Use {
  return {
    commitsPerStep: growth(before.etcd, after.etcd, commits) / steps,
    callsPerStep:
      (growth(before.etcd, after.etcd, callsOf('KV', 'Range')) +
        growth(before.etcd, after.etcd, callsOf('KV', 'Txn'))) /
      steps,
    cpuMs: ((after.nodeCpu - before.nodeCpu) * 1_000) / steps,
    nodeCores: (after.nodeCpu - before.nodeCpu) / seconds,
    etcdCores: growth(before.etcd, after.etcd, 'process_cpu_seconds_total') / seconds,
  };
}

/** See above. */
export async function diamondThroughput(options: BenchOptions): Promise<Result> {
  const size = sizeOf(options);
  const { outstanding, yardstickMs } = size;
  return await Stage.use(options, async (stage) => {
    const node = await stage.node('n1', { capacity: capacityFor(size) });
    const client = await stage.client(node);
    const meter = async (): Promise<Meter> => ({
      etcd: await readCounters(stage.etcd.url),
      nodeCpu: await node.cpuSeconds(),
    });
    const uses: Use[] = [];
    const puts = [await putsPerSecond(stage.etcd.url, outstanding, yardstickMs)];
    const steps: number[] = [];
    for (let rounds = 0; rounds < size.rounds; rounds++) {
      const { before, after, ...done } = await stepsPerSecond(client, size, meter);
      steps.push(done.steps / done.seconds);
      uses.push(useOf(before, after, done));
      puts.push(await putsPerSecond(stage.etcd.url, outstanding, yardstickMs));
      say(`  ${round(steps.at(-1) ?? 0, 0)} steps/s, ${round(puts.at(-1) ?? 0, 0)} puts/s`);
    }
    // Each round against the puts right before and after it: the machine may be busy with something else by turns.
    const ratios = steps.map((rate, index) => (2 * rate) / ((puts[index] ?? 0) + (puts[index + 1] ?? 0)));
    const ratio = round(median(ratios));
    return {
      title: `P1: diamonds of 10 steps, ${outstanding} outstanding, etcd ${stage.etcd.version} with fsync`,
      rows: [
        ['steps/s', round(median(steps), 0)],
        [`puts/s of etcd3, ${outstanding} outstanding`, round(median(puts), 0)],
        ['ratios of the rounds', ratios.map((each) => round(each)).join(' ')],
        ['processor time of the node for a step, ms', round(median(uses.map((use) => use.cpuMs)))],
        ['commits of etcd per 10 steps', round(median(uses.map((use) => use.commitsPerStep)) * 10)],
        ['calls of etcd per 10 steps', round(median(uses.map((use) => use.callsPerStep)) * 10)],
        ['cores that the node used', round(median(uses.map((use) => use.nodeCores)))],
        ['cores that etcd used', round(median(uses.map((use) => use.etcdCores)))],
      ],
      verdicts: [{ id: 'P1', figure: { ratio }, budget: ratioMin, unit: 'steps per put', isLimit: false }],
    };
  });
}
