/** What a decision asks of the table of tickets. */
import { cycleGuards } from '../lock/late-cycle.js';
import { lockGuards } from '../lock/lock-guards.js';
import type { LockTable } from '../lock/lock-table.js';
import { lockOf } from '../model/locks.js';
import type { Inputs } from './decide.js';

/** See above. */
export function lockInputs(table: LockTable): Pick<Inputs, 'lockGuards' | 'lateGuards' | 'cycleGuards'> {
  return {
    lockGuards: ({ key, ticket, head }) => lockGuards(table, key.id, ticket, head.locks.map(lockOf)),
    lateGuards: ({ key }, ticket, need) => lockGuards(table, key.id, ticket, [lockOf(need)]),
    cycleGuards: ({ key }, ticket) => cycleGuards(table, key.id, ticket),
  };
}
