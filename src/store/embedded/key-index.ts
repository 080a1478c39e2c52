/**
 * Every key with its versions, in the order of keys. A version is the very event that made it, so that the
 * history of a key and the log of revisions share their memory. Knows neither leases nor transactions.
 */
import { createRequire } from 'node:module';
import type sortedBtree from 'sorted-btree';
import type { Revision } from '../../base/ids.js';
import type { KeyRange, KeyValue, StoreEvent } from '../store.js';

/**
 * The B+ tree is a CommonJS module with a default export, which an import gives under different names depending on
 * who loads this file (Node itself, or tsx from a CommonJS caller). To be replaced by an import when sorted-btree is
 * an ES module.
 */
const { default: BTree } = createRequire(import.meta.url)('sorted-btree') as typeof sortedBtree;

/** A key's versions by revision; a transaction that puts a key and then deletes it leaves two of one revision. */
type History = StoreEvent[];

/** What a version costs beside its key and value: an estimate of the record's head, as etcd's quota has one. */
const versionOverheadBytes = 64;

/** The key that an event is about. */
export function keyOf(event: StoreEvent): string {
  return event.type === 'put' ? event.kv.key : event.key;
}

/** The revision of an event. */
export function revisionOf(event: StoreEvent): Revision {
  return event.type === 'put' ? event.kv.modRevision : event.revision;
}

function sizeOf(event: StoreEvent): number {
  const key = keyOf(event).length;
  return versionOverheadBytes + (event.type === 'put' ? key + event.kv.value.length : key);
}

/** What a put of that key and value would add to {@link KeyIndex.bytes}. */
export function putSize(key: string, value: Uint8Array): number {
  return versionOverheadBytes + key.length + value.length;
}

/** The place of the last version that is not newer than the revision, or -1. */
function lastUpTo(history: History, revision: number): number {
  let low = 0;
  let high = history.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const version = history[middle];
    if (version !== undefined && revisionOf(version) <= revision) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function kvOf(version: StoreEvent | undefined): KeyValue | undefined {
  return version?.type === 'put' ? version.kv : undefined;
}

function compareKeys(left: string, right: string): number {
  if (left < right) return -1;
  return left > right ? 1 : 0;
}

/** See the head of this file. */
export class KeyIndex {
  readonly #histories = new BTree<string, History>(undefined, compareKeys);
  #bytes = 0;

  /** What all versions take, history included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a version. Versions of a key come in the order of their revisions. */
  append(event: StoreEvent): void {
    const key = keyOf(event);
    const history = this.#histories.get(key);
    if (history === undefined) this.#histories.set(key, [event]);
    else history.push(event);
    this.#bytes += sizeOf(event);
  }

  /** The key as it is now, with what the transaction under way has written. */
  current(key: string): KeyValue | undefined {
    return kvOf(this.#histories.get(key)?.at(-1));
  }

  /** The key as of a revision. */
  at(key: string, revision: number): KeyValue | undefined {
    const history = this.#histories.get(key);
    return history === undefined ? undefined : kvOf(history[lastUpTo(history, revision)]);
  }

  /**
   * Visits the keys of the range in order, as of a revision, or as they are now when it is undefined. A visit
   * that returns false ends it. The visitor must not write.
   */
  visit(range: KeyRange, revision: number | undefined, visit: (kv: KeyValue) => boolean): void {
    for (const [key, history] of this.#histories.entries(range.start)) {
      if (key >= range.end) return;
      const kv = kvOf(revision === undefined ? history.at(-1) : history[lastUpTo(history, revision)]);
      if (kv !== undefined && !visit(kv)) return;
    }
  }

  /** The keys of the range in order, as {@link visit} sees them. */
  list(range: KeyRange, revision: number | undefined): KeyValue[] {
    const kvs: KeyValue[] = [];
    this.visit(range, revision, (kv) => {
      kvs.push(kv);
      return true;
    });
    return kvs;
  }

  /** Forgets the versions of a key that a list as of the revision, or a later one, does not need. */
  prune(key: string, revision: number): void {
    const history = this.#histories.get(key);
    if (history === undefined) return;
    const last = lastUpTo(history, revision);
    if (last < 0) return;
    // A key deleted by then is absent with and without its tombstone.
    const dropped = history.splice(0, history[last]?.type === 'delete' ? last + 1 : last);
    for (const event of dropped) this.#bytes -= sizeOf(event);
    if (history.length === 0) this.#histories.delete(key);
  }
}
