/** Scopes of work that end together. */
import { setMaxListeners } from 'node:events';

const listenersOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls when the signal aborts, which it must not have done yet; gives what ends that. An AbortSignal looks through all
 * of its listeners whenever one comes or goes, and thousands of calls may listen to one session: so the signal has one
 * listener, for all who listen through here.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  let listeners = listenersOf.get(signal);
  if (listeners === undefined) {
    const all = new Set<() => void>();
    listeners = all;
    listenersOf.set(signal, all);
    signal.addEventListener(
      'abort',
      () => {
        for (const listener of all) listener();
        all.clear();
      },
      { once: true },
    );
  }
  // A function of its own: the same callback may be given twice.
  const own = (): void => {
    callback();
  };
  listeners.add(own);
  return () => {
    listeners.delete(own);
  };
}

/** How many listen through {@link onAbort}: for finding who has forgotten to leave. */
export function listenersTo(signal: AbortSignal): number {
  return listenersOf.get(signal)?.size ?? 0;
}

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
      const stop = onAbort(parent, () => {
        this.abort(parent.reason);
      });
      listeners.push(stop);
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
