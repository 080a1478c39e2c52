/**
 * Judges what the store went through: every change of nodes, queue items, outcomes and heads, as etcd itself reports
 * them. Pure. Revisions decide, not clocks: a claim written under a session that etcd had already ended is found however
 * short the moment was.
 */
import { NodeRecord } from '../../src/gen/store/steplock/store/v1/cluster.js';
import {
  OutcomeState,
  QueueItem,
  StepRecord,
  type ClaimRecord,
} from '../../src/gen/store/steplock/store/v1/step.js';
import { type HeadState, WorkflowHead } from '../../src/gen/store/steplock/store/v1/workflow.js';
import { isFinal, moves, stateName } from '../../src/model/workflow-state.js';
import { decodeRecord } from '../../src/store/records.js';
import type { KeyValue, StoreEvent } from '../../src/store/store.js';

/** One membership of a node. */
interface Life {
  readonly session: number;
  /** The revision that ended it. */
  endedAt: number | undefined;
}

/** See the head of this file. */
export class StoreHistory {
  /** What was found, one line each. */
  readonly broken: string[] = [];
  /** Claims that were judged. */
  claims = 0;
  /** The queue as it stands. */
  readonly items = new Map<string, QueueItem>();
  readonly #lives = new Map<string, Life[]>();
  readonly #outcomes = new Map<string, StepRecord>();
  readonly #heads = new Map<string, HeadState>();

  /** Takes the changes of one or more whole revisions. */
  take(events: readonly StoreEvent[]): void {
    for (const event of events) {
      const key = event.type === 'put' ? event.kv.key : event.key;
      if (key.startsWith('node/')) this.#onNode(key.slice('node/'.length), event);
    }
    // What one transaction wrote belongs together: lives first.
    for (const event of events) {
      const key = event.type === 'put' ? event.kv.key : event.key;
      if (key.startsWith('queue/')) this.#onItem(key, event);
      if (key.startsWith('step/')) this.#onOutcome(key, event);
      if (key.startsWith('head/')) this.#onHead(key, event);
    }
  }

  /** Whether that membership has ended. */
  hasEnded(node: string, session: number): boolean {
    return (
      this.#lives.get(node)?.some((life) => life.session === session && life.endedAt !== undefined) ?? false
    );
  }

  /** The session that the node has now. */
  sessionOf(node: string): number | undefined {
    return this.#lives.get(node)?.find(({ endedAt }) => endedAt === undefined)?.session;
  }

  #onNode(node: string, event: StoreEvent): void {
    const lives = this.#lives.get(node) ?? [];
    this.#lives.set(node, lives);
    const last = lives.at(-1);
    if (event.type === 'delete') {
      if (last !== undefined) last.endedAt = event.revision;
    } else if (last?.session !== event.kv.createRevision) {
      decodeRecord(NodeRecord, event.kv);
      lives.push({ session: event.kv.createRevision, endedAt: undefined });
    }
  }

  #onItem(key: string, event: StoreEvent): void {
    const before = this.items.get(key);
    if (event.type === 'delete') {
      this.items.delete(key);
      return;
    }
    const item = decodeRecord(QueueItem, event.kv);
    this.items.set(key, item);
    if (item.claim !== undefined && !isSameClaim(before?.claim, item.claim))
      this.#onClaim(key, item.claim, event.kv);
  }

  #onClaim(key: string, claim: ClaimRecord, { modRevision }: KeyValue): void {
    this.claims += 1;
    const life = this.#lives.get(claim.node)?.find(({ session }) => session === claim.session);
    if (life === undefined) {
      this.broken.push(`${key}: claimed by ${claim.node} under a session that never was (10)`);
    } else if (life.endedAt !== undefined && life.endedAt < modRevision) {
      this.broken.push(
        `${key}: claimed by ${claim.node} at revision ${modRevision}, its session had ended at ${life.endedAt} (10)`,
      );
    }
  }

  #onOutcome(key: string, event: StoreEvent): void {
    const before = this.#outcomes.get(key);
    if (event.type === 'delete') this.#outcomes.delete(key);
    else this.#onAccepted(key, decodeRecord(StepRecord, event.kv), event.kv);
    const isFirm = before?.state === OutcomeState.SUCCEEDED || before?.state === OutcomeState.SKIPPED;
    if (isFirm) this.broken.push(`${key}: an accepted outcome was changed (2)`);
  }

  #onAccepted(key: string, record: StepRecord, { modRevision }: KeyValue): void {
    this.#outcomes.set(key, record);
    const { claim } = record;
    const life = this.#lives.get(claim?.node ?? '')?.find(({ session }) => session === claim?.session);
    if (life?.endedAt !== undefined && life.endedAt < modRevision) {
      this.broken.push(
        `${key}: an outcome of ${claim?.node ?? ''} was accepted at revision ${modRevision}, its session had ended at ${life.endedAt} (10)`,
      );
    }
  }

  #onHead(key: string, event: StoreEvent): void {
    if (event.type === 'delete') return;
    const { state } = decodeRecord(WorkflowHead, event.kv);
    const before = this.#heads.get(key);
    this.#heads.set(key, state);
    if (before === undefined || before === state) return;
    if (isFinal(before)) this.broken.push(`${key}: left its final state (9)`);
    else if (!reachable(before).has(state))
      this.broken.push(`${key}: moved from ${stateName(before)} to ${stateName(state)} (9)`);
  }
}

function isSameClaim(before: ClaimRecord | undefined, now: ClaimRecord): boolean {
  return before?.node === now.node && before.session === now.session && before.timeMs === now.timeMs;
}

/** States that a chain of known moves leads to: several may be committed at once. */
function reachable(from: HeadState): Set<HeadState> {
  const found = new Set<HeadState>();
  const stack = [from];
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    for (const entry of moves) {
      if (entry.from !== state || found.has(entry.to)) continue;
      found.add(entry.to);
      stack.push(entry.to);
    }
  }
  return found;
}
