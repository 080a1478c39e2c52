/**
 * Invariants 9 and 12: what the array holds is what the states say, children included. What an operator has skipped is
 * exempt: it was left on somebody's word.
 */
import { undoOf, type StepId } from '../../src/base/ids.js';
import { UndoKind } from '../../src/gen/store/steplock/store/v1/plan.js';
import { OutcomeState } from '../../src/gen/store/steplock/store/v1/step.js';
import { HeadState } from '../../src/gen/store/steplock/store/v1/workflow.js';
import { stepOf } from '../../src/model/plan.js';
import { stateName } from '../../src/model/workflow-state.js';
import type { History } from './history.js';
import type { ModelArray } from './model-array.js';

/** See the head of this file. */
export class ObjectRules {
  readonly #history: History;
  readonly #array: () => ModelArray | undefined;

  constructor(history: History, array: () => ModelArray | undefined) {
    this.#history = history;
    this.#array = array;
  }

  /** Of a workflow that has ended: what the array lacks or has left over; undefined if it is as it should be. */
  onEnd(id: string, state = this.#history.headOf(id)?.state): string | undefined {
    const { steps } = this.#history.planOf(id);
    for (const { id: step } of steps) {
      const outcome = this.#history.recordOf(id, step as StepId)?.state;
      const isOver = outcome === OutcomeState.SUCCEEDED || outcome === OutcomeState.SKIPPED;
      if (state === HeadState.SUCCEEDED && !isOver)
        return `${id}/${step} of a workflow ${stateName(state)}: it has not succeeded (9)`;
      const missing = this.missing(id, step as StepId);
      if (missing !== undefined) return missing;
      const left = state === HeadState.ROLLED_BACK ? this.left(id, step as StepId) : undefined;
      if (left !== undefined) return left;
    }
    return undefined;
  }

  /** What is not there though the step has succeeded and was not undone; of a child, of any of its steps. */
  missing(id: string, step: StepId): string | undefined {
    const record = this.#history.recordOf(id, step);
    const undo = this.#history.recordOf(id, undoOf(step));
    if (record?.state !== OutcomeState.SUCCEEDED || undo !== undefined) return undefined;
    if (this.#history.itemOf(id, undoOf(step)) !== undefined) return undefined;
    const head = this.#history.headOf(id);
    const name = `${id}/${step} of a workflow ${stateName(head?.state ?? 0)}`;
    const spec = stepOf(this.#history.planOf(id), step);
    if (record.child !== '') return this.#missingOfChild(record.child, name);
    if (!spec.method.startsWith('make')) return undefined;
    const isWhole = this.#array()?.objects.get(`${head?.uid ?? ''}/${step}`)?.isWhole === true;
    return isWhole ? undefined : `${name}: succeeded, and its object is not there (9)`;
  }

  #missingOfChild(child: string, name: string): string | undefined {
    const state = this.#history.headOf(child)?.state ?? 0;
    if (state !== HeadState.SUCCEEDED)
      return `${name}: succeeded, and its child ${child} is ${stateName(state)} (9)`;
    for (const { id: step } of this.#history.planOf(child).steps) {
      const missing = this.missing(child, step as StepId);
      if (missing !== undefined) return missing;
    }
    return undefined;
  }

  /** What the step, or any child that it ever had, has on the array though it is undone; undefined if nothing. */
  left(id: string, step: StepId): string | undefined {
    const { undoKind } = stepOf(this.#history.planOf(id), step);
    const record = this.#history.recordOf(id, step);
    const undo = this.#history.recordOf(id, undoOf(step));
    const wasSkipped = record?.state === OutcomeState.SKIPPED || undo?.state === OutcomeState.SKIPPED;
    if (wasSkipped || undoKind === UndoKind.NONE_NEEDED) return undefined;
    const head = this.#history.headOf(id);
    const object = this.#array()?.objects.get(`${head?.uid ?? ''}/${step}`);
    if (object !== undefined)
      return `${id}/${step} of a workflow ${stateName(head?.state ?? 0)}: its object is left over (9, 12)`;
    for (const child of this.#history.childrenOf(id, step)) {
      for (const { id: inner } of this.#history.planOf(child).steps) {
        const left = this.left(child, inner as StepId);
        if (left !== undefined) return `${left} by child ${child} of ${id}/${step}`;
      }
    }
    return undefined;
  }
}
