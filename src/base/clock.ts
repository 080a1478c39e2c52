/**
 * Time as it is passed in. Nothing outside this file reads the system's clock or sets a timer, so that a
 * simulation can put its own time in its place.
 */
import { onAbort } from './abort.js';

/** Cancels a timer; harmless once it fired. */
export type CancelTimer = () => void;

/** Where time comes from. */
export interface Clock {
  /** Whole milliseconds since 1970 by the wall clock. May jump either way: it delays, it never guards. */
  nowMs(): number;
  /** Milliseconds that never go back. Deadlines and leases go by it. */
  monotonicMs(): number;
  /** Calls once after at least that many milliseconds. */
  setTimer(delayMs: number, callback: () => void): CancelTimer;
  /** Calls once all that is ready now has had its turn; gathers work without delaying it. */
  soon(callback: () => void): void;
}

/** The longest delay that Node's timers take; a longer one would fire at once. */
const delayMsMax = 2 ** 31 - 1;

/** The system's clock. A pending timer keeps the process alive: whoever sets one cancels it. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), delayMsMax));
    return () => {
      clearTimeout(timer);
    };
  },
  soon: (callback) => {
    setImmediate(callback);
  },
};

/**
 * Ends after the delay, or at once when the signal aborts.
 *
 * @throws the signal's reason when it aborts first.
 */
export async function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const stopListening =
      signal === undefined
        ? undefined
        : onAbort(signal, () => {
            cancel();
            reject(signal.reason as Error);
          });
    const cancel = clock.setTimer(delayMs, () => {
      stopListening?.();
      resolve();
    });
  });
}
