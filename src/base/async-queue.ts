/**
 * A bounded queue between one writer that cannot wait and one reader that does: an AsyncIterable over what
 * was pushed. When it is full the writer is told and decides what to leave out; nothing grows without end.
 */

/** See above. */
export class AsyncQueue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  readonly #sizeMax: number;
  #wake: (() => void) | undefined;
  #end: { error: unknown } | undefined;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** How many wait to be read. */
  get size(): number {
    return this.#items.length;
  }

  /** Adds an item; false when the queue is full or has ended. */
  push(item: T): boolean {
    if (this.#end !== undefined || this.#items.length >= this.#sizeMax) return false;
    this.#items.push(item);
    this.#wake?.();
    return true;
  }

  /** No more comes: the reader gets what is there, then the end, or the error. */
  end(error?: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        yield item;
      } else if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error as Error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }
}
