/** P7: the workload of P1 on the embedded store on disk, against the same on etcd, by turns. */
import { join } from 'node:path';
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
    const embedded = await stage.node('embedded', settings, {
      kind: 'embedded',
      dataDir,
      quotaBytes: undefined,
    });
    const onEtcd = await stage.node('etcd', settings);
    const clients = [await stage.client(embedded), await stage.client(onEtcd)] as const;
    const rates: [number[], number[]] = [[], []];
    for (let rounds = 0; rounds < size.rounds; rounds++) {
      for (const [index, client] of clients.entries()) {
        const { steps, seconds } = await stepsPerSecond(client, size, async () => {
          await Promise.resolve();
        });
        rates[index as 0 | 1].push(steps / seconds);
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
        ['ratios of the rounds', ratios.map((each) => round(each)).join(' ')],
      ],
      verdicts: [{ id: 'P7', figure: { ratio }, budget: ratioMin, unit: 'times etcd', isLimit: false }],
    };
  });
}
