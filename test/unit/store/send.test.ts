import { expect } from 'chai';
import { isReason, SteplockError, type CallReason } from '../../../src/errors/index.js';
import { silentLogger } from '../../../src/log/log.js';
import { sendUntilAnswered, type Answer } from '../../../src/store/send.js';
import { TxnRefusedError, type Store, type Txn, type TxnResult } from '../../../src/store/store.js';
import { FakeClock } from '../../support/fake-clock.js';
import { rejection } from '../../support/rejection.js';

const txn: Txn = { compares: [], then: [], otherwise: [] };
const answer: TxnResult = { succeeded: true, revision: 7, results: [] } as unknown as TxnResult;

/** A store that fails so often, and the times at which it was asked. */
function send(
  errors: readonly Error[],
  signal = new AbortController().signal,
): {
  readonly clock: FakeClock;
  readonly askedMs: number[];
  readonly answered: Promise<Answer>;
} {
  const clock = new FakeClock();
  const askedMs: number[] = [];
  const given: Txn[] = [];
  const store = {
    txn: async (sent: Txn): Promise<TxnResult> => {
      given.push(sent);
      expect(sent, 'It is sent again as it was').to.equal(txn);
      const error = errors[askedMs.length];
      askedMs.push(clock.monotonicMs() - 1_000);
      if (error !== undefined) throw error;
      return await Promise.resolve(answer);
    },
  } as unknown as Store;
  const answered = sendUntilAnswered(txn, { store, clock, log: silentLogger, signal });
  answered.catch(() => undefined);
  return { clock, askedMs, answered };
}

const failing = (reason: CallReason, times: number): SteplockError[] =>
  Array.from({ length: times }, () => new SteplockError(reason, 'No answer'));

describe('sendUntilAnswered()', () => {
  it('gives the first answer and says that nothing was sent before it', async () => {
    const { answered } = send([]);
    expect(await answered).to.deep.equal({ result: answer, wasResent: false });
  });

  it('sends the same again, at growing intervals up to a second, whatever it is that hides the outcome', async () => {
    for (const reason of ['OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE', 'STORE_FULL'] as const) {
      const { answered, clock, askedMs } = send(failing(reason, 8));
      await clock.run(10_000);
      expect(askedMs).to.deep.equal([0, 20, 60, 140, 300, 620, 1_260, 2_260, 3_260]);
      expect(await answered).to.deep.equal({ result: answer, wasResent: true });
    }
  });

  it('does not repeat what is refused or is a defect', async () => {
    for (const error of [new TxnRefusedError('TOO_LARGE', 'Too large'), new Error('defect')]) {
      const { answered, askedMs } = send([error]);
      expect(await rejection(answered)).to.equal(error);
      expect(askedMs).to.have.length(1);
    }
  });

  it('ends with the session: while it waits, and before it sends', async () => {
    const session = new AbortController();
    const { answered, clock, askedMs } = send(failing('OUTCOME_UNKNOWN', 99), session.signal);
    await clock.run(30);
    session.abort(new Error('over'));
    await clock.run(10_000);
    expect(isReason(await rejection(answered), 'LEASE_LOST')).to.equal(true);
    expect(askedMs).to.have.length(2);
    const late = send([], session.signal);
    expect(isReason(await rejection(late.answered), 'LEASE_LOST')).to.equal(true);
    expect(late.askedMs).to.deep.equal([]);
  });
});
