/** Lets a bounded number of things go on at once; the others wait for their turn. */

/** See above. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** Of so many at once. */
  constructor(atOnceMax: number) {
    this.#free = atOnceMax;
  }

  /**
   * Does the work when its turn has come, in the order of the calls.
   *
   * @throws the signal's reason when it has aborted by then.
   */
  async pass<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // Who comes next takes the place over, so that nobody slips in before him.
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
