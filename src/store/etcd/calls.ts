/** Calls to etcd with a deadline, to one member after the other where a call may be repeated. */
import { sleep, type Clock } from '../../base/clock.js';
import { isPassing, toCallError, toTxnError } from './errors.js';
import type { Endpoint, Endpoints } from './endpoints.js';

/** How a call is made: with etcd3's client and these options. */
export type Call<T> = (endpoint: Endpoint, options: { readonly deadline: number }) => Promise<T>;

/** What calling needs. */
export interface CallerOptions {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly callTimeoutMs: number;
}

/** Pause before the same call again: a member that is away refuses at once. */
const retryMs = 50;
/** A member that does not answer is left after this part of the time, if there is another. */
const patience = 1 / 2;

/** See the head of this file. */
export class Caller {
  readonly #options: CallerOptions;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /** Makes a call that may be repeated without harm, again and again until its time is over. */
  async repeat<T>(call: Call<T>): Promise<T> {
    const { endpoints, clock, callTimeoutMs } = this.#options;
    const endsAtMs = clock.monotonicMs() + callTimeoutMs;
    for (;;) {
      const endpoint = endpoints.current;
      const leftMs = endsAtMs - clock.monotonicMs();
      const attemptMs = endpoints.all.length === 1 ? leftMs : Math.min(leftMs, callTimeoutMs * patience);
      try {
        return await call(endpoint, { deadline: clock.nowMs() + attemptMs });
      } catch (error) {
        if (!isPassing(error)) throw toCallError(error);
        endpoints.turnFrom(endpoint);
        if (clock.monotonicMs() + retryMs >= endsAtMs) throw toCallError(error);
      }
      await sleep(clock, retryMs);
    }
  }

  /** Makes a call once. Gives the error as it came; if that is passing, the next call goes to another member. */
  async once<T>(call: Call<T>, timeoutMs = this.#options.callTimeoutMs): Promise<T> {
    const { endpoints, clock } = this.#options;
    const endpoint = endpoints.current;
    try {
      return await call(endpoint, { deadline: clock.nowMs() + timeoutMs });
    } catch (error) {
      if (isPassing(error)) endpoints.turnFrom(endpoint);
      throw error;
    }
  }

  /** Sends a transaction, once. */
  async txn<T>(call: Call<T>): Promise<T> {
    try {
      return await this.once(call);
    } catch (error) {
      throw toTxnError(error);
    }
  }
}
