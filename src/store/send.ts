/**
 * Sends one transaction until the store answers it. A transaction whose answer was lost is sent again unchanged: a
 * read that says "not there" proves nothing, because the lost one may be applied later (measured: with a paused
 * leader, two seconds later, in 3 of 6 trials).
 */
import { sleep, type Clock } from '../base/clock.js';
import { errorText, isReason, SteplockError } from '../errors/index.js';
import type { Logger } from '../log/log.js';
import type { Store, Txn, TxnResult } from './store.js';

/** What sending needs. */
export interface SendOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the sending. */
  readonly signal: AbortSignal;
  /** A sending was not answered: from now on it may have been applied, also when a later one is refused. */
  readonly onUnanswered?: () => void;
}

const resendMsMin = 20;
const resendMsMax = 1_000;

/** The answer, and whether an earlier sending may have been the one that was applied. */
export interface Answer {
  readonly result: TxnResult;
  readonly wasResent: boolean;
}

/**
 * See the head of this file.
 *
 * @throws SteplockError LEASE_LOST when the signal aborts first: whether it was applied is not known.
 * @throws TxnRefusedError when the store refuses it as a whole.
 */
export async function sendUntilAnswered(txn: Txn, options: SendOptions): Promise<Answer> {
  const { store, clock, signal, log } = options;
  for (let sendings = 0; ; sendings++) {
    if (signal.aborted) throw leaseLost(signal.reason);
    try {
      return { result: await store.txn(txn), wasResent: sendings > 0 };
    } catch (error) {
      if (!isReason(error, 'OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE', 'STORE_FULL')) throw error;
      options.onUnanswered?.();
      const fields = { reason: error.reason, sendings: sendings + 1, cause: errorText(error) };
      log.warn(fields, 'the store has not answered, sending the same again');
      const waitMs = Math.min(resendMsMin * 2 ** Math.min(sendings, 10), resendMsMax);
      await sleep(clock, waitMs, signal).catch(() => undefined);
    }
  }
}

/** The error for work that its session's end has stopped. */
export function leaseLost(cause: unknown): SteplockError {
  return new SteplockError('LEASE_LOST', 'The node lost its session', { cause });
}
