/** From the wire to what a workflow locks, and back. */
import { LockKind, type LockNeed } from '../gen/store/steplock/store/v1/plan.js';
import { LockMode, type LockSpec } from '../gen/wire/steplock/v1/plan.js';
import { limits } from './limits.js';

const resourcePattern = /^[a-zA-Z0-9]([a-zA-Z0-9._:/-]{0,126}[a-zA-Z0-9])?$/;
const resourceRule =
  'must be 1 to 128 letters, digits, ".", "_", ":", "/" and "-", with a letter or digit at its ends';

/** Something that is wrong with a list of locks. */
export interface LockProblem {
  /** The place behind the list's: empty, or `[2].resource`. */
  readonly at: string;
  readonly rule: string;
}

/** The locks as they are stored, or the first thing that is wrong with them. */
export function parseLocks(specs: readonly LockSpec[]): LockNeed[] | LockProblem {
  if (specs.length > limits.locksMax) {
    return { at: '', rule: `has ${specs.length}; at most ${limits.locksMax} are allowed` };
  }
  const needs: LockNeed[] = [];
  for (const [index, { resource, mode }] of specs.entries()) {
    if (!resourcePattern.test(resource)) return { at: `[${index}].resource`, rule: resourceRule };
    needs.push({ resource, kind: mode === LockMode.SHARED ? LockKind.SHARED : LockKind.EXCLUSIVE });
  }
  return needs;
}

/** The locks as they are shown. */
export function renderLocks(needs: readonly LockNeed[]): LockSpec[] {
  return needs.map(({ resource, kind }) => ({
    resource,
    mode: kind === LockKind.SHARED ? LockMode.SHARED : LockMode.EXCLUSIVE,
  }));
}
