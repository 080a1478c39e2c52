/** Scopes of work that end together. */
import { setMaxListeners } from 'node:events';

/**
 * A controller that aborts when one of the parents does, and forgets them when it ends by itself, so that
 * a short scope under a long one leaves no listener behind.
 */
export class AbortScope {
  readonly #controller = new AbortController();
  readonly #detach: () => void;

  constructor(...parents: readonly AbortSignal[]) {
    allowManyListeners(this.#controller.signal);
    const listeners: (() => void)[] = [];
    this.#detach = () => {
      for (const remove of listeners) remove();
    };
    for (const parent of parents) {
      if (parent.aborted) {
        this.abort(parent.reason);
        return;
      }
      const onAbort = (): void => {
        this.abort(parent.reason);
      };
      parent.addEventListener('abort', onAbort, { once: true });
      listeners.push(() => {
        parent.removeEventListener('abort', onAbort);
      });
    }
  }

  /** What work under this scope listens to. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the work under this scope. */
  abort(reason: unknown): void {
    this.#detach();
    this.#controller.abort(reason);
  }

  /** Leaves the parents without aborting anything: the scope's work is over. */
  close(): void {
    this.#detach();
  }
}

/**
 * Says that many may listen to the signal: thousands of calls run under one session. Whoever listens for less than
 * the signal's life takes his listener away again.
 */
export function allowManyListeners(signal: AbortSignal): void {
  setMaxListeners(0, signal);
}

/** Whether the signal has aborted by now: for asking again after an await, which the type checker does not see. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
