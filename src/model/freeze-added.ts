/**
 * Freezes what a running step adds to its workflow: checked as a submitted plan is, and against the plan that it comes
 * into, which nothing of it may bring to a standstill (docs/adr/0017-dynamic-steps.md). Pure.
 */
import type { LockNeed, PlanMethod, PlanStep } from '../gen/store/steplock/store/v1/plan.js';
import { LockKind } from '../gen/store/steplock/store/v1/plan.js';
import { freezeStep, type Freezing, type FreezeSources } from './freeze-step.js';
import { findCycle, withAncestors } from './graph.js';
import { limits } from './limits.js';
import { planGraph, type Plan } from './plan.js';
import type { Violations } from './violations.js';

/** What the steps come into. */
export interface Addition {
  /** The step that adds them. */
  readonly by: PlanStep;
  /** The plan so far. */
  readonly plan: Plan;
  /** What the workflow locks. */
  readonly locks: readonly LockNeed[];
}

/** Steps with the methods that they bring along. */
export interface AddedSteps {
  readonly steps: readonly PlanStep[];
  readonly methods: readonly PlanMethod[];
}

const keyOf = ({ controller, method }: PlanMethod): string => `${controller}/${method}`;

/** Freezes the parsed steps. What is wrong goes to `violations`; the result is then of no use. */
export function freezeAdded(
  drafted: readonly PlanStep[],
  place: string,
  addition: Addition,
  sources: FreezeSources,
  violations: Violations,
): AddedSteps {
  const { by, plan } = addition;
  checkRoom(drafted, place, plan, violations);
  checkNames(drafted, place, addition, violations);
  checkLocks(drafted, place, addition.locks, violations);
  const steps = drafted.map((step) => ({ ...step, group: by.group, addedBy: by.id }));
  // What the plan calls already it calls as it was described then, whatever the controller says of itself by now.
  const known = new Map(plan.methods.map((method) => [keyOf(method), method]));
  const freezing: Freezing = {
    ...sources,
    steps,
    groups: plan.groups,
    places: { steps: place, groups: '' },
    violations,
    stepById: new Map([...plan.steps, ...steps].map((step) => [step.id, step])),
    methods: new Map(known),
  };
  const frozen = steps.map((step, index) =>
    withAdder(freezeStep(freezing, step, `${place}[${index}]`), by.id),
  );
  const methods = [...freezing.methods.values()].filter((method) => !known.has(keyOf(method)));
  if (violations.count === 0) checkOrder(frozen, place, addition, violations);
  return { steps: frozen, methods };
}

/** Whatever it says itself, it waits for the step that adds it. */
function withAdder(step: PlanStep, by: string): PlanStep {
  if (step.dependsOn.includes(by) || step.impliedDependsOn.includes(by)) return step;
  return { ...step, impliedDependsOn: [...step.impliedDependsOn, by] };
}

function checkRoom(drafted: readonly PlanStep[], place: string, plan: Plan, violations: Violations): void {
  const count = plan.steps.length + drafted.length;
  if (count <= limits.stepsMax) return;
  const rule = `makes it ${count} steps; at most ${limits.stepsMax} are allowed in a workflow`;
  violations.add('TOO_MANY', place, rule);
}

/** Ids are the adding step's own, so that nobody else ever adds the same; and whatever is named exists. */
function checkNames(
  drafted: readonly PlanStep[],
  place: string,
  { by, plan }: Addition,
  violations: Violations,
): void {
  const known = new Set(plan.graph.ids);
  const own = new Set<string>();
  for (const [index, { id }] of drafted.entries()) {
    const at = `${place}[${index}].id`;
    const owner = ownerOf(id, plan);
    if (owner !== by.id) {
      const why = owner === undefined ? '' : `; "${owner}-…" are those of step "${owner}"`;
      violations.add('INVALID_ID', at, `must begin with "${by.id}-"${why}`);
    }
    if (known.has(id) || own.has(id)) violations.add('DUPLICATE_ID', at, `"${id}" is there already`);
    own.add(id);
  }
  for (const [index, { dependsOn, group }] of drafted.entries()) {
    const at = `${place}[${index}]`;
    for (const [position, id] of dependsOn.entries()) {
      if (known.has(id) || own.has(id)) continue;
      violations.add('UNKNOWN_DEPENDENCY', `${at}.depends_on[${position}]`, `no step or group "${id}"`);
    }
    if (group === '' || group === by.group) continue;
    const rule = by.group === '' ? 'in none, as' : `in group "${by.group}", as`;
    violations.add('INVALID_VALUE', `${at}.group`, `an added step is ${rule} the step that adds it`);
  }
}

/** The step of the plan with the longest id that the id begins with: two steps that add never share their names. */
function ownerOf(id: string, plan: Plan): string | undefined {
  for (let end = id.lastIndexOf('-'); end > 0; end = id.lastIndexOf('-', end - 1)) {
    const owner = id.slice(0, end);
    if (plan.indexOf.has(owner as never)) return owner;
  }
  return undefined;
}

/** What a workflow locks it takes before its first step: later wishes could wait for each other. */
function checkLocks(
  drafted: readonly PlanStep[],
  place: string,
  locks: readonly LockNeed[],
  violations: Violations,
): void {
  const kinds = new Map(locks.map(({ resource, kind }) => [resource, kind]));
  for (const [index, step] of drafted.entries()) {
    for (const [position, { resource, kind }] of step.locks.entries()) {
      const held = kinds.get(resource);
      if (held !== undefined && (held === LockKind.EXCLUSIVE || kind === LockKind.SHARED)) continue;
      const how = held === undefined ? 'does not lock' : 'locks only shared';
      violations.add(
        'INVALID_VALUE',
        `${place}[${index}].locks[${position}]`,
        `the workflow ${how} "${resource}"`,
      );
    }
  }
}

/**
 * Nothing comes to wait for itself, whatever other steps are adding meanwhile. A group grows while one of its steps
 * runs; so its steps, which it waits for, wait for no other one that may be growing. Those that the adding step has
 * waited for are over.
 */
function checkOrder(
  steps: readonly PlanStep[],
  place: string,
  { by, plan }: Addition,
  violations: Violations,
): void {
  const cycle = findCycle(planGraph([...plan.steps, ...steps], plan.groups));
  if (cycle !== undefined) {
    const index = steps.findIndex(({ id }) => cycle.includes(id));
    violations.add('CYCLE', `${place}[${index}]`, `cycle: ${cycle.join(' → ')}`);
  }
  if (by.group === '') return;
  const endOf = new Map(plan.graph.ids.map((id, node) => [id, node]));
  const over = withAncestors(plan.graph, [endOf.get(by.id) ?? -1]);
  const ends = new Map(plan.groups.map(({ id }) => [endOf.get(id) ?? -1, id]));
  for (const [index, { dependsOn, impliedDependsOn }] of steps.entries()) {
    for (const id of [...dependsOn, ...impliedDependsOn]) {
      const node = endOf.get(id);
      if (node === undefined || over.has(node)) continue;
      const open = [...withAncestors(plan.graph, [node])].find((each) => ends.has(each) && !over.has(each));
      if (open === undefined) continue;
      const rule = `"${id}" waits for group "${ends.get(open) ?? ''}", which step "${by.id}" has not waited for`;
      violations.add('INVALID_VALUE', `${place}[${index}].depends_on`, rule);
      break;
    }
  }
}
