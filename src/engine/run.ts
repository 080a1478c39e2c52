/**
 * One workflow as its owner holds it: what the store says, and what follows from it (which steps can start, which
 * undos). Everything is counted down as records come in; nothing ever walks the whole graph again. No I/O.
 *
 * A decision changes the run at once and commits afterwards. If the commit is refused the run is thrown away and
 * loaded anew: it never has to be taken back.
 */
import { isUndo, undoneOf, undoOf, type StepId } from '../base/ids.js';
import { present } from '../base/assert.js';
import { UndoKind } from '../gen/store/steplock/store/v1/plan.js';
import {
  OutcomeState,
  type IncidentRecord,
  type QueueItem,
  type StepRecord,
} from '../gen/store/steplock/store/v1/step.js';
import type {
  ChildRef,
  SignalRecord,
  VerbRecord,
  WorkflowHead,
} from '../gen/store/steplock/store/v1/workflow.js';
import { needsUndo } from '../model/attempt.js';
import { Countdown } from '../model/graph.js';
import { extendPlan, type Plan } from '../model/plan.js';
import { isLive, isWaiting } from '../model/waiting.js';
import { isRollingBack } from '../model/workflow-state.js';
import type { WorkflowKey } from '../store/keys.js';

/** A record and the revision at which it was written; 0 while its commit is under way. */
export interface Entry<T> {
  readonly record: T;
  revision: number;
}

/** What is loaded of a workflow, all as of one revision. */
export interface LoadedWorkflow {
  readonly key: WorkflowKey;
  readonly head: WorkflowHead;
  /** Mod revision of the live record; 0 if there is none. */
  readonly liveRevision: number;
  readonly plan: Plan;
  readonly records: ReadonlyMap<StepId, Entry<StepRecord>>;
  readonly items: ReadonlyMap<StepId, Entry<QueueItem>>;
  readonly verbs: ReadonlyMap<string, Entry<VerbRecord>>;
  readonly incidents: ReadonlyMap<string, Entry<IncidentRecord>>;
  /** Messages from outside, by name. */
  readonly signals: ReadonlyMap<string, Entry<SignalRecord>>;
  /** What its orchestrator has not been told yet: the last parts of the keys. */
  readonly callbacks: ReadonlySet<string>;
  /** Create revision of its tickets for what it locks; 0 if it has none. */
  readonly ticket: number;
  /** The same of what its children want, by resource. */
  readonly lateTickets: ReadonlyMap<string, number>;
}

/** See the head of this file. */
export class Run {
  readonly key: WorkflowKey;
  /** With all that its steps have added, whether that is in the stored plan yet or not. */
  plan: Plan;
  head: WorkflowHead;
  liveRevision: number;
  ticket: number;
  readonly lateTickets: Map<string, number>;
  readonly records: Map<StepId, Entry<StepRecord>>;
  readonly items: Map<StepId, Entry<QueueItem>>;
  readonly verbs: Map<string, Entry<VerbRecord>>;
  readonly incidents: Map<string, Entry<IncidentRecord>>;
  readonly signals: Map<string, Entry<SignalRecord>>;
  readonly callbacks: Set<string>;
  /** Steps that wait for somebody outside, or for their child. */
  readonly waiting = new Set<StepId>();
  /** Steps that can be queued, by index, in the order in which they became so. */
  readonly ready = new Set<number>();
  /** Undos that can be queued, by the index of the undone step. */
  readonly undoReady = new Set<number>();
  /** Steps of the plan that failed for good, or were stopped. */
  readonly failed = new Set<StepId>();
  /** Steps whose additions are not in the stored plan yet, the oldest first. */
  readonly unwritten: StepId[] = [];
  #forward: Countdown;
  #backward: Countdown | undefined;
  #passedSteps = 0;
  #clearedNodes = 0;

  constructor(loaded: LoadedWorkflow) {
    this.key = loaded.key;
    this.plan = loaded.plan;
    this.head = loaded.head;
    this.liveRevision = loaded.liveRevision;
    this.ticket = loaded.ticket;
    this.lateTickets = new Map(loaded.lateTickets);
    this.records = new Map(loaded.records);
    this.items = new Map(loaded.items);
    this.verbs = new Map(loaded.verbs);
    this.incidents = new Map(loaded.incidents);
    this.signals = new Map(loaded.signals);
    this.callbacks = new Set(loaded.callbacks);
    for (const [id, { record }] of this.items) this.#noteWaiting(id, record);
    for (const [id, { record }] of this.records) this.#noteFailure(id, record);
    const adders = [...this.records.values()].filter(({ record }) => record.added !== undefined);
    for (const { record } of adders.sort((left, right) => left.revision - right.revision))
      this.#extend(record);
    this.#forward = new Countdown(this.plan.graph, 'forward');
    this.#passFrom(this.#forward.roots());
    if (isRollingBack(this.head.state)) this.startBackward();
  }

  /** Whether every step of the plan has succeeded or was skipped. */
  get isComplete(): boolean {
    return this.#passedSteps === this.plan.steps.length;
  }

  /** Whether there is nothing left to undo. */
  get isCleared(): boolean {
    return this.#backward !== undefined && this.#clearedNodes === this.plan.graph.nodeCount;
  }

  /** Whether a call or a task of any step may still take effect. */
  get hasLiveItem(): boolean {
    for (const { record } of this.items.values()) if (isLive(record)) return true;
    return false;
  }

  /** A step of the plan of which nobody knows what came of it; undefined if there is none. */
  unknownStep(): StepId | undefined {
    for (const [id, { record }] of this.records) {
      if (!isUndo(id) && record.state === OutcomeState.UNKNOWN) return id;
    }
    return undefined;
  }

  /** The children that the step has had, the last one first: all of them are undone with it. */
  childrenOf(step: StepId): ChildRef[] {
    const { child = '', childShard: shard = 0 } = this.records.get(step)?.record ?? {};
    const former = this.head.formerChildren.filter((each) => each.step === step).reverse();
    return child === '' ? former : [{ id: child, shard, step }, ...former];
  }

  /** Begins to count down the other way. Doing it twice does nothing. */
  startBackward(): void {
    if (this.#backward !== undefined) return;
    this.#backward = new Countdown(this.plan.graph, 'backward');
    this.#clearFrom(this.#backward.roots());
  }

  /** A step, or an undo, has ended: its record comes and its item goes in one, or it would look as if it never ran. */
  end(id: StepId, entry: Entry<StepRecord>): void {
    this.#dropItem(id);
    this.records.set(id, entry);
    this.#noteFailure(id, entry.record);
    // Before it is passed: what it has added belongs to its group, which others wait for.
    if (this.#extend(entry.record)) this.#countAnew();
    else this.#touch(id);
  }

  /** A step, or an undo, was queued; the record that it had is gone. */
  queue(id: StepId, entry: Entry<QueueItem>): void {
    this.records.delete(id);
    this.items.set(id, entry);
    this.#noteWaiting(id, entry.record);
    this.#noteFailure(id, undefined);
    this.#touch(id);
  }

  /** An item left the queue without a trace. */
  withdraw(id: StepId): void {
    this.#dropItem(id);
    this.#touch(id);
  }

  /** An item was written by whoever has claimed it. */
  refreshItem(id: StepId, entry: Entry<QueueItem>): void {
    this.items.set(id, entry);
    this.#noteWaiting(id, entry.record);
    this.#touch(id);
  }

  /** The plan gets what the step has added, unless it has that already. */
  #extend({ added, stepId }: StepRecord): boolean {
    const first = added?.steps[0];
    if (added === undefined || first === undefined || this.plan.indexOf.has(first.id as StepId)) return false;
    this.plan = extendPlan(this.plan, added);
    this.unwritten.push(stepId as StepId);
    return true;
  }

  /** In a graph that has changed. */
  #countAnew(): void {
    this.ready.clear();
    this.#passedSteps = 0;
    this.#forward = new Countdown(this.plan.graph, 'forward');
    this.#passFrom(this.#forward.roots());
    if (this.#backward === undefined) return;
    this.undoReady.clear();
    this.#clearedNodes = 0;
    this.#backward = undefined;
    this.startBackward();
  }

  #dropItem(id: StepId): void {
    this.items.delete(id);
    this.waiting.delete(id);
  }

  #noteWaiting(id: StepId, item: QueueItem): void {
    if (isWaiting(item)) this.waiting.add(id);
    else this.waiting.delete(id);
  }

  #noteFailure(id: StepId, record: StepRecord | undefined): void {
    if (isUndo(id)) return;
    const hasFailed = record?.state === OutcomeState.FAILED || record?.state === OutcomeState.CANCELLED;
    if (hasFailed) this.failed.add(id);
    else this.failed.delete(id);
  }

  #touch(id: StepId): void {
    const node = this.plan.indexOf.get(undoneOf(id));
    if (node === undefined) return;
    if (this.#forward.isReached(node)) this.#passFrom([node]);
    if (this.#backward?.isReached(node) === true) this.#clearFrom([node]);
  }

  /** Passes what has succeeded among these reached nodes, and what that reaches in turn. */
  #passFrom(reached: number[]): void {
    const stack = [...reached].reverse();
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (this.#forward.hasPassed(node)) continue;
      if (node < this.plan.graph.stepCount) {
        const id = this.#idOf(node);
        const state = this.records.get(id)?.record.state;
        const hasPassed = state === OutcomeState.SUCCEEDED || state === OutcomeState.SKIPPED;
        if (!hasPassed && state === undefined && !this.items.has(id)) this.ready.add(node);
        else this.ready.delete(node);
        if (!hasPassed) continue;
        this.#passedSteps += 1;
      }
      stack.push(...this.#forward.pass(node).reverse());
    }
  }

  /** Passes, backward, what needs no undo or has been undone among these reached nodes, and what that reaches. */
  #clearFrom(reached: number[]): void {
    const backward = present(this.#backward, 'The backward countdown');
    const stack = [...reached];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (backward.hasPassed(node)) continue;
      const isClear = node >= this.plan.graph.stepCount || this.#isStepClear(node);
      if (!isClear) continue;
      this.undoReady.delete(node);
      this.#clearedNodes += 1;
      stack.push(...backward.pass(node));
    }
  }

  /** Whether nothing of the step is left to undo; notes on the way whether its undo can be queued. */
  #isStepClear(node: number): boolean {
    this.undoReady.delete(node);
    const id = this.#idOf(node);
    if (this.items.has(id)) return false;
    const forward = this.records.get(id)?.record;
    if (forward === undefined || !needsUndo(forward.state, forward.effect)) return true;
    if (this.plan.steps[node]?.undoKind === UndoKind.NONE_NEEDED)
      return forward.state !== OutcomeState.UNKNOWN;
    const undo = this.records.get(undoOf(id))?.record;
    if (undo !== undefined) {
      return undo.state === OutcomeState.SUCCEEDED || undo.state === OutcomeState.SKIPPED;
    }
    // While nobody knows what came of the step, a call of it may still be under way: a person decides.
    const isKnown = forward.state !== OutcomeState.UNKNOWN;
    if (isKnown && !this.items.has(undoOf(id))) this.undoReady.add(node);
    return false;
  }

  #idOf(node: number): StepId {
    return present(this.plan.steps[node], 'A step of the plan').id as StepId;
  }
}
