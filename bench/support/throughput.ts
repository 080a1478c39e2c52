/** Steps per second of the diamond workload, in rounds between which something else is measured. */
import type { SteplockClient } from '../../src/client/index.js';
import { sleep, systemClock } from '../../src/base/clock.js';
import { diamond } from './plans.js';
import type { BenchOptions } from './report.js';
import { until } from './until.js';
import { Workload } from './workload.js';

/** How much is run. */
export interface Size {
  readonly outstanding: number;
  readonly rounds: number;
  readonly roundMs: number;
  readonly yardstickMs: number;
}

/** The size of P1 and P7. */
export function sizeOf({ isQuick }: BenchOptions): Size {
  return isQuick
    ? { outstanding: 8, rounds: 1, roundMs: 500, yardstickMs: 200 }
    : { outstanding: 256, rounds: 3, roundMs: 8_000, yardstickMs: 2_000 };
}

const width = 8;
const stepsEach = width + 2;
const timeoutMs = 120_000;

/** Nodes are given a slot for every step that can be ready: what is measured is not to be how few it runs at once. */
export function capacityFor({ outstanding }: Size): number {
  return outstanding * width;
}

/** Steps per second over a time in which the workload is steady, and what `meter` says of its beginning and end. */
export async function stepsPerSecond<T>(
  client: SteplockClient,
  size: Size,
  meter: () => Promise<T>,
): Promise<{ readonly steps: number; readonly seconds: number; readonly before: T; readonly after: T }> {
  const workload = new Workload(client, diamond(width), size.outstanding);
  // All begin together: a steady state there is once each of those has ended and given its place to another.
  await until(
    'first wave',
    { timeoutMs },
    async () => await Promise.resolve(workload.ended >= size.outstanding),
  );
  const before = await meter();
  const [ended, beganMs] = [workload.ended, performance.now()];
  await sleep(systemClock, size.roundMs);
  const enough = ended + 2 * size.outstanding;
  await until(
    'second and third wave',
    { timeoutMs },
    async () => await Promise.resolve(workload.ended >= enough),
  );
  const seconds = (performance.now() - beganMs) / 1_000;
  const steps = (workload.ended - ended) * stepsEach;
  const after = await meter();
  await workload.stop();
  return { steps, seconds, before, after };
}
