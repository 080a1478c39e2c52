/** Roots that wait for each other: on random tickets, what the pure function says is held against a walk of the whole graph. */
import fc from 'fast-check';
import { expect } from 'chai';
import type { WorkflowId } from '../../src/base/ids.js';
import { cycleGuards, type Tickets } from '../../src/lock/late-cycle.js';
import type { Ticket } from '../../src/lock/lock-table.js';
import { doConflict } from '../../src/model/locks.js';
import { runs } from '../support/runs.js';

/** Each workflow asks at its start for some resources at one revision, and later for one at a time. */
const asks = fc.array(
  fc.record({
    workflow: fc.integer({ min: 0, max: 5 }),
    wants: fc.uniqueArray(fc.record({ resource: fc.integer({ min: 0, max: 4 }), isShared: fc.boolean() }), {
      minLength: 1,
      maxLength: 3,
      selector: ({ resource }) => resource,
    }),
    /** Whether it comes in one request with the one before, where that can be. */
    isTogether: fc.boolean(),
  }),
  { maxLength: 16 },
);

type Asks = typeof asks extends fc.Arbitrary<infer T> ? T : never;

function toTickets(all: Asks): Ticket[] {
  const tickets: Ticket[] = [];
  let revision = 1;
  for (const { workflow, wants, isTogether } of all) {
    const id = `w${workflow}` as WorkflowId;
    const last = tickets.filter((each) => each.revision === revision);
    const canJoin = wants.every(({ resource }) => last.every((each) => each.resource !== `r${resource}`));
    if (!isTogether || !canJoin || last.some((each) => each.workflow.id === id)) revision += 1;
    for (const { resource, isShared } of wants) {
      const isKnown = tickets.some((each) => each.workflow.id === id && each.resource === `r${resource}`);
      if (isKnown) continue;
      const mode = isShared ? 'shared' : 'exclusive';
      const workflowKey = { id, shard: 0 };
      tickets.push({
        resource: `r${resource}`,
        mode,
        workflow: workflowKey,
        revision,
        tenant: '',
        timeMs: 0,
      });
    }
  }
  return tickets;
}

const tableOf = (tickets: readonly Ticket[]): Tickets => ({
  ticketsOf: (resource) => tickets.filter((each) => each.resource === resource),
  ticketsOfWorkflow: (id) => tickets.filter((each) => each.workflow.id === id),
});

/** Whether any workflow waits, over others, for itself. */
function hasCircle(tickets: readonly Ticket[]): boolean {
  const edges = new Map<string, Set<string>>();
  for (const wait of tickets)
    for (const other of tickets) {
      const isBefore = other.resource === wait.resource && other.revision < wait.revision;
      if (!isBefore || other.workflow.id === wait.workflow.id || !doConflict(wait, other)) continue;
      edges.set(wait.workflow.id, (edges.get(wait.workflow.id) ?? new Set()).add(other.workflow.id));
    }
  // Whoever waits for nobody is taken away, until all are or none can be.
  for (let isMoving = true; isMoving;) {
    isMoving = false;
    for (const [from, to] of edges) {
      for (const each of to) if (!edges.has(each)) to.delete(each);
      if (to.size > 0) continue;
      edges.delete(from);
      isMoving = true;
    }
  }
  return edges.size > 0;
}

/** Which tickets are to be given up, as `workflow revision`. */
function victims(tickets: readonly Ticket[]): string[] {
  const table = tableOf(tickets);
  const found = tickets.filter(
    ({ workflow, revision }) => cycleGuards(table, workflow.id, revision) !== undefined,
  );
  return [...new Set(found.map(({ workflow, revision }) => `${workflow.id} ${revision}`))];
}

describe('Roots that wait for each other', () => {
  it('give up a late ticket exactly while there is a circle, and are free once those are gone', () => {
    let circles = 0;
    fc.assert(
      fc.property(asks, (all) => {
        let tickets = toTickets(all);
        for (let rounds = 0; hasCircle(tickets); rounds++) {
          circles += 1;
          expect(rounds).to.be.lessThan(all.length);
          const [victim = ''] = victims(tickets);
          expect(victim, 'Somebody gives way').to.not.equal('');
          const [id, revision] = victim.split(' ');
          const first = Math.min(
            ...tickets.filter((each) => each.workflow.id === id).map((each) => each.revision),
          );
          expect(Number(revision), 'What was asked for at the start is never given up').to.be.greaterThan(
            first,
          );
          tickets = tickets.filter((each) => each.workflow.id !== id || each.revision !== Number(revision));
        }
        expect(victims(tickets), 'Nobody gives way without need').to.deep.equal([]);
      }),
      runs(500),
    );
    expect(circles, 'There were circles at all').to.be.greaterThan(20);
  });

  it('give up one ticket of a circle, the latest, also when two were written at once', () => {
    const ticket = (id: string, resource: string, revision: number): Ticket => ({
      ...{ resource, mode: 'exclusive', revision, tenant: '', timeMs: 0 },
      workflow: { id: id as WorkflowId, shard: 0 },
    });
    const held = [ticket('a', 'x', 1), ticket('b', 'y', 2)];
    expect(victims([...held, ticket('a', 'y', 3), ticket('b', 'x', 4)])).to.deep.equal(['b 4']);
    expect(victims([...held, ticket('a', 'y', 3), ticket('b', 'x', 3)])).to.deep.equal(['b 3']);
    const guards = cycleGuards(
      tableOf([...held, ticket('a', 'y', 3), ticket('b', 'x', 4)]),
      'b' as WorkflowId,
      4,
    );
    expect(guards).to.have.length(4);
  });
});
