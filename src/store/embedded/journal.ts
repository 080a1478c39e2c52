/** What makes revisions outlive the process. */
import type { Revision } from '../../base/ids.js';
import type { RevisionEntry } from './revision-log.js';

/** Who hears of what was written. */
export interface JournalListener {
  /** All revisions up to this one are on disk. */
  onDurable(revision: Revision): void;
  /**
   * A write failed. What was taken and is not durable may be on disk or not, and nothing more is taken. Called
   * at most once.
   */
  onFailure(cause: unknown): void;
}

/** See above. */
export interface Journal {
  /** Says who is to hear of it. Called once, before the first append. */
  listen(listener: JournalListener): void;
  /** Takes the next revision. The entry does not change any more. */
  append(entry: RevisionEntry): void;
  /** Writes what was taken, unless a write failed before, and lets go of the files. */
  close(): Promise<void>;
}
