/**
 * The one source of time and order in a simulated run: a queue of events by simulated time, events of one moment in an
 * order drawn from the seed. Between two events everything that the first one made ready has its turn.
 */
import type { CancelTimer, Clock } from '../../src/base/clock.js';
import { createSeededRandom, type Random } from '../../src/base/random.js';
import { EventQueue, settle } from '../../src/testing/scheduler.js';

/** See above. */
export class Scheduler extends EventQueue {
  readonly random: Random;

  constructor(seed: number) {
    const random = createSeededRandom(seed);
    super(() => random.next());
    this.random = random;
  }

  /** Runs events until the condition holds, none is left or the time is up. */
  async runUntil(isDone: () => boolean, untilMs: number, afterEach: () => void): Promise<void> {
    await settle();
    for (let nextMs = this.nextMs(); nextMs !== undefined; nextMs = this.nextMs()) {
      if (nextMs > untilMs || isDone()) return;
      await this.runNext();
      afterEach();
    }
  }
}

/** A process within the simulation: its clock stops with it, and can be made to stall. */
export class SimProcess {
  readonly name: string;
  readonly #scheduler: Scheduler;
  #skewMs: number;
  #isDead = false;
  #stalledUntilMs = 0;

  constructor(name: string, scheduler: Scheduler, skewMs: number) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#skewMs = skewMs;
  }

  /** Whether it was killed. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** Kills it: nothing that it had scheduled happens any more. */
  kill(): void {
    this.#isDead = true;
  }

  /** Stops it for a while, as SIGSTOP or a blocked event loop would: what comes meanwhile happens afterwards. */
  stall(ms: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#scheduler.nowMs + ms);
  }

  /** Sets its wall clock that much forward or back. */
  jump(ms: number): void {
    this.#skewMs += ms;
  }

  /** Runs the function in this process after that time, if it still lives. */
  after(delayMs: number, run: () => void): CancelTimer {
    let cancel: CancelTimer = () => undefined;
    const fire = (): void => {
      if (this.#isDead) return;
      const stalledMs = this.#stalledUntilMs - this.#scheduler.nowMs;
      if (stalledMs > 0) cancel = this.#scheduler.after(stalledMs, fire);
      else run();
    };
    cancel = this.#scheduler.after(delayMs, fire);
    return () => {
      cancel();
    };
  }

  /** Its clock: the wall clock is skewed, the monotonic one is not. */
  get clock(): Clock {
    return {
      nowMs: () => Math.floor(1_800_000_000_000 + this.#skewMs + this.#scheduler.nowMs),
      monotonicMs: () => this.#scheduler.nowMs,
      setTimer: (delayMs, callback) => this.after(delayMs, callback),
      soon: (callback) => {
        this.after(0, callback);
      },
    };
  }
}
