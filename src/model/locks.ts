/** What a workflow locks, brought together. Pure. */
import { LockKind, type LockNeed } from '../gen/store/steplock/store/v1/plan.js';

/** A lock without its form in the store. */
export interface Lock {
  readonly resource: string;
  readonly mode: 'exclusive' | 'shared';
}

/** The lock that is needed. */
export function lockOf({ resource, kind }: LockNeed): Lock {
  return { resource, mode: kind === LockKind.SHARED ? 'shared' : 'exclusive' };
}

/** Each resource once, by name; exclusive if any of them says so. */
export function uniteLocks(lists: Iterable<readonly LockNeed[]>): LockNeed[] {
  const kinds = new Map<string, LockKind>();
  for (const list of lists) {
    for (const { resource, kind } of list) {
      const isExclusive = kind === LockKind.EXCLUSIVE || kinds.get(resource) === LockKind.EXCLUSIVE;
      kinds.set(resource, isExclusive ? LockKind.EXCLUSIVE : LockKind.SHARED);
    }
  }
  return [...kinds]
    .map(([resource, kind]) => ({ resource, kind }))
    .sort((left, right) => (left.resource < right.resource ? -1 : 1));
}

/** Whether the two, of one resource, cannot be had by different workflows at once. */
export function doConflict(left: Pick<Lock, 'mode'>, right: Pick<Lock, 'mode'>): boolean {
  return left.mode === 'exclusive' || right.mode === 'exclusive';
}
