/**
 * Revisions on disk, through LMDB. The files hold the present state alone: each key with its last version, and the
 * revision that all of it is of. One LMDB transaction carries all revisions that came while the one before was under
 * way, and the new revision with them, so that whatever the moment of a crash, what is on disk is the state at one
 * revision.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as lmdb from 'lmdb' with { 'resolution-mode': 'require' };
import type { Clock } from '../../base/clock.js';
import type { Revision } from '../../base/ids.js';
import { errorText, SteplockError } from '../../errors/index.js';
import type { KeyValue, StoreEvent } from '../store.js';
import { dataDirError } from './data-dir.js';
import { lockDataDir } from './data-dir-lock.js';
import { decodeKeyValue, decodeState, encodeKeyValue, encodeState, type DiskState } from './disk-record.js';
import type { Journal, JournalListener } from './journal.js';
import { keyOf } from './key-index.js';
import type { RevisionEntry } from './revision-log.js';

/**
 * The types that lmdb gives for an import do not compile (`export =` in what is declared an ES module), those for
 * CommonJS do. To be replaced by an import when they are mended.
 */
const { open } = createRequire(import.meta.url)('lmdb') as typeof lmdb;

type Database = lmdb.RootDatabase<Buffer, string>;

/** Apart from all keys, which follow `keyPrefix`. */
const stateKey = 'state';
const keyPrefix = 'k/';

/** A journal with what was in it when it was opened. */
export interface OpenedJournal {
  readonly journal: Journal;
  readonly state: DiskState;
  readonly kvs: readonly KeyValue[];
}

/**
 * Opens a directory, or makes it, and reads it.
 *
 * @throws SteplockError STORE_UNAVAILABLE when a process has it open, or it cannot be read.
 */
export async function openLmdbJournal(directory: string, clock: Clock): Promise<OpenedJournal> {
  let unlock: (() => void) | undefined;
  let database: Database | undefined;
  try {
    unlock = lockDataDir(directory);
    database = open({
      path: join(directory, 'data.mdb'),
      encoding: 'binary',
      // Otherwise a transaction is reported before it is synced, and one that fails to sync rejects a promise
      // that nobody holds.
      overlappingSync: false,
      // The same of a batch that lmdb makes by itself of an event turn; we make our own.
      eventTurnBatching: false,
    });
    const before = readState(database, directory);
    const state: DiskState = { revision: before.revision, opens: before.opens + 1 };
    await committed(database.put(stateKey, encodeState(state)));
    // The entries of new files and directories are not synced with what is in them.
    syncDirectory(directory);
    syncDirectory(dirname(directory));
    return {
      journal: new LmdbJournal(database, { state, clock, directory, unlock }),
      state,
      kvs: readKeys(database),
    };
  } catch (cause) {
    await database?.close();
    unlock?.();
    throw dataDirError(directory, cause);
  }
}

/** Waits for a commit. What made it fail is in a promise beside the error, which must not be left unhandled. */
async function committed(commit: Promise<unknown>): Promise<void> {
  try {
    await commit;
  } catch (error) {
    if (error instanceof Error && 'commitError' in error) await error.commitError;
    throw error;
  }
}

/** The batch fails with its parts: theirs are not to be promises that nobody handles, which would end the process. */
function isPartOfBatch(write: Promise<unknown>): void {
  write.then(undefined, () => undefined);
}

function syncDirectory(directory: string): void {
  // Windows cannot, and need not.
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readState(database: Database, directory: string): DiskState {
  const record = database.get(stateKey);
  if (record === undefined) return { revision: 1 as Revision, opens: 0 };
  const state = decodeState(record);
  if (state !== undefined) return state;
  const message = 'The data directory was written by another version of Steplock';
  throw new SteplockError('STORE_UNAVAILABLE', message, { metadata: { directory } });
}

function readKeys(database: Database): KeyValue[] {
  const kvs: KeyValue[] = [];
  for (const { key, value } of database.getRange({ start: keyPrefix, end: 'k0' })) {
    kvs.push(decodeKeyValue(key.slice(keyPrefix.length), value));
  }
  return kvs;
}

/** What a journal is made of, beside its database. */
interface JournalParts {
  readonly state: DiskState;
  readonly clock: Clock;
  readonly directory: string;
  readonly unlock: () => void;
}

/** See the head of this file. */
class LmdbJournal implements Journal {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #unlock: () => void;
  readonly #opens: number;
  #listener: JournalListener | undefined;
  #pending: RevisionEntry[] = [];
  /** The group under way, or about to be taken from what is pending. */
  #group: Promise<void> | undefined;
  #hasFailed = false;
  #closing: Promise<void> | undefined;

  constructor(database: Database, { state, clock, directory, unlock }: JournalParts) {
    this.#database = database;
    this.#opens = state.opens;
    this.#clock = clock;
    this.#directory = directory;
    this.#unlock = unlock;
  }

  listen(listener: JournalListener): void {
    this.#listener = listener;
  }

  append(entry: RevisionEntry): void {
    if (this.#hasFailed) return;
    this.#pending.push(entry);
    this.#group ??= this.#writeGroups();
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.#group;
    try {
      await this.#database.close();
    } finally {
      this.#unlock();
    }
  }

  async #writeGroups(): Promise<void> {
    // All that the present turn still brings goes into the first group.
    await new Promise<void>((resolve) => {
      this.#clock.soon(resolve);
    });
    try {
      for (let group = this.#takeGroup(); group !== undefined; group = this.#takeGroup()) {
        await this.#write(group);
        this.#listener?.onDurable(group.revision);
      }
    } catch (cause) {
      this.#hasFailed = true;
      this.#pending = [];
      const message = `Cannot write to ${this.#directory}: ${errorText(cause)}`;
      this.#listener?.onFailure(new Error(message, { cause }));
    } finally {
      this.#group = undefined;
    }
  }

  #takeGroup(): Group | undefined {
    const last = this.#pending.at(-1);
    if (last === undefined) return undefined;
    const changes = new Map<string, StoreEvent>();
    for (const { events } of this.#pending) {
      for (const event of events) changes.set(keyOf(event), event);
    }
    this.#pending = [];
    return { revision: last.revision, changes };
  }

  async #write({ revision, changes }: Group): Promise<void> {
    const database = this.#database;
    const commit = database.batch(() => {
      for (const [key, event] of changes) {
        if (event.type === 'put') isPartOfBatch(database.put(keyPrefix + key, encodeKeyValue(event.kv)));
        else isPartOfBatch(database.remove(keyPrefix + key));
      }
      isPartOfBatch(database.put(stateKey, encodeState({ revision, opens: this.#opens })));
    });
    await committed(commit);
  }
}

/** Revisions that are written together. */
interface Group {
  /** The last of them. */
  readonly revision: Revision;
  /** The last change of each key. */
  readonly changes: ReadonlyMap<string, StoreEvent>;
}
