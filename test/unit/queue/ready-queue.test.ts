import { expect } from 'chai';
import { ReadyQueue, type ReadyEntry } from '../../../src/queue/ready-queue.js';

/** `lane tenant workflow step`. */
function entry(text: string): ReadyEntry {
  const [lane = '', tenant = '', workflow = ''] = text.split(' ');
  return { key: text, lane: Number(lane), tenant, workflow };
}

function queueOf(...texts: string[]): ReadyQueue<ReadyEntry> {
  const queue = new ReadyQueue<ReadyEntry>();
  for (const text of texts) queue.add(entry(text));
  return queue;
}

function takeAll(queue: ReadyQueue<ReadyEntry>): string[] {
  const taken: string[] = [];
  for (let next = queue.take(() => true); next !== undefined; next = queue.take(() => true))
    taken.push(next.key);
  return taken;
}

describe('ReadyQueue', () => {
  it('takes the lane with the lowest number first', () => {
    expect(takeAll(queueOf('5 t w a', '0 t w b', '9 t w c', '10 t w d'))).to.deep.equal([
      '0 t w b',
      '5 t w a',
      '9 t w c',
      '10 t w d',
    ]);
  });

  it('lets tenants take turns, and within a tenant workflows, and takes the oldest of a workflow first', () => {
    const queue = queueOf('5 t w a', '5 t w b', '5 t w c', '5 t v a', '5 u x a', '5 u x b');
    const order = ['5 t w a', '5 u x a', '5 t v a', '5 u x b', '5 t w b', '5 t w c'];
    expect(queue.inOrder().map(({ key }) => key)).to.deep.equal(order);
    expect(takeAll(queue)).to.deep.equal(order);
    expect(queue.size).to.equal(0);
  });

  it('does not let ten thousand steps of one workflow starve the single step of another', () => {
    const queue = queueOf(...Array.from({ length: 10_000 }, (_, index) => `5 t big ${index}`));
    queue.take(() => true);
    queue.add(entry('5 t small 1'));
    expect(takeAll(queue).indexOf('5 t small 1')).to.be.at.most(1);
  });

  it('leaves what is not accepted in its place', () => {
    const queue = queueOf('5 t w a', '5 t w b', '5 u x a');
    expect(queue.take(({ key }) => key !== '5 t w a')?.key).to.equal('5 t w b');
    expect(takeAll(queue)).to.deep.equal(['5 u x a', '5 t w a']);
    expect(queueOf('5 t w a').take(() => false)).to.equal(undefined);
  });

  it('asks about the first entries of a workflow only, and goes on to the others', () => {
    const queue = queueOf(...Array.from({ length: 100 }, (_, index) => `5 t w ${index}`), '6 t v a');
    let asked = 0;
    const taken = queue.take(({ workflow }) => {
      asked += 1;
      return workflow === 'v';
    });
    expect(taken?.key).to.equal('6 t v a');
    expect(asked).to.equal(33);
  });

  it('lets an entry that comes again keep its place, unless it changes its lane', () => {
    const queue = queueOf('5 t w a', '5 t w b');
    queue.add({ ...entry('5 t w a') });
    expect(queue.inOrder().map(({ key }) => key)).to.deep.equal(['5 t w a', '5 t w b']);
    queue.add({ ...entry('5 t w a'), lane: 6 });
    expect(queue.size).to.equal(2);
    expect(takeAll(queue)).to.deep.equal(['5 t w b', '5 t w a']);
  });

  it('forgets what is removed', () => {
    const queue = queueOf('5 t w a', '5 t w b');
    queue.remove('5 t w a');
    queue.remove('nothing');
    expect(queue.has('5 t w a')).to.equal(false);
    expect(takeAll(queue)).to.deep.equal(['5 t w b']);
  });
});
