/** All benches, by the budget that they measure. */
import { diamondThroughput } from './p1-diamond.js';
import { chainLatency } from './p2-chain.js';
import { largeWorkflows } from './p3-large.js';
import { takeover } from './p4-takeover.js';
import { suspendedWorkflows } from './p5-suspended.js';
import { ownerChange } from './p6-owner-change.js';
import { embeddedThroughput } from './p7-embedded.js';
import type { BenchOptions, Result } from './support/report.js';

/** See above. */
export const benches: Readonly<Record<string, (options: BenchOptions) => Promise<Result>>> = {
  P1: diamondThroughput,
  P2: chainLatency,
  P3: largeWorkflows,
  P4: takeover,
  P5: suspendedWorkflows,
  P6: ownerChange,
  P7: embeddedThroughput,
};
