/**
 * Answers of one watch put together to batches of whole revisions. etcd cuts large answers into fragments anywhere,
 * also within a revision; what may still grow is held back.
 */
import type { IEvent, IWatchResponse } from 'etcd3';
import type { Revision } from '../../base/ids.js';
import type { StoreEvent, WatchBatch } from '../store.js';
import { toRevision, type KeySpace } from './key-space.js';

/** See the head of this file. */
export class WatchDecoder {
  readonly #keys: KeySpace;
  /** Everything up to here was delivered. */
  #cursor: Revision;
  /** Events of the revision that a fragment ended in. */
  #held: StoreEvent[] = [];
  #heldRevision: Revision | undefined;

  constructor(keys: KeySpace, after: Revision) {
    this.#keys = keys;
    this.#cursor = after;
  }

  /** What an answer with events completes; undefined when that is nothing. */
  add(response: IWatchResponse): WatchBatch | undefined {
    let done: StoreEvent[] = [];
    for (const event of response.events) {
      const revision = toRevision(event.kv.mod_revision);
      if (revision <= this.#cursor) continue;
      if (revision !== this.#heldRevision) {
        done = done.concat(this.#release());
        this.#heldRevision = revision;
      }
      this.#held.push(this.#decode(event, revision));
    }
    if (!response.fragment) done = done.concat(this.#release());
    return done.length === 0 ? undefined : { revision: this.#cursor, events: done };
  }

  /** What the news that nothing came up to a revision is worth; undefined when it is old. */
  progress(revision: Revision): WatchBatch | undefined {
    if (this.#heldRevision !== undefined || revision <= this.#cursor) return undefined;
    this.#cursor = revision;
    return { revision, events: [] };
  }

  #release(): StoreEvent[] {
    const events = this.#held;
    this.#cursor = this.#heldRevision ?? this.#cursor;
    this.#held = [];
    this.#heldRevision = undefined;
    return events;
  }

  #decode(event: IEvent, revision: Revision): StoreEvent {
    return event.type === 'Delete'
      ? { type: 'delete', key: this.#keys.fromKey(event.kv.key), revision }
      : { type: 'put', kv: this.#keys.fromKeyValue(event.kv) };
  }
}
