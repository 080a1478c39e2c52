/** Tickets for resources in a store in memory, and the table that a node makes of them. */
import type { WorkflowId } from '../../src/base/ids.js';
import { LockKind } from '../../src/gen/store/steplock/store/v1/plan.js';
import { LockRecord } from '../../src/gen/store/steplock/store/v1/workflow.js';
import { LockTable } from '../../src/lock/lock-table.js';
import { silentLogger } from '../../src/log/log.js';
import type { Lock } from '../../src/model/locks.js';
import { StoreCache } from '../../src/store/cache.js';
import { createEmbeddedStore } from '../../src/store/embedded/index.js';
import { keys, prefixes, ranges } from '../../src/store/keys.js';
import { encodeRecord } from '../../src/store/records.js';
import type { Compare, Op } from '../../src/store/store.js';
import { FakeClock, settle } from './fake-clock.js';

/** A lock in one word: `x:disk` is exclusive, `s:disk` shared. */
export function lock(word: string): Lock {
  return { resource: word.slice(2), mode: word.startsWith('x:') ? 'exclusive' : 'shared' };
}

/** See the head of this file. */
export class LockBench {
  readonly store = createEmbeddedStore({ clock: new FakeClock() });
  readonly freed: string[] = [];
  table!: LockTable;
  readonly #end = new AbortController();
  readonly #clock = new FakeClock();

  /** Begins to follow the store; what is there already is read first. */
  async follow(): Promise<void> {
    const { store } = this;
    const kept = [prefixes.lock];
    const cache = new StoreCache({
      store,
      clock: this.#clock,
      log: silentLogger,
      range: ranges.all,
      kept,
      resyncMs: 30_000,
    });
    await cache.start(this.#end.signal);
    this.table = new LockTable(cache, (resource) => this.freed.push(resource));
    await settle();
  }

  /** A workflow asks for these locks with one transaction; gives its ticket. */
  async ask(workflow: string, ...words: readonly string[]): Promise<number> {
    return await this.#apply(
      words.map((word): Op => {
        const { resource, mode } = lock(word);
        const kind = mode === 'exclusive' ? LockKind.EXCLUSIVE : LockKind.SHARED;
        const record = { unitId: 'u', resource, kind, workflowId: workflow, tenant: 'default', timeMs: 7 };
        return { type: 'put', key: keyOf(workflow, word), value: encodeRecord(LockRecord, record) };
      }),
    );
  }

  /** A workflow lets go of these locks. */
  async free(workflow: string, ...words: readonly string[]): Promise<void> {
    await this.#apply(words.map((word): Op => ({ type: 'delete', at: keyOf(workflow, word) })));
  }

  /** Whether the store lets these conditions pass. */
  async holds(compares: readonly Compare[]): Promise<boolean> {
    return (await this.store.txn({ compares, then: [], otherwise: [] })).succeeded;
  }

  /** Ends the following. */
  close(): void {
    this.#end.abort();
  }

  async #apply(then: readonly Op[]): Promise<number> {
    const { revision } = await this.store.txn({ compares: [], then, otherwise: [] });
    await settle();
    return revision;
  }
}

/** The key of a workflow's ticket. */
export function keyOf(workflow: string, word: string): string {
  return keys.lock({ ...lock(word), workflow: { shard: 3, id: workflow as WorkflowId } });
}
