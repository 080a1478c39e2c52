/** How long to wait before the next attempt. */
import type { Random } from '../base/random.js';

/** What waits are computed from. */
export interface BackoffPolicy {
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly multiplier: number;
}

/**
 * The wait after that many failures (1 for the first): it grows by the multiplier up to the maximum, and is drawn
 * from its upper half, so that steps that failed together do not come back together.
 */
export function backoffMs(policy: BackoffPolicy, failures: number, random: Random): number {
  const grown = policy.initialBackoffMs * policy.multiplier ** Math.max(0, failures - 1);
  const wait = Math.min(grown, policy.maxBackoffMs);
  return Math.round(wait / 2 + (wait / 2) * random.next());
}
