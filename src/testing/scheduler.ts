/**
 * Time that moves when it is told to: a queue of events by time. Between two events everything that the first one made
 * ready has its turn. Of the simulation and of the test kit.
 */
import { systemClock, type CancelTimer } from '../base/clock.js';

interface ScheduledEvent {
  readonly timeMs: number;
  /** Of events of one moment the lowest comes first. */
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** See above. */
export class EventQueue {
  readonly #heap: ScheduledEvent[] = [];
  readonly #nextOrder: () => number;
  #nowMs = 0;
  #ran = 0;

  /** `nextOrder` gives each event its place among those of the same moment. */
  constructor(nextOrder: () => number) {
    this.#nextOrder = nextOrder;
  }

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have run. */
  get ran(): number {
    return this.#ran;
  }

  /** Runs the function after that time. */
  after(delayMs: number, run: () => void): CancelTimer {
    const timeMs = this.#nowMs + Math.max(0, delayMs);
    const event = { timeMs, order: this.#nextOrder(), run, isCancelled: false };
    this.#push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** When the next event is; undefined when there is none. */
  nextMs(): number | undefined {
    for (let event = this.#heap[0]; event !== undefined; event = this.#heap[0]) {
      if (!event.isCancelled) return event.timeMs;
      this.#pop();
    }
    return undefined;
  }

  /** Runs the next event; everything that it makes ready has had its turn when this ends. */
  async runNext(): Promise<void> {
    const event = this.#heap[0];
    if (event === undefined) return;
    this.#pop();
    if (event.isCancelled) return;
    this.#nowMs = Math.max(this.#nowMs, event.timeMs);
    this.#ran += 1;
    event.run();
    await settle();
  }

  /** Lets time pass in which nothing happens. */
  moveTo(timeMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, timeMs);
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const [first, second] = [heap[left], heap[left + 1]];
      if (first === undefined) break;
      const isSecond = second !== undefined && isBefore(second, first);
      const child = isSecond ? second : first;
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = isSecond ? left + 1 : left;
    }
    heap[index] = last;
  }
}

function isBefore(left: ScheduledEvent, right: ScheduledEvent): boolean {
  return left.timeMs < right.timeMs || (left.timeMs === right.timeMs && left.order < right.order);
}

/** Lets everything that is ready have its turn: what comes soon comes after all promises. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => {
    systemClock.soon(resolve);
  });
}
