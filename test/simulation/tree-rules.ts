/**
 * What holds between a workflow and its children: order over the whole tree, forward and back, and that nobody of a tree
 * outlives whom he belongs to.
 */
import { isUndo, undoneOf, undoOf, type StepId } from '../../src/base/ids.js';
import type { CallContext } from '../../src/contract/index.js';
import { UndoKind } from '../../src/gen/store/steplock/store/v1/plan.js';
import { OutcomeState } from '../../src/gen/store/steplock/store/v1/step.js';
import type { StepRecord } from '../../src/gen/store/steplock/store/v1/step.js';
import { HeadState, type WorkflowHead } from '../../src/gen/store/steplock/store/v1/workflow.js';
import { needsUndo } from '../../src/model/attempt.js';
import { stepOf } from '../../src/model/plan.js';
import { isFinal, stateName } from '../../src/model/workflow-state.js';
import { ranges, workflowOfKey } from '../../src/store/keys.js';
import { type History, stepsNextTo } from './history.js';
import type { Effect } from './model-array.js';
import type { ObjectRules } from './object-rules.js';

/** A step on the way from a call up to the root. */
interface Place {
  readonly id: string;
  readonly step: StepId;
}

/** See the head of this file. */
export class TreeRules {
  readonly #history: History;
  readonly #objects: ObjectRules;

  constructor(history: History, objects: ObjectRules) {
    this.#history = history;
    this.#objects = objects;
  }

  /** Before a call: what of the order is broken, in its own workflow or above; undefined if nothing is. */
  onCall(context: CallContext): string | undefined {
    const check = context.direction === 'undo' ? this.#dependentLeft : this.#waitedFor;
    for (const place of this.#wayUp(context)) {
      const problem = check.call(this, place);
      if (problem !== undefined) return problem;
    }
    return context.direction === 'undo' ? undefined : this.#wantedByParent(context.workflow);
  }

  /** After an effect: the same, as the array shows it. */
  onEffect({ kind, context }: Effect): string | undefined {
    for (const { id, step } of this.#wayUp(context)) {
      const plan = this.#history.planOf(id);
      if (kind === 'destroy') {
        if (context.direction !== 'undo') continue;
        for (const dependent of stepsNextTo(plan, step, 'successors')) {
          const left = this.#objects.left(id, dependent);
          if (left !== undefined) return `undone while there is something of ${dependent}: ${left} (5)`;
        }
      } else {
        for (const before of stepsNextTo(plan, step, 'predecessors')) {
          const missing = this.#objects.missing(id, before);
          if (missing !== undefined) return `took effect before ${before}: ${missing} (4)`;
        }
      }
    }
    return undefined;
  }

  /** After a step's record was written. */
  onRecord(id: string, step: StepId, record: StepRecord): string | undefined {
    if (record.child !== '' && !isUndo(step)) {
      const state = this.#history.headOf(record.child)?.state ?? 0;
      if (!isFinal(state)) return `ended while its child ${record.child} is ${stateName(state)}`;
    }
    const spec = stepOf(this.#history.planOf(id), undoneOf(step));
    if (spec.kind !== 'child' || !isUndo(step) || record.state !== OutcomeState.SUCCEEDED) return undefined;
    return this.#objects.left(id, undoneOf(step));
  }

  /** After a head was written, as of the end of its revision. */
  onHead(id: string, head: WorkflowHead, isNew: boolean): string | undefined {
    const { parent } = head;
    if (isNew && parent !== undefined) {
      const item = this.#history.itemOf(parent.workflowId, parent.step as StepId);
      if (item?.child !== id) return `no step of ${parent.workflowId} waits for this child`;
    }
    if (!isFinal(head.state)) return undefined;
    const open = this.#history
      .childrenOf(id)
      .find((child) => !isFinal(this.#history.headOf(child)?.state ?? HeadState.SUCCEEDED));
    if (open !== undefined) return `${stateName(head.state)}, and its child ${open} has not ended`;
    return this.#objects.onEnd(id);
  }

  /** After a head was deleted. */
  onDeleted(id: string): string | undefined {
    for (const child of this.#history.childrenOf(id)) {
      const key = this.#keysOf(child)[0];
      if (key !== undefined) return `deleted, and ${key} of its child is still there`;
    }
    return undefined;
  }

  /** When everything has ended: what belongs to nobody; undefined if nothing does. */
  atEnd(): string | undefined {
    for (const { key } of this.#history.server.list(ranges.all).kvs) {
      const id = workflowOfKey(key)?.workflow.id;
      if (id === undefined) continue;
      const head = this.#history.headOf(id);
      if (head === undefined) return `${key}: there is no such workflow`;
      const parent = head.parent?.workflowId;
      if (parent !== undefined && this.#history.headOf(parent) === undefined)
        return `${id}: its parent ${parent} is gone`;
    }
    return undefined;
  }

  #keysOf(id: string): string[] {
    const all = this.#history.server.list(ranges.all).kvs.map(({ key }) => key);
    return all.filter((key) => workflowOfKey(key)?.workflow.id === id);
  }

  /** The called step, the step of the parent that its workflow is the child of, and so on. */
  #wayUp({ workflow, step }: Pick<CallContext, 'workflow' | 'step'>): Place[] {
    const way: Place[] = [{ id: workflow, step: step as StepId }];
    for (let id = workflow; ;) {
      const parent = this.#history.headOf(id)?.parent;
      if (parent === undefined) return way;
      way.push({ id: parent.workflowId, step: parent.step as StepId });
      id = parent.workflowId;
    }
  }

  #waitedFor({ id, step }: Place): string | undefined {
    for (const before of stepsNextTo(this.#history.planOf(id), step, 'predecessors')) {
      const state = this.#history.recordOf(id, before)?.state;
      const isOver = state === OutcomeState.SUCCEEDED || state === OutcomeState.SKIPPED;
      if (!isOver) return `called before ${id}/${before} has succeeded (4)`;
    }
    return undefined;
  }

  #wantedByParent(id: string): string | undefined {
    const parent = this.#history.headOf(id)?.parent;
    if (parent === undefined) return undefined;
    const item = this.#history.itemOf(parent.workflowId, parent.step as StepId);
    return item?.child === id ? undefined : `called while no step of ${parent.workflowId} waits for it`;
  }

  #dependentLeft({ id, step }: Place): string | undefined {
    const plan = this.#history.planOf(id);
    for (const dependent of stepsNextTo(plan, step, 'successors')) {
      if (this.#history.itemOf(id, dependent) !== undefined)
        return `called while ${id}/${dependent} may still be running (5, 13)`;
      const record = this.#history.recordOf(id, dependent);
      if (record === undefined || !needsUndo(record.state, record.effect)) continue;
      if (stepOf(plan, dependent).undoKind === UndoKind.NONE_NEEDED) continue;
      const undo = this.#history.recordOf(id, undoOf(dependent))?.state;
      const isUndone = undo === OutcomeState.SUCCEEDED || undo === OutcomeState.SKIPPED;
      if (!isUndone) return `called before ${id}/${dependent} is undone (5)`;
    }
    return undefined;
  }
}
