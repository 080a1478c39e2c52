/** What a claim writes: the item with a new attempt begun, or with the old one still in doubt, and its permits. Pure. */
import { beginAttempt, type Reservation } from '../engine/release.js';
import { PermitRecord } from '../gen/store/steplock/store/v1/cluster.js';
import type { QueueItem } from '../gen/store/steplock/store/v1/step.js';
import type { QueuedStep } from '../queue/queue-view.js';
import { encodeRecord } from '../store/records.js';
import type { UnitOp } from '../store/unit.js';
import { withAttempt } from './outcome.js';

/** The permits that the claim takes; what the step holds from before is there already. */
export function takenPermits(step: QueuedStep, item: QueueItem): UnitOp[] {
  return item.permits
    .filter((permit) => !step.item.permits.includes(permit))
    .map((key) => ({
      type: 'put',
      key,
      value: encodeRecord(PermitRecord, { unitId: item.unitId, step: step.key, timeMs: item.attemptTimeMs }),
    }));
}

/** The item as it is when this node has claimed it: with a new attempt begun, or with the old one still in doubt. */
export function claimedItem(
  step: QueuedStep,
  reservation: Pick<Reservation, 'claim' | 'permits'>,
  unitId: string,
  nowMs: number,
): { item: QueueItem; revision: number } {
  const { item, revision } = step;
  const { claim } = reservation;
  if (!item.inDoubt) return { item: { ...beginAttempt(item, reservation, nowMs), unitId }, revision };
  // Let go in doubt by its claimer it has no claim; with one, its claimer was lost.
  const isLost = item.claim !== undefined;
  const lost = isLost
    ? { lostClaims: item.lostClaims + 1, lastAttempts: withAttempt(item, 'lost', undefined, nowMs) }
    : {};
  return { item: { ...item, ...lost, claim, notBeforeMs: 0, delayMs: 0, unitId }, revision };
}
