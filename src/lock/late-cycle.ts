/**
 * Whether roots wait for each other in a circle. Who starts has all of its tickets at one revision, so a circle needs
 * one that came to want more later; and the latest ticket that waits in a circle is always such a one. Its owner gives
 * it up: each circle has one such ticket, so that exactly one gives way, whoever looks first. Pure.
 */
import type { WorkflowId } from '../base/ids.js';
import { doConflict } from '../model/locks.js';
import { keys } from '../store/keys.js';
import { isSameCreation, type Compare } from '../store/store.js';
import type { LockTable, Ticket } from './lock-table.js';

/** The tickets as the table shows them. */
export type Tickets = Pick<LockTable, 'ticketsOf' | 'ticketsOfWorkflow'>;

/**
 * The conditions under which the workflow's ticket is the latest that waits in a circle: that all tickets of the circle
 * are still there. Undefined when it is in none, or is not the latest in any.
 */
export function cycleGuards(table: Tickets, workflow: WorkflowId, ticket: number): Compare[] | undefined {
  const own = table.ticketsOfWorkflow(workflow).filter(({ revision }) => revision === ticket);
  const seen = new Set<WorkflowId>();
  const walk = (waiting: readonly Ticket[], path: readonly Ticket[]): readonly Ticket[] | undefined => {
    for (const wait of waiting) {
      for (const blocker of blockersOf(table, wait)) {
        const next = [...path, wait, blocker];
        if (blocker.workflow.id === workflow) return next;
        if (seen.has(blocker.workflow.id)) continue;
        seen.add(blocker.workflow.id);
        const earlier = table
          .ticketsOfWorkflow(blocker.workflow.id)
          .filter((each) => isEarlier(each, { revision: ticket, workflow: { id: workflow } }));
        const found = walk(earlier, next);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };
  const circle = walk(own, []);
  if (circle === undefined) return undefined;
  const revisions = new Map(circle.map((each) => [keys.lock(each), each.revision]));
  return [...revisions].map(([at, revision]) => isSameCreation(at, revision));
}

/** One request may write tickets of two workflows, for different resources: the id decides then. */
function isEarlier(
  left: { readonly revision: number; readonly workflow: { readonly id: WorkflowId } },
  right: { readonly revision: number; readonly workflow: { readonly id: WorkflowId } },
): boolean {
  if (left.revision !== right.revision) return left.revision < right.revision;
  return left.workflow.id < right.workflow.id;
}

/** Those that come before it, and conflict. */
function blockersOf(table: Tickets, wait: Ticket): Ticket[] {
  return table
    .ticketsOf(wait.resource)
    .filter(
      (other) =>
        other.workflow.id !== wait.workflow.id && other.revision < wait.revision && doConflict(wait, other),
    );
}
