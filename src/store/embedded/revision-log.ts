/** What each revision changed, from the last compaction on: what watches replay. Every revision has an entry. */
import type { Revision } from '../../base/ids.js';
import type { StoreEvent } from '../store.js';

/** The changes of one revision. */
export interface RevisionEntry {
  /** Which. */
  readonly revision: Revision;
  /** What it changed, in the order of the transaction's operations; never empty. */
  readonly events: readonly StoreEvent[];
}

/** See the head of this file. */
export class RevisionLog {
  #entries: RevisionEntry[] = [];
  /** Up to this revision the log is empty. */
  #base: number;

  constructor(base: number) {
    this.#base = base;
  }

  /** Adds the next revision. */
  append(entry: RevisionEntry): void {
    this.#entries.push(entry);
  }

  /** The entries after a revision and up to another one, both within the log; at most so many. */
  between(after: number, upTo: number, limit: number): readonly RevisionEntry[] {
    const from = after - this.#base;
    return this.#entries.slice(from, Math.min(upTo - this.#base, from + limit));
  }

  /** Takes out the entries up to a revision. */
  takeUpTo(revision: number): readonly RevisionEntry[] {
    const taken = this.#entries.splice(0, revision - this.#base);
    this.#base = revision;
    return taken;
  }
}
