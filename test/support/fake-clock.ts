/**
 * A clock that stands still until the test moves it. Its wall clock and its monotonic clock are apart, so that a test
 * can let one jump, and it can stall: time goes by and no timer fires, as when the event loop was busy.
 */
import type { CancelTimer, Clock } from '../../src/base/clock.js';

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** See above. */
export class FakeClock implements Clock {
  #wallMs = 1_700_000_000_000;
  #monotonicMs = 1_000;
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  setTimer(delayMs: number, callback: () => void): CancelTimer {
    const timer = { atMs: this.#monotonicMs + Math.max(0, delayMs), callback };
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

  /** Lets the wall clock jump. */
  jumpWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** Lets time go by without any timer firing. */
  stall(byMs: number): void {
    this.#move(this.#monotonicMs + byMs);
  }

  /** Lets time go by, and calls what falls due on the way; promises settle afterwards. */
  advance(byMs: number): void {
    const untilMs = this.#monotonicMs + byMs;
    for (let due = this.#next(untilMs); due !== undefined; due = this.#next(untilMs)) this.#fire(due);
    this.#move(untilMs);
  }

  /** As {@link advance}, but promises settle after each timer, so that what they start falls into its own time. */
  async run(byMs: number): Promise<void> {
    const untilMs = this.#monotonicMs + byMs;
    await settle();
    for (let due = this.#next(untilMs); due !== undefined; due = this.#next(untilMs)) {
      this.#fire(due);
      await settle();
    }
    this.#move(untilMs);
    await settle();
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    // A set keeps its order: of timers of one time the one that was set first comes first.
    for (const timer of this.#timers) {
      if (timer.atMs <= untilMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
    }
    return next;
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    this.#move(timer.atMs);
    timer.callback();
  }

  #move(toMs: number): void {
    if (toMs <= this.#monotonicMs) return;
    this.#wallMs += toMs - this.#monotonicMs;
    this.#monotonicMs = toMs;
  }
}

/** Lets every promise that is settled, and whatever waits for it, have its turn. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}
