/**
 * A turn: everything that one decision about a workflow changes, gathered while it is decided and committed as one
 * unit (or, for a large fan-out, as several that do not depend on each other).
 */
import type { StepId } from '../base/ids.js';
import type { IncidentRecord, QueueItem, StepRecord } from '../gen/store/steplock/store/v1/step.js';
import type { LockNeed, PlanChunk } from '../gen/store/steplock/store/v1/plan.js';
import type { Compare } from '../store/store.js';
import type {
  CallbackRecord,
  ErrorRecord,
  SignalRecord,
  VerbRecord,
} from '../gen/store/steplock/store/v1/workflow.js';
import type { WorkflowKey } from '../store/keys.js';
import type { Entry } from './run.js';

/** One change. Entries are those of the run: their revision is set when the commit is answered. */
export type Change =
  /** A step may run from now on; `former` is the record that it replaces. */
  | {
      readonly kind: 'enqueue';
      readonly step: StepId;
      readonly entry: Entry<QueueItem>;
      readonly former: Entry<StepRecord> | undefined;
      /** What must hold for it to be claimed at once. */
      readonly guards: readonly Compare[];
    }
  /** A step that never began leaves the queue. */
  | { readonly kind: 'withdraw'; readonly step: StepId; readonly item: Entry<QueueItem> }
  /** A step has ended; `item` is what it had in the queue, `former` the record that it replaces. */
  | {
      readonly kind: 'record';
      readonly step: StepId;
      readonly entry: Entry<StepRecord>;
      readonly item: Entry<QueueItem> | undefined;
      readonly former: Entry<StepRecord> | undefined;
    }
  /** What a step has added becomes a part of the stored plan: its chunk of that number. */
  | { readonly kind: 'extend'; readonly index: number; readonly chunk: PlanChunk }
  /** A verb was taken up, or refused. */
  | { readonly kind: 'consume'; readonly verb: Entry<VerbRecord>; readonly refusal: ErrorRecord | undefined }
  /** An item that waits is changed; `former` is its revision. */
  | {
      readonly kind: 'rewrite';
      readonly step: StepId;
      readonly entry: Entry<QueueItem>;
      readonly former: number;
    }
  /** Another workflow of the tree is told something. */
  | { readonly kind: 'tell'; readonly to: WorkflowKey; readonly record: VerbRecord }
  /** The workflow's orchestrator is to be told how it ended. */
  | { readonly kind: 'callback'; readonly entry: Entry<CallbackRecord> }
  /** Nobody is to be told that any more. */
  | { readonly kind: 'untell'; readonly sequence: number }
  /** A message from outside has arrived. */
  | { readonly kind: 'signal'; readonly entry: Entry<SignalRecord> }
  /** The workflow comes to wait for a resource. */
  | { readonly kind: 'ticket'; readonly need: LockNeed; readonly timeMs: number; readonly isLate: boolean }
  /** No earlier ticket stands in the way: the workflow starts. */
  | { readonly kind: 'grant'; readonly guards: readonly Compare[] }
  /** The workflow lets go of a resource, or of its place for it. */
  | { readonly kind: 'unlock'; readonly need: LockNeed }
  /** An incident was opened or changed; `former` is 0 for a new one. */
  | { readonly kind: 'incident'; readonly entry: Entry<IncidentRecord>; readonly former: number };

/** Writes that a unit may hold, so that many units fit into a transaction. */
export const changesMax = 24;

/** Gathers the changes of a turn. */
export class Turn {
  readonly changes: Change[] = [];
  /** Whether the head, and with it the live record, changes. */
  headChanged = false;
  /** Whether something was left for the next turn. */
  hasMore = false;
  /** When to look again though nothing happens, by wall clock; undefined for never. */
  wakeAtMs: number | undefined;

  /** Whether another change still fits. */
  get hasRoom(): boolean {
    return this.changes.length < changesMax;
  }

  /** Whether nothing changes. */
  get isEmpty(): boolean {
    return this.changes.length === 0 && !this.headChanged;
  }

  /** Notes a change. Of one incident only the last one counts, and of what one workflow is told in one place. */
  add(change: Change): void {
    if (change.kind === 'tell') {
      const { to, record } = change;
      const index = this.changes.findIndex(
        (other) =>
          other.kind === 'tell' && other.to.id === to.id && other.record.requestId === record.requestId,
      );
      if (index !== -1) this.changes.splice(index, 1);
    }
    if (change.kind === 'incident') {
      const id = change.entry.record.incidentId;
      const index = this.changes.findIndex(
        (other) => other.kind === 'incident' && other.entry.record.incidentId === id,
      );
      const earlier = this.changes[index];
      if (earlier?.kind === 'incident') {
        this.changes[index] = { ...change, former: earlier.former };
        return;
      }
    }
    this.changes.push(change);
  }

  /** Takes back a place that this turn was to take; false if it takes none for the resource. */
  takeBackTicket({ resource }: LockNeed): boolean {
    const index = this.changes.findIndex(
      (change) => change.kind === 'ticket' && change.need.resource === resource,
    );
    if (index !== -1) this.changes.splice(index, 1);
    return index !== -1;
  }

  /** Asks for another turn at that time. */
  wakeAt(timeMs: number): void {
    this.wakeAtMs = this.wakeAtMs === undefined ? timeMs : Math.min(this.wakeAtMs, timeMs);
  }
}
