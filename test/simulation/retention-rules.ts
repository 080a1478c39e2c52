/**
 * Retention, from the store's events and the time as it really is: nothing goes before its time, nothing goes that a
 * person still has to look at or that holds a lock, what may go is gone in the end, and nothing of it is left.
 */
import { IncidentRecord } from '../../src/gen/store/steplock/store/v1/step.js';
import { HeadState, type WorkflowHead } from '../../src/gen/store/steplock/store/v1/workflow.js';
import { isFinal, stateName } from '../../src/model/workflow-state.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { lockOfKey, prefixes, ranges, workflowOfKey, type WorkflowKey } from '../../src/store/keys.js';
import { decodeRecord } from '../../src/store/records.js';
import { prefixRange } from '../../src/store/store.js';

/** See the head of this file. */
export class RetentionRules {
  readonly #server: Mvcc;
  readonly #nowMs: () => number;
  /** How each workflow ended, and when. */
  readonly #ends = new Map<string, { readonly state: HeadState; readonly atMs: number }>();
  /** Workflows of which nothing is to be left. */
  readonly #gone = new Map<string, WorkflowKey>();
  /** How long workflows are kept; undefined for ever. */
  retentionMs: number | undefined;

  constructor(server: Mvcc, nowMs: () => number) {
    this.#server = server;
    this.#nowMs = nowMs;
  }

  /** The state that the workflow ended in; undefined if it has not. */
  endOf(id: string): HeadState | undefined {
    return this.#ends.get(id)?.state;
  }

  /** What is wrong with a head that was written or, undefined, deleted; undefined if nothing is. */
  onHead(
    key: WorkflowKey,
    before: WorkflowHead | undefined,
    head: WorkflowHead | undefined,
  ): string | undefined {
    if (head === undefined) {
      this.#gone.set(key.id, key);
      return undefined;
    }
    if (isFinal(head.state)) {
      if (!this.#ends.has(key.id)) this.#ends.set(key.id, { state: head.state, atMs: this.#nowMs() });
      return undefined;
    }
    if (head.state !== HeadState.DELETING || before?.state === HeadState.DELETING) return undefined;
    const end = this.#ends.get(key.id);
    if (end === undefined) return `deleted, and it was ${stateName(before?.state ?? 0)} (R)`;
    if (this.retentionMs === undefined) return 'deleted, and nobody had asked for it (R)';
    const keptMs = this.#nowMs() - end.atMs;
    if (keptMs < this.retentionMs) return `deleted ${keptMs} ms after its end (R)`;
    if (this.#hasOpenIncident(key)) return 'deleted, and an incident of it is open (R)';
    return this.#hasLock(key.id) ? 'deleted, and it has a lock (R)' : undefined;
  }

  /** Whether all that may go has gone. */
  isTidy(keys: readonly WorkflowKey[]): boolean {
    return this.retentionMs === undefined || keys.every((key) => this.#isSettled(key));
  }

  /** What is wrong once everything that was to go had the time to; undefined if nothing is. */
  atEnd(keys: readonly WorkflowKey[]): string | undefined {
    const late = this.isTidy(keys) ? undefined : keys.find((key) => !this.#isSettled(key));
    if (late !== undefined) return `${late.id}: ended long ago, and is still there (R)`;
    const { kvs } = this.#server.list(ranges.all);
    const left = kvs.find(({ key }) => {
      const id = workflowOfKey(key)?.workflow.id ?? (key.startsWith(prefixes.ended) ? key.split('/')[3] : '');
      return this.#gone.has(id ?? '');
    });
    return left === undefined ? undefined : `${left.key}: left of a workflow that was deleted (R)`;
  }

  #isSettled(key: WorkflowKey): boolean {
    return this.#gone.has(key.id) || this.#hasOpenIncident(key);
  }

  #hasOpenIncident(key: WorkflowKey): boolean {
    const { kvs } = this.#server.list(ranges.incidents(key));
    return kvs.some((kv) => decodeRecord(IncidentRecord, kv).resolveTimeMs === 0);
  }

  #hasLock(id: string): boolean {
    const { kvs } = this.#server.list(prefixRange(prefixes.lock));
    return kvs.some((kv) => lockOfKey(kv.key)?.workflow.id === id);
  }
}
