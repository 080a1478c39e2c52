/**
 * The one source of time and order in a simulated run: a queue of events by simulated time, events of one moment in an
 * order drawn from the seed. Between two events everything that the first one made ready has its turn.
 */
import type { CancelTimer, Clock } from '../../src/base/clock.js';
import { createSeededRandom, type Random } from '../../src/base/random.js';

interface SimEvent {
  readonly timeMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** See above. */
export class Scheduler {
  readonly random: Random;
  readonly #heap: SimEvent[] = [];
  #nowMs = 0;
  #ran = 0;

  constructor(seed: number) {
    this.random = createSeededRandom(seed);
  }

  /** Simulated milliseconds since the run began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have run. */
  get ran(): number {
    return this.#ran;
  }

  /** Runs the function after that time. */
  after(delayMs: number, run: () => void): CancelTimer {
    const event = {
      timeMs: this.#nowMs + Math.max(0, delayMs),
      order: this.random.next(),
      run,
      isCancelled: false,
    };
    this.#push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Runs events until the condition holds, none is left or the time is up. */
  async runUntil(isDone: () => boolean, untilMs: number, afterEach: () => void): Promise<void> {
    await settle();
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.timeMs > untilMs || isDone()) return;
      this.#pop();
      if (event.isCancelled) continue;
      this.#nowMs = event.timeMs;
      this.#ran += 1;
      event.run();
      await settle();
      afterEach();
    }
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(left: SimEvent, right: SimEvent): boolean {
  return left.timeMs < right.timeMs || (left.timeMs === right.timeMs && left.order < right.order);
}

/** Lets everything that is ready have its turn: setImmediate comes after all promises. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

/** A process within the simulation: its clock stops with it, and can be made to stall. */
export class SimProcess {
  readonly name: string;
  readonly #scheduler: Scheduler;
  readonly #skewMs: number;
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
