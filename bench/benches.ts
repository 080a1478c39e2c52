/** All benches, by the budget that they measure. */
import { diamondThroughput } from './p1-diamond.js';
import type { BenchOptions, Result } from './support/report.js';

/** See above. */
export const benches: Readonly<Record<string, (options: BenchOptions) => Promise<Result>>> = {
  P1: diamondThroughput,
};
