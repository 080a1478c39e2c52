/** A clock that stands still until the test moves it. */
import type { CancelTimer, Clock } from '../../src/base/clock.js';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** See above. */
export class ManualClock implements Clock {
  #timeMs = 0;
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#timeMs;
  }

  monotonicMs(): number {
    return this.#timeMs;
  }

  setTimer(delayMs: number, callback: () => void): CancelTimer {
    const timer = { atMs: this.#timeMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(callback: () => void): void {
    queueMicrotask(callback);
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time go by, and calls what falls due on the way. */
  advance(byMs: number): void {
    const untilMs = this.#timeMs + byMs;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#timeMs = Math.max(this.#timeMs, due.atMs);
      due.callback();
    }
    this.#timeMs = untilMs;
  }
}
