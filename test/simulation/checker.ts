/**
 * Checks the invariants (docs/guarantees.md) after every effect on the array and every change of the store, from
 * outside: from what the array did and what the store says, never from what the engine remembers.
 */
import { isUndo, undoOf, type StepId } from '../../src/base/ids.js';
import type { CallContext } from '../../src/contract/index.js';
import { OutcomeState, QueueItem, StepRecord } from '../../src/gen/store/steplock/store/v1/step.js';
import { HeadState, WorkflowHead } from '../../src/gen/store/steplock/store/v1/workflow.js';
import type { Plan } from '../../src/model/plan.js';
import { isFinal, isRollingBack, stateName } from '../../src/model/workflow-state.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { keys, ranges, workflowOfKey, type WorkflowKey } from '../../src/store/keys.js';
import { decodeRecord } from '../../src/store/records.js';
import type { KeyValue, StoreEvent } from '../../src/store/store.js';
import { AdmissionRules } from './admission-rules.js';
import { History } from './history.js';
import { misplaced } from './places.js';
import { OwnerRules } from './owner-rules.js';
import { missingNote } from './incident-rules.js';
import { LockRules } from './lock-rules.js';
import type { Effect, ModelArray } from './model-array.js';
import type { RetentionRules } from './retention-rules.js';
import { ObjectRules } from './object-rules.js';
import { reachable } from './reachable.js';
import { TreeRules } from './tree-rules.js';

/** See the head of this file. */
export class Checker {
  readonly #server: Mvcc;
  readonly #onBroken: (message: string) => void;
  /** What the store says of workflows. */
  readonly history: History;
  readonly #objects: ObjectRules;
  readonly #tree: TreeRules;
  readonly #locks: LockRules;
  readonly #admission: AdmissionRules;
  readonly owners: OwnerRules;
  readonly #heads = new Map<string, WorkflowHead>();
  readonly #records = new Map<string, StepRecord>();
  /** Undos of which a call has begun. */
  readonly #begunUndos = new Set<string>();
  array: ModelArray | undefined;
  /** Whether the node's lease was taken away under it just now: it cannot know before it hears of it, or renews. */
  isUnawares: (node: string) => boolean = () => false;
  retention: RetentionRules | undefined;

  /** `onBroken` hears of each broken invariant; nothing is thrown, for the code under test would catch it. */
  constructor(server: Mvcc, shards: number, onBroken: (message: string) => void) {
    this.#onBroken = onBroken;
    this.#server = server;
    this.history = new History(server, shards);
    this.#objects = new ObjectRules(this.history, () => this.array);
    this.#tree = new TreeRules(this.history, this.#objects);
    this.#admission = new AdmissionRules(server);
    this.#locks = new LockRules(server, this.history);
    this.owners = new OwnerRules(server);
    server.watch(ranges.all, server.revision, (batch) => {
      for (const event of batch.events) this.#onEvent(event);
      // As of the end of the revision: what it wrote belongs together.
      for (const event of batch.events) this.#afterRevision(event);
    });
  }

  /** Of the workflows that there are, children included. */
  get ids(): string[] {
    return [...this.#heads.keys()];
  }

  /** See {@link History}. */
  headOf(id: string): WorkflowHead | undefined {
    return this.history.headOf(id);
  }

  /** The state that the workflow is in, or ended in before it was deleted; 0 for none. */
  stateOf(id: string): HeadState {
    return this.retention?.endOf(id) ?? this.headOf(id)?.state ?? 0;
  }

  /** See {@link History}. */
  keyOf(id: string): WorkflowKey {
    return this.history.keyOf(id);
  }

  /** See {@link History}. */
  planOf(id: string): Plan {
    return this.history.planOf(id);
  }

  /** See {@link History}. */
  recordOf(id: string, step: StepId): StepRecord | undefined {
    return this.history.recordOf(id, step);
  }

  /** See {@link History}. */
  itemOf(id: string, step: StepId): QueueItem | undefined {
    return this.history.itemOf(id, step);
  }

  #afterRevision(event: StoreEvent): void {
    const place = workflowOfKey(event.type === 'put' ? event.kv.key : event.key);
    const id = place?.workflow.id ?? '';
    if (event.type === 'delete') {
      if (event.key.startsWith('head/')) this.#report(id, this.#tree.onDeleted(id));
      return;
    }
    const { kv } = event;
    this.#onQueued(kv);
    this.#report('', missingNote(this.#server, kv));
    if (kv.key.startsWith('head/'))
      this.#report(
        id,
        this.#tree.onHead(id, decodeRecord(WorkflowHead, kv), kv.createRevision === kv.modRevision),
      );
    if (kv.key.startsWith('step/')) {
      const step = place?.rest as StepId;
      this.#onOutcome(kv.key, step);
      this.#report(`${id}/${step}`, this.#tree.onRecord(id, step, decodeRecord(StepRecord, kv)));
    }
  }

  /** Of what it was the outcome of, the item has gone in the same revision. */
  #onOutcome(key: string, step: StepId): void {
    const queueKey = key.replace('step/', 'queue/');
    const item = this.#ended.get(queueKey);
    this.#ended.delete(queueKey);
    if (item !== undefined) this.#report('', this.owners.onOutcome(step, item));
  }

  #report(name: string, problem: string | undefined): void {
    if (problem !== undefined) this.#onBroken(name === '' ? problem : `${name}: ${problem}`);
  }

  /** A call is begun only in a workflow that wants it; one in doubt may be looked into at any time. */
  #onQueued(kv: KeyValue): void {
    if (!kv.key.startsWith('queue/')) return;
    const before = this.#items.get(kv.key);
    const item = decodeRecord(QueueItem, kv);
    this.#ended.delete(kv.key);
    this.#items.set(kv.key, item);
    const outcome = this.recordOf(item.workflowId, item.stepId as StepId);
    const isNew = kv.createRevision === kv.modRevision;
    this.#assert(!isNew || outcome === undefined, `${kv.key}: queued, and its outcome stands (2)`);
    const isBegun = item.attempt > (before?.attempt ?? 0) && item.claim !== undefined;
    // A repeat of a call in doubt is no new one.
    const problem = this.#admission.onItem(kv.key, item, isBegun && before?.inDoubt !== true);
    this.#assert(problem === undefined, `${item.workflowId}/${item.stepId}: ${problem ?? ''}`);
    if (!isBegun || before?.inDoubt === true) return;
    const state = this.headOf(item.workflowId)?.state ?? HeadState.UNSPECIFIED;
    const wanted = isUndo(item.stepId as StepId) ? HeadState.ROLLING_BACK : HeadState.RUNNING;
    this.#assert(state === wanted, `${item.workflowId}/${item.stepId}: begun while ${stateName(state)} (1)`);
  }

  readonly #items = new Map<string, QueueItem>();
  /** Items as they were when they left the queue. */
  readonly #ended = new Map<string, QueueItem>();

  /** Before a controller is asked after a call: the asking node still has the step. */
  onAsk(context: CallContext, node: string, what: string): void {
    const step = (context.direction === 'undo' ? undoOf(context.step as StepId) : context.step) as StepId;
    const item = this.itemOf(context.workflow, step);
    const name = `${context.workflow}/${step} attempt ${context.attempt}`;
    this.#assertClaim(item, node, `${name}: ${what}`);
    this.#report(name, misplaced(this.history, context, node));
  }

  #assertClaim(item: QueueItem | undefined, node: string, what: string): void {
    const session = this.#server.get(keys.node(node as never))?.createRevision;
    const isValid = item?.claim?.session === session || this.isUnawares(node);
    this.#assert(isValid, `${what} without a valid claim (10)`);
  }

  /** Before a controller is called: the intent stands, the session lives, and what the step waits for is over. */
  onCall(context: CallContext, node: string): void {
    const step = (context.direction === 'undo' ? undoOf(context.step as StepId) : context.step) as StepId;
    const name = `${context.workflow}/${step} attempt ${context.attempt}`;
    const item = this.itemOf(context.workflow, step);
    this.#assert(
      item?.inDoubt === true && item.attempt === context.attempt,
      `${name}: called without a recorded intent (B4)`,
    );
    this.#assertClaim(item, node, `${name}: called`);
    this.#report(name, misplaced(this.history, context, node));
    this.#report(name, this.#locks.onCall(context.workflow) ?? this.#tree.onCall(context));
    if (context.direction === 'undo') this.#onUndoCall(context, name);
    else this.#onForwardCall(context, name);
  }

  /** After an effect on the array. */
  onEffect(effect: Effect): void {
    const { kind, object, context } = effect;
    const name = `${context.workflow}/${context.step}`;
    if (kind === 'create') {
      this.#assert(this.#created.get(object) !== 'whole', `${name}: made twice (12)`);
      this.#created.set(object, 'half');
    } else if (kind === 'complete') {
      this.#created.set(object, 'whole');
    } else {
      this.#created.delete(object);
    }
    if (context.direction === 'forward') {
      this.#assert(!this.#begunUndos.has(object), `${name}: took effect after its undo had begun (13)`);
    }
    this.#report(name, this.#tree.onEffect(effect));
  }

  readonly #created = new Map<string, 'half' | 'whole'>();

  /** Once all workflows have ended: the array holds what their states say, and nothing is left behind. */
  checkEnd(submitted: readonly string[]): void {
    const kept = this.retention?.atEnd(submitted.map((id) => this.keyOf(id)));
    const left = this.#locks.atEnd() ?? this.#admission.atEnd() ?? this.#tree.atEnd() ?? kept;
    this.#assert(left === undefined, left ?? '');
    for (const id of this.ids)
      if (isFinal(this.headOf(id)?.state ?? 0)) this.#report('', this.#objects.onEnd(id));
  }

  #onForwardCall(context: CallContext, name: string): void {
    this.#assert(
      !this.#begunUndos.has(`${context.workflowUid}/${context.step}`),
      `${name}: called after its undo has begun (13)`,
    );
  }

  #onUndoCall({ workflow, workflowUid, step }: CallContext, name: string): void {
    this.#begunUndos.add(`${workflowUid}/${step}`);
    const item = this.itemOf(workflow, step as StepId);
    this.#assert(item === undefined, `${name}: called while ${step} may still be running (5, 13)`);
  }

  #onEvent(event: StoreEvent): void {
    const key = event.type === 'put' ? event.kv.key : event.key;
    this.#report('', this.owners.onEvent(event));
    const place = workflowOfKey(key);
    if (place === undefined) return;
    if (key.startsWith('head/')) this.#onHead(place.workflow.id, event);
    if (key.startsWith('step/')) this.#onRecord(key, event);
    if (key.startsWith('queue/') && event.type === 'delete') {
      const item = this.#items.get(key);
      if (item !== undefined) this.#ended.set(key, item);
      this.#items.delete(key);
      this.#admission.onGone(key);
    }
  }

  #onHead(id: string, event: StoreEvent): void {
    const before = this.#heads.get(id);
    const after = event.type === 'delete' ? undefined : decodeRecord(WorkflowHead, event.kv);
    const broken = this.retention?.onHead(this.keyOf(id), before, after);
    this.#assert(broken === undefined, `${id}: ${broken ?? ''}`);
    if (after === undefined) {
      this.#assert(
        before?.state === HeadState.DELETING,
        `${id}: deleted while ${stateName(before?.state ?? 0)}`,
      );
      this.#heads.delete(id);
      return;
    }
    const head = after;
    this.#heads.set(id, head);
    // The last look at what it says.
    if (before !== undefined && isFinal(before.state) && head.state === HeadState.DELETING)
      this.#report('', this.#objects.onEnd(id, before.state));
    this.history.noteHead(id, head);
    if (isFinal(head.state)) {
      this.#report(id, this.#locks.onEnd(this.keyOf(id), head));
    }
    if (before === undefined || before.state === head.state) return;
    const canReach = reachable(before.state).has(head.state);
    this.#assert(canReach, `${id}: moved from ${stateName(before.state)} to ${stateName(head.state)} (9)`);
    this.#assert(
      !isFinal(before.state) || head.state === HeadState.DELETING || this.#isAskedBack(head),
      `${id}: left its final state (9)`,
    );
  }

  /** A child's end is provisional until its root's: the parent that is rolled back takes it back. */
  #isAskedBack({ parent, state }: WorkflowHead): boolean {
    const undo = this.itemOf(parent?.workflowId ?? '', undoOf((parent?.step ?? '') as StepId));
    return undo !== undefined && (isRollingBack(state) || state === HeadState.ROLLED_BACK);
  }

  /** An outcome that others rest on never changes: a retry or a skip follows a failure only. */
  #onRecord(key: string, event: StoreEvent): void {
    const before = this.#records.get(key);
    if (event.type === 'delete') this.#records.delete(key);
    else this.#records.set(key, decodeRecord(StepRecord, event.kv));
    const workflow = workflowOfKey(key)?.workflow.id ?? '';
    const written = this.#records.get(key);
    if (written !== undefined) this.history.noteRecord(workflow, written);
    if (before === undefined) return;
    const isDeleting = this.#heads.get(workflow)?.state === HeadState.DELETING;
    const isFirm = before.state === OutcomeState.SUCCEEDED || before.state === OutcomeState.SKIPPED;
    this.#assert(!isFirm || isDeleting, `${key}: an accepted outcome was changed (2)`);
  }

  #assert(condition: boolean, message: string): void {
    if (!condition) this.#onBroken(message);
  }
}
