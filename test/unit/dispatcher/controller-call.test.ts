import { expect } from 'chai';
import { createDeferred, type Deferred } from '../../../src/base/deferred.js';
import { callController, type CallEnd } from '../../../src/dispatcher/controller-call.js';
import { SteplockError } from '../../../src/errors/index.js';
import { FakeClock, settle } from '../../support/fake-clock.js';
import { rejection } from '../../support/rejection.js';

const timeMs = 5_000;
const graceMs = 10_000;

interface Bench {
  readonly clock: FakeClock;
  readonly session: AbortController;
  readonly cancel: AbortController;
  readonly handler: Deferred<string>;
  readonly told: AbortSignal[];
  readonly end: Promise<CallEnd<string>>;
}

function call(prepare: (bench: Pick<Bench, 'session' | 'cancel'>) => void = () => undefined): Bench {
  const clock = new FakeClock();
  const session = new AbortController();
  const cancel = new AbortController();
  const handler = createDeferred<string>();
  const told: AbortSignal[] = [];
  prepare({ session, cancel });
  const bounds = {
    clock,
    session: session.signal,
    cancel: cancel.signal,
    deadlineMs: clock.monotonicMs() + timeMs,
  };
  const end = callController(bounds, async (signal) => {
    told.push(signal);
    return await handler.promise;
  });
  end.catch(() => undefined);
  return { clock, session, cancel, handler, told, end };
}

describe('callController()', () => {
  it('gives the answer, and leaves no timer behind', async () => {
    const { clock, handler, end } = call();
    handler.resolve('yes');
    expect(await end).to.deep.equal({ kind: 'answered', answer: 'yes' });
    expect(clock.timers).to.equal(0);
  });

  it('tells the handler when its time is up, and then says that nobody knows', async () => {
    const { clock, handler, told, end } = call();
    await clock.run(timeMs - 1);
    expect(told[0]?.aborted).to.equal(false);
    await clock.run(1);
    expect(told[0]?.aborted).to.equal(true);
    handler.reject(new Error('stopped'));
    expect(await end).to.deep.equal({
      kind: 'broken',
      broken: { reason: 'STEP_TIMEOUT', message: 'Its time was up (stopped)' },
    });
  });

  it('takes an answer that comes though the handler was told to stop', async () => {
    const { clock, handler, end } = call();
    await clock.run(timeMs + graceMs - 1);
    handler.resolve('late');
    expect(await end).to.deep.equal({ kind: 'answered', answer: 'late' });
  });

  it('waits for a handler that does not stop only so long', async () => {
    const { clock, end } = call();
    await clock.run(timeMs);
    await clock.run(graceMs);
    expect(await end).to.have.nested.property('broken.reason', 'STEP_TIMEOUT');
  });

  it('tells the handler that the workflow was stopped, also when that was so from the beginning', async () => {
    for (const isBefore of [true, false]) {
      const { cancel, handler, told, end } = call((bench) => {
        if (isBefore) bench.cancel.abort();
      });
      cancel.abort();
      expect(told[0]?.aborted).to.equal(true);
      handler.reject(new Error('x'));
      expect(await end).to.have.nested.property('broken.reason', 'STEP_CANCELLED');
    }
  });

  it('ends at once with the session, whatever the handler does', async () => {
    const { session, told, end } = call();
    await settle();
    session.abort(new Error('session over'));
    expect((await rejection(end)).message).to.equal('session over');
    expect(told[0]?.aborted).to.equal(true);
    const { told: never, end: late } = call((bench) => {
      bench.session.abort(new Error('over'));
    });
    expect((await rejection(late)).message).to.equal('over');
    expect(never).to.deep.equal([]);
  });

  it('tells a call that was not sent and one that was fenced from one of which nobody knows', async () => {
    const ends: CallEnd<string>[] = [];
    for (const error of [
      new SteplockError('CONTROLLER_UNAVAILABLE', 'nobody there'),
      new SteplockError('FENCED', 'newer'),
      new Error('broke'),
    ]) {
      const { handler, end } = call();
      handler.reject(error);
      ends.push(await end);
    }
    expect(ends).to.deep.equal([
      { kind: 'unsent', message: 'nobody there' },
      { kind: 'fenced' },
      {
        kind: 'broken',
        broken: { reason: 'EFFECT_UNKNOWN', message: 'The call ended without an answer: broke' },
      },
    ]);
  });
});
