/** How long it takes until a step of a node that is gone is claimed by another: figure P4 of the budgets. */
import type { StoreHistory } from './history.js';

/** What one fault did to the steps that its node held. */
export interface Loss {
  readonly fault: string;
  readonly node: string;
  readonly atMs: number;
  /** etcd's term at the fault, if it was asked. */
  readonly term: number | undefined;
  readonly session: number;
  /** Keys of the items that wait for another claim. */
  readonly waiting: Set<string>;
  readonly restartsMs: number[];
  /** Whether etcd had the same leader until the last of them; undefined when that was not asked. */
  hadOneLeader: boolean | undefined;
}

/** See the head of this file. */
export class Restarts {
  readonly losses: Loss[] = [];
  readonly #history: StoreHistory;
  readonly #nowMs: () => number;

  constructor(history: StoreHistory, nowMs: () => number) {
    this.#history = history;
    this.#nowMs = nowMs;
  }

  /** The node is gone from this moment on. */
  onGone(fault: string, node: string, term: number | undefined): Loss | undefined {
    const session = this.#history.sessionOf(node);
    if (session === undefined) return undefined;
    const held = [...this.#history.items].filter(([, { claim }]) => claim?.session === session);
    const loss: Loss = {
      fault,
      node,
      atMs: this.#nowMs(),
      term,
      session,
      waiting: new Set(held.map(([key]) => key)),
      restartsMs: [],
      hadOneLeader: undefined,
    };
    this.losses.push(loss);
    return loss;
  }

  /** After the history has taken a batch. */
  look(): void {
    for (const loss of this.losses) {
      for (const key of loss.waiting) {
        const claim = this.#history.items.get(key)?.claim;
        if (claim?.session === loss.session) continue;
        // An outcome that was on its way when the node went, or a cancellation: nothing had to be restarted.
        if (!this.#history.items.has(key)) loss.waiting.delete(key);
        else if (claim !== undefined) {
          loss.waiting.delete(key);
          loss.restartsMs.push(this.#nowMs() - loss.atMs);
        }
      }
    }
  }
}

/** The value below which that share of the numbers lies; 0 of none. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
