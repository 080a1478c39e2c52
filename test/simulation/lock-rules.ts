/**
 * Invariant 6, from effects: from its first call to its end a tree of workflows has what any of them locks to itself, and
 * nothing is left locked by one that has ended. The tickets themselves are looked at only for what is left behind.
 */
import { LockKind, type LockNeed } from '../../src/gen/store/steplock/store/v1/plan.js';
import { HeadState, type WorkflowHead } from '../../src/gen/store/steplock/store/v1/workflow.js';
import { lockOf } from '../../src/model/locks.js';
import { isFinal } from '../../src/model/workflow-state.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { keys, lockOfKey, prefixes, type WorkflowKey } from '../../src/store/keys.js';
import { prefixRange } from '../../src/store/store.js';
import type { History } from './history.js';

/** See the head of this file. */
export class LockRules {
  readonly #server: Mvcc;
  readonly #history: History;
  /** Workflows of which a step has been called, by their root. */
  readonly #begun = new Map<string, Set<string>>();

  constructor(server: Mvcc, history: History) {
    this.#server = server;
    this.#history = history;
  }

  /** What is wrong with a step of the workflow being called now; undefined if nothing is. */
  onCall(id: string): string | undefined {
    const root = this.#history.headOf(id)?.parent?.rootId ?? id;
    this.#begun.set(root, (this.#begun.get(root) ?? new Set()).add(id));
    return this.#notHeld(root, id) ?? this.#contested(root);
  }

  /** What a child locks its root has. */
  #notHeld(root: string, id: string): string | undefined {
    if (root === id || this.#wasBroken(root)) return undefined;
    const held = this.#history.headOf(root)?.locks ?? [];
    const missing = (this.#history.headOf(id)?.locks ?? []).find(
      ({ resource, kind }) =>
        !held.some(
          (each) => each.resource === resource && (each.kind === kind || each.kind === LockKind.EXCLUSIVE),
        ),
    );
    return missing === undefined ? undefined : `called while ${root} does not have ${missing.resource} (6)`;
  }

  #contested(root: string): string | undefined {
    const own = this.#lockedBy(root);
    if (own.length === 0) return undefined;
    for (const other of this.#begun.keys()) {
      if (other === root) continue;
      const shared = this.#lockedBy(other).find((theirs) =>
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

  /** What those of the tree who have begun lock, whether they have ended or not: until the root has. */
  #lockedBy(root: string): LockNeed[] {
    const head = this.#history.headOf(root);
    if (head === undefined || isFinal(head.state) || head.state === HeadState.DELETING) return [];
    const begun = this.#wasBroken(root) ? [] : (this.#begun.get(root) ?? []);
    return [...begun]
      .flatMap((id) => this.#history.headOf(id)?.locks ?? [])
      .concat(head.startTimeMs === 0 ? [] : head.locks);
  }

  /** Whether an operator has taken a lock away from the tree: what the children still name is not to be trusted then. */
  #wasBroken(root: string): boolean {
    return this.#history.headOf(root)?.history.some(({ verb }) => verb === 'break') === true;
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
        const state = this.#history.headOf(place?.workflow.id ?? '')?.state;
        return state === undefined || isFinal(state);
      });
    return left === undefined
      ? undefined
      : `${left.resource} is locked by ${left.workflow.id}, which has ended (6)`;
  }
}
