/**
 * The tickets for resources as the cache shows them. A ticket is a key of its workflow under the resource; its create
 * revision is its place in the queue. A workflow has its locks when no earlier ticket of another one conflicts with any
 * of its own: it takes them all at once or none, nobody overtakes, and since all of its tickets have one revision there
 * is one order for all resources, so that no two can wait for each other.
 *
 * What is said here is a hint. The transaction that starts a workflow compares the resources' keys themselves.
 */
import type { WorkflowId } from '../base/ids.js';
import { LockRecord } from '../gen/store/steplock/store/v1/workflow.js';
import { doConflict, type Lock } from '../model/locks.js';
import type { CacheEvent, StoreCache } from '../store/cache.js';
import { lockOfKey, prefixes, type LockKey, type WorkflowKey } from '../store/keys.js';
import { readRecord } from '../store/records.js';

/** A workflow's claim to a resource. */
export interface Ticket extends LockKey {
  /** Its place in the queue. */
  readonly revision: number;
  readonly tenant: string;
  readonly timeMs: number;
}

/** See the head of this file. */
export class LockTable {
  readonly #resources = new Map<string, Map<string, Ticket>>();
  readonly #workflows = new Map<WorkflowId, Map<string, Ticket>>();

  /** `onFreed`: a ticket of the resource is gone. */
  constructor(cache: StoreCache, onFreed: (resource: string) => void) {
    for (const kv of cache.entries(prefixes.lock)) this.#apply({ key: kv.key, kv, revision: kv.modRevision });
    cache.subscribe((event) => {
      if (!event.key.startsWith(prefixes.lock)) return;
      this.#apply(event);
      const place = lockOfKey(event.key);
      if (event.kv === undefined && place !== undefined) onFreed(place.resource);
    });
  }

  /** The tickets of a resource, in order. */
  ticketsOf(resource: string): Ticket[] {
    return [...(this.#resources.get(resource)?.values() ?? [])].sort(inOrder);
  }

  /** The tickets of a workflow. */
  ticketsOfWorkflow(workflow: WorkflowId): Ticket[] {
    return [...(this.#workflows.get(workflow)?.values() ?? [])];
  }

  /** The tickets that come before the workflow's own and conflict with it. */
  blockersOf(workflow: WorkflowId, ticket: number, locks: readonly Lock[]): Ticket[] {
    return locks.flatMap((lock) =>
      this.ticketsOf(lock.resource).filter(
        (other) => other.workflow.id !== workflow && other.revision < ticket && doConflict(lock, other),
      ),
    );
  }

  /** Whether the resource has a ticket of that mode. */
  hasTicket({ resource, mode }: Lock): boolean {
    for (const ticket of this.#resources.get(resource)?.values() ?? []) if (ticket.mode === mode) return true;
    return false;
  }

  /** The workflows whose tickets no earlier ticket of this resource stands in the way of. */
  frontOf(resource: string): WorkflowKey[] {
    const front: WorkflowKey[] = [];
    for (const ticket of this.ticketsOf(resource)) {
      if (ticket.mode === 'exclusive' && front.length > 0) break;
      front.push(ticket.workflow);
      if (ticket.mode === 'exclusive') break;
    }
    return front;
  }

  #apply({ key, kv }: CacheEvent): void {
    const place = lockOfKey(key);
    if (place === undefined) return;
    if (kv === undefined) {
      remove(this.#resources, place.resource, key);
      remove(this.#workflows, place.workflow.id, key);
      return;
    }
    const record = readRecord(LockRecord, kv);
    const { tenant = '', timeMs = 0 } = record ?? {};
    const ticket = { ...place, revision: kv.createRevision, tenant, timeMs };
    put(this.#resources, place.resource, key, ticket);
    put(this.#workflows, place.workflow.id, key, ticket);
  }
}

/** Keys written by one transaction have one revision; two workflows' tickets for one resource never have. */
function inOrder(left: Ticket, right: Ticket): number {
  return left.revision - right.revision || (left.workflow.id < right.workflow.id ? -1 : 1);
}

function put<Name>(tickets: Map<Name, Map<string, Ticket>>, name: Name, key: string, ticket: Ticket): void {
  const known = tickets.get(name) ?? new Map<string, Ticket>();
  known.set(key, ticket);
  tickets.set(name, known);
}

function remove<Name>(tickets: Map<Name, Map<string, Ticket>>, name: Name, key: string): void {
  const known = tickets.get(name);
  known?.delete(key);
  if (known?.size === 0) tickets.delete(name);
}
