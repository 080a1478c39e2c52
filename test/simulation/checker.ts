/**
 * Checks the invariants (docs/guarantees.md) after every effect on the array and every change of the store, from
 * outside: from what the array did and what the store says, never from what the engine remembers.
 */
import { isUndo, undoOf, type StepId } from '../../src/base/ids.js';
import type { CallContext } from '../../src/contract/index.js';
import { UndoKind } from '../../src/gen/store/steplock/store/v1/plan.js';
import { OutcomeState, QueueItem, StepRecord } from '../../src/gen/store/steplock/store/v1/step.js';
import { HeadState, WorkflowHead } from '../../src/gen/store/steplock/store/v1/workflow.js';
import { needsUndo } from '../../src/model/attempt.js';
import { stepOf, type Plan } from '../../src/model/plan.js';
import { isFinal, moves, stateName } from '../../src/model/workflow-state.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { keys, ranges, shardOf, workflowOfKey, type WorkflowKey } from '../../src/store/keys.js';
import { decodeRecord, type RecordType } from '../../src/store/records.js';
import type { KeyValue, StoreEvent } from '../../src/store/store.js';
import { AdmissionRules } from './admission-rules.js';
import { missingNote } from './incident-rules.js';
import { LockRules } from './lock-rules.js';
import type { Effect, ModelArray } from './model-array.js';
import { planInStore, stepsNextTo } from './plan-in-store.js';
import type { RetentionRules } from './retention-rules.js';

/** See the head of this file. */
export class Checker {
  readonly #server: Mvcc;
  readonly #onBroken: (message: string) => void;
  readonly #shards: number;
  readonly #locks: LockRules;
  readonly #admission: AdmissionRules;
  readonly #heads = new Map<string, WorkflowHead>();
  readonly #records = new Map<string, StepRecord>();
  readonly #plans = new Map<string, Plan>();
  /** Undos of which a call has begun. */
  readonly #begunUndos = new Set<string>();
  array: ModelArray | undefined;
  retention: RetentionRules | undefined;

  /** `onBroken` hears of each broken invariant; nothing is thrown, for the code under test would catch it. */
  constructor(server: Mvcc, shards: number, onBroken: (message: string) => void) {
    this.#onBroken = onBroken;
    this.#server = server;
    this.#shards = shards;
    this.#admission = new AdmissionRules(server);
    this.#locks = new LockRules(server, (id) => this.headOf(id));
    server.watch(ranges.all, server.revision, (batch) => {
      for (const event of batch.events) this.#onEvent(event);
      // As of the end of the revision: what it wrote belongs together.
      for (const event of batch.events) {
        if (event.type !== 'put') continue;
        this.#onQueued(event.kv);
        const problem = missingNote(server, event.kv);
        this.#assert(problem === undefined, problem ?? '');
      }
    });
  }

  /** The workflow's head as it stands. */
  headOf(id: string): WorkflowHead | undefined {
    return this.#read(WorkflowHead, keys.head(this.keyOf(id)));
  }

  /** The state that the workflow is in, or ended in before it was deleted; 0 for none. */
  stateOf(id: string): HeadState {
    return this.retention?.endOf(id) ?? this.headOf(id)?.state ?? 0;
  }

  /** The workflow's place. */
  keyOf(id: string): WorkflowKey {
    return { shard: shardOf(id as never, this.#shards), id: id as never };
  }

  /** The workflow's plan. */
  planOf(id: string): Plan {
    const known = this.#plans.get(id);
    if (known !== undefined) return known;
    const plan = planInStore(this.#server, this.keyOf(id), this.headOf(id)?.plan?.chunks);
    this.#plans.set(id, plan);
    return plan;
  }

  /** The outcome of a step, or an undo. */
  recordOf(id: string, step: StepId): StepRecord | undefined {
    return this.#read(StepRecord, keys.step(this.keyOf(id), step));
  }

  /** A call is begun only in a workflow that wants it; one in doubt may be looked into at any time. */
  #onQueued(kv: KeyValue): void {
    if (!kv.key.startsWith('queue/')) return;
    const before = this.#items.get(kv.key);
    const item = decodeRecord(QueueItem, kv);
    this.#items.set(kv.key, item);
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

  /** Before a controller is asked after a call: the asking node still has the step. */
  onAsk(context: CallContext, node: string, what: string): void {
    const step = (context.direction === 'undo' ? undoOf(context.step as StepId) : context.step) as StepId;
    const item = this.#read(QueueItem, keys.queue(this.keyOf(context.workflow), step));
    const session = this.#server.get(keys.node(node as never))?.createRevision;
    const name = `${context.workflow}/${step} attempt ${context.attempt}`;
    this.#assert(item?.claim?.session === session, `${name}: ${what} without a valid claim (10)`);
  }

  /** Before a controller is called: the intent stands, the session lives, and what the step waits for is over. */
  onCall(context: CallContext, node: string): void {
    const step = (context.direction === 'undo' ? undoOf(context.step as StepId) : context.step) as StepId;
    const name = `${context.workflow}/${step} attempt ${context.attempt}`;
    const item = this.#read(QueueItem, keys.queue(this.keyOf(context.workflow), step));
    this.#assert(
      item?.inDoubt === true && item.attempt === context.attempt,
      `${name}: called without a recorded intent (B4)`,
    );
    const session = this.#server.get(keys.node(node as never))?.createRevision;
    this.#assert(item?.claim?.session === session, `${name}: called without a valid claim (10)`);
    const problem = this.#locks.onCall(context.workflow);
    this.#assert(problem === undefined, `${name}: ${problem ?? ''}`);
    if (context.direction === 'undo') this.#onUndoCall(context, name);
    else this.#onForwardCall(context, name);
  }

  /** After an effect on the array. */
  onEffect({ kind, object, context }: Effect): void {
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
  }

  readonly #created = new Map<string, 'half' | 'whole'>();

  /** Once all workflows have ended: the array holds what their states say. */
  checkEnd(ids: readonly string[]): void {
    const kept = this.retention?.atEnd(ids.map((id) => this.keyOf(id)));
    const left = this.#locks.atEnd() ?? this.#admission.atEnd() ?? kept;
    this.#assert(left === undefined, left ?? '');
    for (const id of ids) {
      const head = this.headOf(id);
      if (head !== undefined) this.#checkObjects(id, head);
    }
  }

  #checkObjects(id: string, head: WorkflowHead): void {
    for (const step of this.planOf(id).steps) this.#checkObject(id, head, step.id as StepId);
  }

  #checkObject(id: string, head: WorkflowHead, step: StepId): void {
    const record = this.recordOf(id, step);
    const undo = this.recordOf(id, undoOf(step));
    const object = this.array?.objects.get(`${head.uid}/${step}`);
    const isMade = stepOf(this.planOf(id), step).method.startsWith('make');
    const name = `${id}/${step} of a workflow ${stateName(head.state)}`;
    if (head.state === HeadState.SUCCEEDED) {
      const isOver = record?.state === OutcomeState.SUCCEEDED || record?.state === OutcomeState.SKIPPED;
      this.#assert(isOver, `${name}: it has not succeeded (9)`);
    }
    if (record?.state === OutcomeState.SUCCEEDED && undo === undefined && isMade) {
      this.#assert(object?.isWhole === true, `${name}: succeeded, and its object is not there (9)`);
    }
    if (head.state !== HeadState.ROLLED_BACK) return;
    const wasLeft = record?.state === OutcomeState.SKIPPED || undo?.state === OutcomeState.SKIPPED;
    if (!wasLeft) this.#assert(object === undefined, `${name}: its object is left over (9, 12)`);
  }

  #onForwardCall(context: CallContext, name: string): void {
    const plan = this.planOf(context.workflow);
    const index = plan.indexOf.get(context.step as StepId) ?? -1;
    for (const before of stepsNextTo(plan, index, 'predecessors')) {
      const state = this.recordOf(context.workflow, before)?.state;
      const isOver = state === OutcomeState.SUCCEEDED || state === OutcomeState.SKIPPED;
      this.#assert(isOver, `${name}: called before ${before} has succeeded (4)`);
    }
    this.#assert(
      !this.#begunUndos.has(`${context.workflowUid}/${context.step}`),
      `${name}: called after its undo has begun (13)`,
    );
  }

  #onUndoCall(context: CallContext, name: string): void {
    const { workflow, step } = context;
    const plan = this.planOf(workflow);
    this.#begunUndos.add(`${context.workflowUid}/${step}`);
    this.#assertEnded(workflow, step as StepId, name);
    const index = plan.indexOf.get(step as StepId) ?? -1;
    for (const dependent of stepsNextTo(plan, index, 'successors')) {
      this.#assertEnded(workflow, dependent, name);
      const record = this.recordOf(workflow, dependent);
      if (record === undefined || !needsUndo(record.state, record.effect)) continue;
      if (stepOf(plan, dependent).undoKind === UndoKind.NONE_NEEDED) continue;
      const undo = this.recordOf(workflow, undoOf(dependent))?.state;
      const isUndone = undo === OutcomeState.SUCCEEDED || undo === OutcomeState.SKIPPED;
      this.#assert(isUndone, `${name}: called before ${dependent} is undone (5)`);
    }
  }

  #assertEnded(workflow: string, step: StepId, name: string): void {
    const item = this.#read(QueueItem, keys.queue(this.keyOf(workflow), step));
    this.#assert(item === undefined, `${name}: called while ${step} may still be running (5, 13)`);
  }

  #onEvent(event: StoreEvent): void {
    const key = event.type === 'put' ? event.kv.key : event.key;
    const place = workflowOfKey(key);
    if (place === undefined) return;
    if (key.startsWith('head/')) this.#onHead(place.workflow.id, event);
    if (key.startsWith('step/')) this.#onRecord(key, event);
    if (key.startsWith('queue/') && event.type === 'delete') {
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
      this.#plans.delete(id);
      return;
    }
    const head = after;
    this.#heads.set(id, head);
    // The last look at what it says.
    if (before !== undefined && isFinal(before.state) && !isFinal(head.state)) this.#checkObjects(id, before);
    if (isFinal(head.state)) {
      const problem = this.#locks.onEnd(this.keyOf(id), head);
      this.#assert(problem === undefined, `${id}: ${problem ?? ''}`);
    }
    if (before === undefined || before.state === head.state) return;
    const canReach = reachable(before.state).has(head.state);
    this.#assert(canReach, `${id}: moved from ${stateName(before.state)} to ${stateName(head.state)} (9)`);
    this.#assert(
      !isFinal(before.state) || head.state === HeadState.DELETING,
      `${id}: left its final state (9)`,
    );
  }

  /** An outcome that others rest on never changes: a retry or a skip follows a failure only. */
  #onRecord(key: string, event: StoreEvent): void {
    const before = this.#records.get(key);
    if (event.type === 'delete') this.#records.delete(key);
    else this.#records.set(key, decodeRecord(StepRecord, event.kv));
    if (this.#records.get(key)?.added !== undefined)
      this.#plans.delete(workflowOfKey(key)?.workflow.id ?? '');
    if (before === undefined) return;
    const workflow = workflowOfKey(key)?.workflow.id ?? '';
    const isDeleting = this.#heads.get(workflow)?.state === HeadState.DELETING;
    const isFirm = before.state === OutcomeState.SUCCEEDED || before.state === OutcomeState.SKIPPED;
    this.#assert(!isFirm || isDeleting, `${key}: an accepted outcome was changed (2)`);
  }

  #read<T>(type: RecordType<T>, key: string): T | undefined {
    const kv = this.#server.get(key);
    return kv === undefined ? undefined : decodeRecord(type, kv);
  }

  #assert(condition: boolean, message: string): void {
    if (!condition) this.#onBroken(message);
  }
}

/** States that a chain of known moves leads to: several may be committed at once. */
function reachable(from: number): Set<number> {
  const found = new Set<number>();
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
