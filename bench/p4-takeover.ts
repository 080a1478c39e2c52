/** P4: three nodes, of which one is killed, and one is drained. */
import { drainUnderLoad } from './p4-drain.js';
import { killUnderLoad } from './p4-kill.js';
import type { BenchOptions, Result } from './support/report.js';

/** See above. */
export async function takeover(options: BenchOptions): Promise<Result> {
  const kill = await killUnderLoad(options);
  const drain = await drainUnderLoad(options);
  return {
    title: 'P4: three nodes under load, one killed with -9, in a second run one drained',
    rows: [...kill.rows, ...drain.rows],
    verdicts: [kill.verdict, drain.verdict],
  };
}
