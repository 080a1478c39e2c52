/** Who waits for whom: the order of tickets, what conflicts, and who may start when somebody is done. */
import { expect } from 'chai';
import type { WorkflowId } from '../../../src/base/ids.js';
import { keyOf, lock, LockBench } from '../../support/lock-bench.js';

describe('LockTable', () => {
  let bench: LockBench;

  beforeEach(async () => {
    bench = new LockBench();
    await bench.follow();
  });
  afterEach(() => {
    bench.close();
  });

  const waiters = (resource: string): string[] =>
    bench.table.ticketsOf(resource).map(({ workflow }) => workflow.id);
  const front = (resource: string): string[] => bench.table.frontOf(resource).map(({ id }) => id);
  const blockers = (workflow: string, ticket: number, ...words: string[]): string[] =>
    bench.table
      .blockersOf(workflow as WorkflowId, ticket, words.map(lock))
      .map((other) => `${other.workflow.id} ${other.resource}`);

  it('keeps tickets in the order in which they came, whatever the workflows are called', async () => {
    for (const workflow of ['c', 'a', 'b']) await bench.ask(workflow, 'x:disk');
    await bench.ask('z', 'x:net');
    expect(waiters('disk')).to.deep.equal(['c', 'a', 'b']);
    expect(waiters('net')).to.deep.equal(['z']);
    expect(waiters('none')).to.deep.equal([]);
    await bench.free('c', 'x:disk');
    await bench.ask('c', 'x:disk');
    expect(waiters('disk'), 'who asks again stands at the end').to.deep.equal(['a', 'b', 'c']);
  });

  it('says of a ticket what the store says of it', async () => {
    const revision = await bench.ask('a', 's:array/1');
    expect(bench.table.ticketsOf('array/1')).to.deep.equal([
      {
        resource: 'array/1',
        mode: 'shared',
        workflow: { shard: 3, id: 'a' },
        revision,
        tenant: 'default',
        timeMs: 7,
      },
    ]);
  });

  it('knows what was there before it began', async () => {
    await bench.ask('a', 'x:disk');
    const late = new LockBench();
    Object.assign(late, { store: bench.store });
    await late.follow();
    expect(late.table.ticketsOf('disk')).to.have.length(1);
    late.close();
  });

  it('counts a ticket that it cannot read: whoever it belongs to, it stands in the way', async () => {
    const key = keyOf('broken', 'x:disk');
    const then = [{ type: 'put', key, value: Buffer.from([0xff]) } as const];
    await bench.store.txn({ compares: [], then, otherwise: [] });
    const ticket = await bench.ask('a', 'x:disk');
    expect(blockers('a', ticket, 'x:disk')).to.deep.equal(['broken disk']);
  });

  it('blocks by an earlier ticket of another workflow that conflicts, and by nothing else', async () => {
    await bench.ask('first', 's:disk', 'x:net');
    const reader = await bench.ask('reader', 's:disk');
    const writer = await bench.ask('writer', 'x:disk', 's:net');
    const last = await bench.ask('last', 's:disk', 's:other');
    expect(blockers('reader', reader, 's:disk')).to.deep.equal([]);
    expect(blockers('writer', writer, 'x:disk', 's:net')).to.deep.equal([
      'first disk',
      'reader disk',
      'first net',
    ]);
    // A reader does not overtake a writer who waits: he would wait for ever.
    expect(blockers('last', last, 's:disk', 's:other')).to.deep.equal(['writer disk']);
    await bench.free('first', 's:disk', 'x:net');
    await bench.free('reader', 's:disk');
    expect(blockers('writer', writer, 'x:disk', 's:net')).to.deep.equal([]);
  });

  it('does not let a workflow stand in its own way', async () => {
    await bench.ask('a', 'x:disk');
    // A ticket of its own from before: it was asked for in two transactions.
    const second = await bench.ask('a', 's:disk');
    expect(blockers('a', second, 'x:disk', 's:disk')).to.deep.equal([]);
  });

  it('has in front one writer, or all readers up to the first writer', async () => {
    expect(front('disk')).to.deep.equal([]);
    for (const [workflow, mode] of [
      ['w1', 'x'],
      ['r1', 's'],
      ['r2', 's'],
      ['w2', 'x'],
      ['r3', 's'],
    ] as const)
      await bench.ask(workflow, `${mode}:disk`);
    expect(front('disk')).to.deep.equal(['w1']);
    await bench.free('w1', 'x:disk');
    expect(front('disk')).to.deep.equal(['r1', 'r2']);
    await bench.free('r1', 's:disk');
    expect(front('disk')).to.deep.equal(['r2']);
    await bench.free('r2', 's:disk');
    expect(front('disk')).to.deep.equal(['w2']);
  });

  it('tells whether a resource has a ticket of a mode', async () => {
    await bench.ask('a', 's:disk');
    expect(bench.table.hasTicket(lock('s:disk'))).to.equal(true);
    expect(bench.table.hasTicket(lock('x:disk'))).to.equal(false);
    await bench.free('a', 's:disk');
    expect(bench.table.hasTicket(lock('s:disk'))).to.equal(false);
  });

  it('tells of each ticket that goes, after it has gone', async () => {
    await bench.ask('a', 'x:disk', 's:net/2');
    expect(bench.freed).to.deep.equal([]);
    await bench.free('a', 'x:disk', 's:net/2');
    expect([...bench.freed].sort()).to.deep.equal(['disk', 'net/2']);
    expect(waiters('disk')).to.deep.equal([]);
  });
});
