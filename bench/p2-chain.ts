/** P2: how long one small workflow takes when nothing else is going on, against one put; and what it costs etcd. */
import { commits, growth, readCounters } from './support/etcd-metrics.js';
import { chain } from './support/plans.js';
import { putMs } from './support/puts.js';
import type { BenchOptions, Result } from './support/report.js';
import { Stage } from './support/stage.js';
import { largest, median, quantile, round } from './support/stats.js';
import { submit, succeeded } from './support/workload.js';

const length = 10;
const putsPerChainMax = 20;
const commitsMax = 12;

/** See above. */
export async function chainLatency(options: BenchOptions): Promise<Result> {
  const size = options.isQuick ? { warmUp: 2, rounds: 1, chains: 3 } : { warmUp: 50, rounds: 5, chains: 40 };
  return await Stage.use(options, async (stage) => {
    const { url, version } = stage.etcd;
    const node = await stage.node('n1');
    const client = await stage.client(node);
    const run = async (): Promise<number> => {
      const beganMs = performance.now();
      await succeeded(client, await submit(client, chain(length)));
      return performance.now() - beganMs;
    };
    for (let chains = 0; chains < size.warmUp; chains++) await run();
    const cpuBefore = await node.cpuSeconds();
    const puts: number[] = [];
    const chains: number[] = [];
    const committed: number[] = [];
    for (let rounds = 0; rounds < size.rounds; rounds++) {
      puts.push(await putMs(url, size.chains));
      for (let index = 0; index < size.chains; index++) {
        const before = await readCounters(url);
        chains.push(await run());
        committed.push(growth(before, await readCounters(url), commits));
      }
    }
    const cpuMs = (((await node.cpuSeconds()) - cpuBefore) * 1_000) / chains.length;
    const ratio = round(median(chains) / median(puts));
    const commitsEach = median(committed);
    return {
      title: `P2: chains of ${length} steps, one after the other, etcd ${version} with fsync`,
      rows: [
        ['a put, p50, ms', round(median(puts))],
        ['a chain as its client sees it, p50, ms', round(median(chains))],
        ['the same, p95, ms', round(quantile(chains, 0.95))],
        ['processor time of the node for one, ms', round(cpuMs)],
        ['commits of etcd for one, p50', commitsEach],
        ['the most, where something else was committed too', largest(committed)],
      ],
      verdicts: [
        { id: 'P2', figure: { ratio }, budget: putsPerChainMax, unit: 'puts per chain', isLimit: true },
        {
          id: 'P2 commits',
          figure: { measured: commitsEach },
          budget: commitsMax,
          unit: 'commits',
          isLimit: true,
        },
      ],
    };
  });
}
