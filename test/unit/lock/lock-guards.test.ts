/**
 * What a workflow's start compares: put to a real store, which lets it pass exactly while nobody who came before is in
 * the way, also when the table that the guards were made from has not heard of him yet.
 */
import { expect } from 'chai';
import type { WorkflowId } from '../../../src/base/ids.js';
import { lockGuards } from '../../../src/lock/lock-guards.js';
import type { Compare } from '../../../src/store/store.js';
import { lock, LockBench } from '../../support/lock-bench.js';

describe('lockGuards()', () => {
  let bench: LockBench;

  beforeEach(async () => {
    bench = new LockBench();
    await bench.follow();
  });
  afterEach(() => {
    bench.close();
  });

  const guards = (workflow: string, ticket: number, ...words: string[]): Compare[] | undefined =>
    lockGuards(bench.table, workflow as WorkflowId, ticket, words.map(lock));

  it('are none while somebody comes before, and none are needed without locks', async () => {
    await bench.ask('a', 'x:disk');
    const second = await bench.ask('b', 'x:disk');
    expect(guards('b', second, 'x:disk')).to.equal(undefined);
    expect(guards('c', second)).to.deep.equal([]);
  });

  it('pass for who is in front, whoever waits behind', async () => {
    const first = await bench.ask('a', 'x:disk', 's:net');
    for (const word of ['x:disk', 's:disk', 'x:net', 's:net'])
      await bench.ask(`b-${word.replace(':', '-')}`, word);
    const found = guards('a', first, 'x:disk', 's:net');
    expect(found).to.not.equal(undefined);
    expect(await bench.holds(found!)).to.equal(true);
  });

  it('pass for readers together, and for none behind a writer', async () => {
    const first = await bench.ask('r1', 's:disk');
    const second = await bench.ask('r2', 's:disk');
    const writer = await bench.ask('w', 'x:disk');
    const third = await bench.ask('r3', 's:disk');
    for (const [workflow, ticket] of [
      ['r1', first],
      ['r2', second],
    ] as const)
      expect(await bench.holds(guards(workflow, ticket, 's:disk')!), workflow).to.equal(true);
    expect(guards('w', writer, 'x:disk')).to.equal(undefined);
    expect(guards('r3', third, 's:disk')).to.equal(undefined);
  });

  it('fail in the store when the table had not heard of who came before', async () => {
    for (const [earlier, later] of [
      ['x:disk', 'x:disk'],
      ['x:disk', 's:disk'],
      ['s:disk', 'x:disk'],
    ] as const) {
      const hidden = new LockBench();
      await hidden.follow();
      // The table hears of nothing from here on.
      hidden.close();
      await hidden.ask('a', earlier);
      const ticket = await hidden.ask('b', later);
      const found = lockGuards(hidden.table, 'b' as WorkflowId, ticket, [lock(later)]);
      expect(await hidden.holds(found!), `${later} behind ${earlier}`).to.equal(false);
    }
  });
});
