/** All points of one golden workflow. */
import type { Golden } from './goldens.js';
import { runGolden } from './sweep.js';

/** What a sweep of one workflow found. */
export interface Swept {
  /** Transactions and calls of the undisturbed run. */
  readonly writes: number;
  readonly calls: number;
  /** How many points the node was stopped at. */
  readonly ran: number;
  readonly failures: readonly string[];
}

/** Sweeps it. */
export async function sweepOne(golden: Golden): Promise<Swept> {
  const oracle = await runGolden(golden);
  const failures: string[] = oracle.failure === undefined ? [] : [`undisturbed: ${oracle.failure}`];
  let ran = 0;
  for (let at = 0; at < oracle.points.length; at++) {
    const { end, failure } = await runGolden(golden, at);
    ran += 1;
    const place = `stopped ${oracle.points[at] ?? ''} (npm run sweep -- --only '${golden.name}' --at ${at} --trace)`;
    if (failure !== undefined) failures.push(`${place}: ${failure}`);
    else if (end !== oracle.end) failures.push(`${place}: ended as\n${end}\nand not as\n${oracle.end}`);
  }
  const count = (text: string): number => oracle.points.filter((point) => point.startsWith(text)).length;
  const calls = count('before call') + count('before planning');
  return { writes: count('before txn'), calls, ran, failures };
}
