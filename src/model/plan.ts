/** A frozen plan in memory: its steps with every default filled in, and its graph. */
import { isUndo, undoneOf, type StepId } from '../base/ids.js';
import { present } from '../base/assert.js';
import type { PlanChunk, PlanGroup, PlanMethod, PlanStep } from '../gen/store/steplock/store/v1/plan.js';
import { buildGraph, type Graph } from './graph.js';

/** See above. */
export interface Plan {
  readonly steps: readonly PlanStep[];
  readonly groups: readonly PlanGroup[];
  readonly methods: readonly PlanMethod[];
  /** The workflow's own output as JSON, references unresolved; empty for none. */
  readonly output: Uint8Array;
  readonly graph: Graph;
  /** Index of each step by id. */
  readonly indexOf: ReadonlyMap<StepId, number>;
}

/** The plan of these steps. */
export function createPlan(
  steps: readonly PlanStep[],
  groups: readonly PlanGroup[],
  methods: readonly PlanMethod[],
  output: Uint8Array = new Uint8Array(),
): Plan {
  return {
    steps,
    groups,
    methods,
    output,
    graph: planGraph(steps, groups),
    indexOf: new Map(steps.map((step, index) => [step.id as StepId, index])),
  };
}

/** The graph of these steps, the implied dependencies included. */
export function planGraph(steps: readonly PlanStep[], groups: readonly PlanGroup[]): Graph {
  return buildGraph(
    steps.map((step) => ({
      id: step.id,
      group: step.group,
      waitsFor: [...step.dependsOn, ...step.impliedDependsOn],
    })),
    groups,
  );
}

/** The plan that its chunks hold together, in order. */
export function planOfChunks(chunks: readonly PlanChunk[]): Plan {
  return createPlan(
    chunks.flatMap((chunk) => chunk.steps),
    chunks.flatMap((chunk) => chunk.groups),
    chunks.flatMap((chunk) => chunk.methods),
    chunks[0]?.output,
  );
}

/** The plan with what one of its steps has added. */
export function extendPlan(plan: Plan, { steps, methods }: PlanChunk): Plan {
  const isNew = ({ controller, method }: PlanMethod): boolean =>
    !plan.methods.some((known) => known.controller === controller && known.method === method);
  return createPlan(
    [...plan.steps, ...steps],
    plan.groups,
    [...plan.methods, ...methods.filter(isNew)],
    plan.output,
  );
}

/** The step; of an undo, the undone one. Undefined if the plan has none of that id. */
export function findStep(plan: Plan, id: StepId): PlanStep | undefined {
  const index = plan.indexOf.get(undoneOf(id));
  return index === undefined ? undefined : plan.steps[index];
}

/** The step, which must be there. */
export function stepOf(plan: Plan, id: StepId): PlanStep {
  return present(findStep(plan, id), `Step ${id}`);
}

/** What a step, or an undo, calls. */
export interface StepCall {
  readonly controller: string;
  readonly method: string;
  readonly system: string;
  readonly description: PlanMethod;
  readonly timeoutMs: number;
  readonly retry: {
    readonly maxAttempts: number;
    readonly initialBackoffMs: number;
    readonly maxBackoffMs: number;
    readonly multiplier: number;
  };
}

/** Stands for the method of what calls none: a step that waits, and the undo of a child. */
const waitingMethod: PlanMethod = {
  controller: '',
  method: '',
  argumentsSchema: '{}',
  outputSchema: '',
  canProbe: false,
  idempotent: true,
  limitClass: '',
  timeoutMs: 0,
  maxAttempts: 1,
  initialBackoffMs: 0,
  maxBackoffMs: 0,
  multiplier: 1,
};

/** What the step, or the undo, calls; an undo goes by its method's own timeout and retry policy. */
export function callOf(plan: Plan, id: StepId): StepCall {
  const step = stepOf(plan, id);
  const method = isUndo(id) ? step.undoMethod : step.method;
  const description =
    method === ''
      ? waitingMethod
      : present(
          plan.methods.find((entry) => entry.controller === step.controller && entry.method === method),
          `Method ${step.controller}/${method}`,
        );
  const source = isUndo(id) ? description : step;
  const { controller, system } = step;
  return { controller, method, system, description, timeoutMs: source.timeoutMs, retry: source };
}
