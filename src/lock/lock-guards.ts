/** The conditions under which a workflow may start: nobody comes before it for anything that it locks. */
import type { WorkflowId } from '../base/ids.js';
import type { Lock } from '../model/locks.js';
import { ranges } from '../store/keys.js';
import type { Compare } from '../store/store.js';
import type { LockTable } from './lock-table.js';

/** Them; undefined while somebody does come before it. */
export function lockGuards(
  table: LockTable,
  workflow: WorkflowId,
  ticket: number,
  locks: readonly Lock[],
): Compare[] | undefined {
  if (table.blockersOf(workflow, ticket, locks).length > 0) return undefined;
  return locks.flatMap(({ resource, mode }) => {
    const against = mode === 'exclusive' ? (['exclusive', 'shared'] as const) : (['exclusive'] as const);
    return against.map((other): Compare => {
      const at = ranges.locksOfMode(resource, other);
      // A range without keys has revision 0, which no comparison with the ticket lets pass.
      return table.hasTicket({ resource, mode: other })
        ? { at, target: 'create', relation: '>', revision: ticket - 1 }
        : { at, target: 'create', relation: '=', revision: 0 };
    });
  });
}
