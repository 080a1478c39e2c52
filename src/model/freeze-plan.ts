/**
 * From a draft to a frozen plan: everything that can be known before it runs is checked here, against the graph and
 * against what the controllers say of themselves, and what they say is kept with the plan. A controller that
 * changes later does not change a plan that has started.
 */
import { sha256Hex } from '../base/bytes.js';
import { PlanGroup, PlanMethod, PlanStep } from '../gen/store/steplock/store/v1/plan.js';
import {
  checkCall,
  checkUndoOf,
  findMethod,
  freezeStep,
  type DraftPlaces,
  type Freezing,
  type FreezeSources,
} from './freeze-step.js';
import { findCycle } from './graph.js';
import { parseArguments } from './check-arguments.js';
import { limits } from './limits.js';
import { findReferences } from './references.js';
import { isAwaited } from './waiting.js';
import { createPlan, planGraph, type Plan } from './plan.js';
import type { Violations } from './violations.js';

export type { DraftPlaces, FreezeSources } from './freeze-step.js';

/** Freezes a draft. What is wrong goes to `violations`; the result is then of no use. */
export function freezePlan(
  { steps, groups, output }: DraftPlan,
  places: DraftPlaces,
  sources: FreezeSources,
  violations: Violations,
): Plan {
  const stepById = new Map(steps.map((step) => [step.id, step]));
  const freezing = {
    ...sources,
    steps,
    groups,
    places,
    violations,
    stepById,
    methods: new Map<string, PlanMethod>(),
  };
  checkCounts(freezing);
  checkIds(freezing);
  const frozen = steps.map((step, index) => freezeStep(freezing, step, `${places.steps}[${index}]`));
  checkOutput(freezing, output);
  if (violations.count === 0) {
    const cycle = findCycle(planGraph(frozen, groups));
    if (cycle !== undefined)
      violations.add('CYCLE', placeOf(freezing, cycle[0]), `cycle: ${describeCycle(cycle)}`);
  }
  if (violations.count > 0) return createPlan([], [], []);
  return createPlan(frozen, groups, [...freezing.methods.values()], output);
}

/** A plan that is not frozen yet. */
export interface DraftPlan {
  readonly steps: readonly PlanStep[];
  readonly groups: readonly PlanGroup[];
  /** The workflow's own output as JSON; empty for none. */
  readonly output: Uint8Array;
}

/** A workflow returns what its steps returned, and nothing else that is not known when it is submitted. */
function checkOutput({ stepById, violations, places }: Freezing, output: Uint8Array): void {
  const at = places.steps.replace(/steps$/, 'output');
  for (const reference of findReferences(parseArguments(output))) {
    const field = `${at}${reference.at}`;
    if (reference.kind === 'malformed') violations.add('INVALID_REFERENCE', field, reference.rule);
    else if (reference.kind !== 'output')
      violations.add('INVALID_REFERENCE', field, 'only $output can stand in a workflow’s output');
    else if (!stepById.has(reference.step))
      violations.add('INVALID_REFERENCE', field, `no step "${reference.step}"`);
  }
}

/**
 * Checks the calls of steps that are added to a draft, each against its method; references to steps that are not there
 * yet are left for the start. What is wrong goes to `violations`.
 */
export function checkCalls(
  steps: readonly PlanStep[],
  place: string,
  sources: FreezeSources,
  violations: Violations,
): void {
  const stepById = new Map(steps.map((step) => [step.id, step]));
  const places = { steps: place, groups: '' };
  const freezing = {
    ...sources,
    steps,
    groups: [],
    places,
    violations,
    stepById,
    methods: new Map<string, PlanMethod>(),
  };
  for (const [index, step] of steps.entries()) {
    const at = `${place}[${index}]`;
    const method = isAwaited(step.kind) ? undefined : findMethod(freezing, step, step.method, at);
    if (method !== undefined)
      checkCall(freezing, step, JSON.stringify(method.argumentsSchema), `${at}.${step.kind}.arguments`);
    checkUndoOf(freezing, step, at);
  }
}

function checkCounts({ steps, groups, places, violations }: Freezing): void {
  if (steps.length === 0) violations.add('REQUIRED', places.steps, 'a plan needs at least one step');
  if (steps.length > limits.stepsMax) {
    violations.add(
      'TOO_MANY',
      places.steps,
      `has ${steps.length} steps; at most ${limits.stepsMax} are allowed`,
    );
  }
  if (groups.length > limits.groupsMax) {
    violations.add(
      'TOO_MANY',
      places.groups,
      `has ${groups.length} groups; at most ${limits.groupsMax} are allowed`,
    );
  }
}

/** Ids are distinct, and whatever is named exists. */
function checkIds(freezing: Freezing): void {
  const { steps, groups, places, violations } = freezing;
  const known = new Map<string, string>();
  const declare = (id: string, at: string): void => {
    const other = known.get(id);
    if (other === undefined) known.set(id, at);
    else violations.add('DUPLICATE_ID', `${at}.id`, `"${id}" is the id of ${other} too`);
  };
  for (const [index, step] of steps.entries()) declare(step.id, `${places.steps}[${index}]`);
  for (const [index, group] of groups.entries()) declare(group.id, `${places.groups}[${index}]`);
  const groupIds = new Set(groups.map((group) => group.id));
  const checkDependencies = (dependsOn: readonly string[], at: string): void => {
    for (const [index, id] of dependsOn.entries()) {
      if (!known.has(id)) {
        violations.add('UNKNOWN_DEPENDENCY', `${at}.depends_on[${index}]`, `no step or group "${id}"`);
      }
    }
  };
  for (const [index, step] of steps.entries()) {
    const at = `${places.steps}[${index}]`;
    checkDependencies(step.dependsOn, at);
    if (step.group !== '' && !groupIds.has(step.group)) {
      violations.add('UNKNOWN_GROUP', `${at}.group`, `no group "${step.group}"`);
    }
  }
  for (const [index, group] of groups.entries())
    checkDependencies(group.dependsOn, `${places.groups}[${index}]`);
}

function placeOf(freezing: Freezing, id: string | undefined): string {
  const index = freezing.steps.findIndex((step) => step.id === id);
  if (index >= 0) return `${freezing.places.steps}[${index}]`;
  return `${freezing.places.groups}[${freezing.groups.findIndex((group) => group.id === id)}]`;
}

/** A cycle of thousands is shown by its ends. */
function describeCycle(cycle: readonly string[]): string {
  const shown = 20;
  if (cycle.length <= shown) return cycle.join(' → ');
  const [head, tail] = [cycle.slice(0, shown / 2), cycle.slice(-shown / 2)];
  return `${head.join(' → ')} → … ${cycle.length - shown} more … → ${tail.join(' → ')}`;
}

/** The plan's hash: equal plans, and equal descriptions of their methods, have equal hashes. */
export function planHash(plan: Plan, hideSecrets: (args: Uint8Array) => Uint8Array): string {
  const parts: string[] = [];
  for (const step of plan.steps) {
    const hidden = {
      ...step,
      arguments: Buffer.from(hideSecrets(step.arguments)),
      undoArguments: Buffer.from(hideSecrets(step.undoArguments)),
    };
    parts.push(sha256Hex(PlanStep.encode(hidden).finish()));
  }
  for (const group of plan.groups) parts.push(sha256Hex(PlanGroup.encode(group).finish()));
  for (const method of plan.methods) parts.push(sha256Hex(PlanMethod.encode(method).finish()));
  if (plan.output.length > 0) parts.push(sha256Hex(plan.output));
  return sha256Hex(parts.join('\n'));
}
