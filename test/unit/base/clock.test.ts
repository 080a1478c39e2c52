import { expect } from 'chai';
import { sleep } from '../../../src/base/clock.js';
import { FakeClock, settle } from '../../support/fake-clock.js';
import { rejection } from '../../support/rejection.js';

describe('sleep()', () => {
  it('ends after the delay and not before', async () => {
    const clock = new FakeClock();
    let isOver = false;
    void sleep(clock, 100).then(() => {
      isOver = true;
    });
    await clock.run(99);
    expect(isOver).to.equal(false);
    await clock.run(1);
    expect(isOver).to.equal(true);
  });

  it('throws the reason of a signal that has aborted, without setting a timer', async () => {
    const clock = new FakeClock();
    const error = await rejection(sleep(clock, 100, AbortSignal.abort(new Error('over'))));
    expect(error.message).to.equal('over');
    expect(clock.timers).to.equal(0);
  });

  it('throws at once when the signal aborts, and takes its timer away', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const waiting = rejection(sleep(clock, 100, controller.signal));
    await settle();
    controller.abort(new Error('over'));
    expect((await waiting).message).to.equal('over');
    expect(clock.timers).to.equal(0);
  });
});

describe('FakeClock', () => {
  it('fires timers in the order of their times, those of one time in the order in which they were set', () => {
    const clock = new FakeClock();
    const fired: string[] = [];
    clock.setTimer(20, () => fired.push('c'));
    clock.setTimer(10, () => {
      fired.push('a');
      clock.setTimer(5, () => fired.push('b'));
    });
    clock.setTimer(20, () => fired.push('d'));
    clock.advance(20);
    expect(fired).to.deep.equal(['a', 'b', 'c', 'd']);
  });

  it('stalls without firing, and lets the wall clock jump alone', () => {
    const clock = new FakeClock();
    const [wallMs, monotonicMs] = [clock.nowMs(), clock.monotonicMs()];
    let isFired = false;
    clock.setTimer(10, () => {
      isFired = true;
    });
    clock.stall(50);
    clock.jumpWall(-1_000);
    expect(isFired).to.equal(false);
    expect(clock.monotonicMs() - monotonicMs).to.equal(50);
    expect(clock.nowMs() - wallMs).to.equal(-950);
    clock.advance(0);
    expect(isFired).to.equal(true);
  });
});
