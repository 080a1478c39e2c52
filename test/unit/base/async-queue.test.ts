import { expect } from 'chai';
import { AsyncQueue } from '../../../src/base/async-queue.js';
import { settle } from '../../support/fake-clock.js';
import { rejection } from '../../support/rejection.js';

describe('AsyncQueue', () => {
  it('gives what was pushed in order, before and while its reader waits, then ends', async () => {
    const queue = new AsyncQueue<number>(10);
    queue.push(1);
    const read: number[] = [];
    const reading = (async () => {
      for await (const item of queue) read.push(item);
    })();
    await settle();
    queue.push(2);
    queue.push(3);
    await settle();
    queue.end();
    await reading;
    expect(read).to.deep.equal([1, 2, 3]);
  });

  it('refuses what does not fit and what comes after its end', () => {
    const queue = new AsyncQueue<number>(2);
    expect([queue.push(1), queue.push(2), queue.push(3)]).to.deep.equal([true, true, false]);
    expect(queue.size).to.equal(2);
    queue.end();
    expect(queue.push(4)).to.equal(false);
  });

  it('gives what is there before it throws the error that it was ended with; the first end counts', async () => {
    const queue = new AsyncQueue<number>(2);
    queue.push(1);
    queue.end(new Error('broken'));
    queue.end();
    const read: number[] = [];
    const error = await rejection(
      (async () => {
        for await (const item of queue) read.push(item);
      })(),
    );
    expect(read).to.deep.equal([1]);
    expect(error.message).to.equal('broken');
  });

  it('wakes its reader when it ends', async () => {
    const queue = new AsyncQueue<number>(2);
    const next = queue[Symbol.asyncIterator]().next();
    await settle();
    queue.end();
    expect(await next).to.deep.equal({ value: undefined, done: true });
  });
});
