/** P7: the workload of P1 on the embedded store on disk, against the same on etcd, by turns. */
import { join } from 'node:path';
import type { StoreSettings } from '../src/config/settings.js';
import type { BenchOptions, Result } from './support/report.js';
import { say } from './support/report.js';
import { Stage } from './support/stage.js';
import { median, round } from './support/stats.js';
import { capacityFor, sizeOf, stepsPerSecond } from './support/throughput.js';

const ratioMin = 3;

/** See above. */
export async function embeddedThroughput(options: BenchOptions): Promise<Result> {
  const size = sizeOf(options);
  const settings = { capacity: capacityFor(size) };
  return await Stage.use(options, async (stage) => {
    const dataDir = join(stage.directory, 'embedded');
    const embedded: StoreSettings = { kind: 'embedded', dataDir, quotaBytes: undefined };
    const nodes = [
      await stage.node('embedded', settings, embedded),
      await stage.node('etcd', settings),
    ] as const;
    const clients = [await stage.client(nodes[0]), await stage.client(nodes[1])] as const;
    const rates: [number[], number[]] = [[], []];
    const cpuMs: [number[], number[]] = [[], []];
    for (let rounds = 0; rounds < size.rounds; rounds++) {
      for (const index of [0, 1] as const) {
        const meter = async (): Promise<number> => await nodes[index].cpuSeconds();
        const { steps, seconds, before, after } = await stepsPerSecond(clients[index], size, meter);
        rates[index].push(steps / seconds);
        cpuMs[index].push(((after - before) * 1_000) / steps);
      }
      say(`  ${rates.map((each) => round(each.at(-1) ?? 0, 0)).join(' steps/s embedded, ')} on etcd`);
    }
    const ratios = rates[0].map((rate, index) => rate / (rates[1][index] ?? 0));
    const ratio = round(median(ratios));
    return {
      title: `P7: diamonds of 10 steps, ${size.outstanding} outstanding, embedded store on disk`,
      rows: [
        ['steps/s, embedded', round(median(rates[0]), 0)],
        ['steps/s, etcd', round(median(rates[1]), 0)],
        ['processor time of the node for a step, embedded, ms', round(median(cpuMs[0]))],
        ['the same on etcd, ms', round(median(cpuMs[1]))],
        ['ratios of the rounds', ratios.map((each) => round(each)).join(' ')],
      ],
      verdicts: [{ id: 'P7', figure: { ratio }, budget: ratioMin, unit: 'times etcd', isLimit: false }],
    };
  });
}
