/**
 * Invariant 6, from effects: from its first call to its end a workflow has what it locks to itself, and nothing is left
 * locked by a workflow that has ended. The tickets themselves are looked at only for what is left behind.
 */
import { LockKind } from '../../src/gen/store/steplock/store/v1/plan.js';
import type { WorkflowHead } from '../../src/gen/store/steplock/store/v1/workflow.js';
import { lockOf } from '../../src/model/locks.js';
import { isFinal } from '../../src/model/workflow-state.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { keys, lockOfKey, prefixes, type WorkflowKey } from '../../src/store/keys.js';
import { prefixRange } from '../../src/store/store.js';

/** See the head of this file. */
export class LockRules {
  readonly #server: Mvcc;
  readonly #headOf: (id: string) => WorkflowHead | undefined;
  /** Workflows of which a step has been called. */
  readonly #begun = new Set<string>();

  constructor(server: Mvcc, headOf: (id: string) => WorkflowHead | undefined) {
    this.#server = server;
    this.#headOf = headOf;
  }

  /** What is wrong with a step of the workflow being called now; undefined if nothing is. */
  onCall(id: string): string | undefined {
    this.#begun.add(id);
    const own = this.#headOf(id)?.locks ?? [];
    if (own.length === 0) return undefined;
    for (const other of this.#begun) {
      const head = other === id ? undefined : this.#headOf(other);
      if (head === undefined || isFinal(head.state)) continue;
      const shared = head.locks.find((theirs) =>
        own.some(
          (ours) =>
            ours.resource === theirs.resource &&
            (ours.kind === LockKind.EXCLUSIVE || theirs.kind === LockKind.EXCLUSIVE),
        ),
      );
      if (shared !== undefined) return `called while ${other} has ${shared.resource} (6)`;
    }
    return undefined;
  }

  /** What is wrong when the workflow has just ended; undefined if nothing is. */
  onEnd(key: WorkflowKey, head: WorkflowHead): string | undefined {
    const left = head.locks.find(
      (need) => this.#server.get(keys.lock({ ...lockOf(need), workflow: key })) !== undefined,
    );
    return left === undefined ? undefined : `ended, and ${left.resource} is still locked (6)`;
  }

  /** What is left when everything has ended; undefined if nothing is. */
  atEnd(): string | undefined {
    const { kvs } = this.#server.list(prefixRange(prefixes.lock));
    const left = kvs
      .map((kv) => lockOfKey(kv.key))
      .find((place) => {
        const state = this.#headOf(place?.workflow.id ?? '')?.state;
        return state === undefined || isFinal(state);
      });
    return left === undefined
      ? undefined
      : `${left.resource} is locked by ${left.workflow.id}, which has ended (6)`;
  }
}
