/** Waiting for a condition, with a bound. */
import { sleep, systemClock } from '../../src/base/clock.js';

/** How to wait. */
export interface Wait {
  readonly timeoutMs: number;
  readonly lookMs?: number;
}

/** Waits until the condition holds; gives how long that took, in milliseconds. */
export async function until(
  what: string,
  { timeoutMs, lookMs = 20 }: Wait,
  condition: () => Promise<boolean>,
): Promise<number> {
  const beganMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - beganMs > timeoutMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(systemClock, lookMs);
  }
  return performance.now() - beganMs;
}
