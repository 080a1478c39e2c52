/**
 * From a draft to a frozen plan: everything that can be known before it runs is checked here, against the graph and
 * against what the controllers say of themselves, and what they say is kept with the plan. A controller that
 * changes later does not change a plan that has started.
 */
import type { JsonObject } from '../base/json.js';
import { sha256Hex } from '../base/bytes.js';
import type { ControllerDescription, MethodDescription } from '../contract/contract.js';
import { PlanGroup, PlanMethod, PlanStep, UndoKind } from '../gen/store/steplock/store/v1/plan.js';
import { SteplockError } from '../errors/index.js';
import { checkArguments, parseArguments } from './check-arguments.js';
import { findCycle } from './graph.js';
import { limits } from './limits.js';
import { createPlan, planGraph, type Plan } from './plan.js';
import { findReferences } from './references.js';
import type { SchemaChecker } from './schema.js';
import type { Violations } from './violations.js';

/** What freezing looks at beside the draft. */
export interface FreezeSources {
  /** The controller's description, or undefined if none of that name is registered. */
  readonly controller: (name: string) => ControllerDescription | undefined;
  readonly checker: SchemaChecker;
}

/** Where the steps and groups stand in the request, for naming places. */
export interface DraftPlaces {
  readonly steps: string;
  readonly groups: string;
}

interface Freezing extends FreezeSources {
  readonly steps: readonly PlanStep[];
  readonly groups: readonly PlanGroup[];
  readonly places: DraftPlaces;
  readonly violations: Violations;
  readonly stepById: ReadonlyMap<string, PlanStep>;
  readonly methods: Map<string, PlanMethod>;
}

/**
 * Freezes a draft. What is wrong goes to `violations`; the result is then of no use.
 *
 * @throws SteplockError CAPABILITY_UNSUPPORTED for a kind of step that is not run yet.
 */
export function freezePlan(
  steps: readonly PlanStep[],
  groups: readonly PlanGroup[],
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
  refuseUnsupported(freezing);
  checkCounts(freezing);
  checkIds(freezing);
  const frozen = steps.map((step, index) => freezeStep(freezing, step, `${places.steps}[${index}]`));
  if (violations.count === 0) {
    const cycle = findCycle(planGraph(frozen, groups));
    if (cycle !== undefined)
      violations.add('CYCLE', placeOf(freezing, cycle[0]), `cycle: ${describeCycle(cycle)}`);
  }
  if (violations.count > 0) return createPlan([], [], []);
  return createPlan(frozen, groups, [...freezing.methods.values()]);
}

function refuseUnsupported(freezing: Freezing): void {
  const { steps, places } = freezing;
  const index = steps.findIndex((step) => step.kind === 'approval' || step.kind === 'signal');
  const kind = steps[index]?.kind;
  if (kind === undefined) return;
  const field = `${places.steps}[${index}].${kind}`;
  throw new SteplockError(
    'CAPABILITY_UNSUPPORTED',
    `${field}: steps of this kind are not run by this version`,
    {
      metadata: { capability: kind, field },
    },
  );
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

function freezeStep(freezing: Freezing, step: PlanStep, at: string): PlanStep {
  const method = useMethod(freezing, step.controller, step.method, at);
  if (method === undefined) return step;
  checkCall(freezing, step, method.argumentsSchema, `${at}.call.arguments`);
  return {
    ...step,
    impliedDependsOn: impliedDependencies(freezing, step, at),
    ...freezeUndo(freezing, step, at),
    maxAttempts: step.maxAttempts === 0 ? method.maxAttempts : step.maxAttempts,
    initialBackoffMs: step.initialBackoffMs === 0 ? method.initialBackoffMs : step.initialBackoffMs,
    maxBackoffMs: step.maxBackoffMs === 0 ? method.maxBackoffMs : step.maxBackoffMs,
    multiplier: step.multiplier === 0 ? method.multiplier : step.multiplier,
    timeoutMs: step.timeoutMs === 0 ? method.timeoutMs : step.timeoutMs,
  };
}

/** Looks the method up and keeps its description with the plan. */
function useMethod(freezing: Freezing, controller: string, name: string, at: string): PlanMethod | undefined {
  const key = `${controller}/${name}`;
  const known = freezing.methods.get(key);
  if (known !== undefined) return known;
  const description = findMethod(freezing, controller, name, at);
  if (description === undefined) return undefined;
  const method = toPlanMethod(controller, description);
  freezing.methods.set(key, method);
  return method;
}

function findMethod(
  freezing: Freezing,
  controller: string,
  name: string,
  at: string,
): MethodDescription | undefined {
  // A step without a call has been reported when it was parsed.
  if (controller === '') return undefined;
  const description = freezing.controller(controller);
  if (description === undefined) {
    freezing.violations.add('UNKNOWN_CONTROLLER', `${at}.call.controller`, `no controller "${controller}"`);
    return undefined;
  }
  const method = description.methods.find((entry) => entry.name === name);
  if (method === undefined) {
    const methods = description.methods.map((entry) => entry.name).join(', ');
    const rule = `controller "${controller}" has no method "${name}"; it has: ${methods}`;
    freezing.violations.add('UNKNOWN_METHOD', `${at}.call.method`, rule);
  }
  return method;
}

function toPlanMethod(controller: string, description: MethodDescription): PlanMethod {
  const { outputSchema } = description;
  return {
    controller,
    method: description.name,
    argumentsSchema: JSON.stringify(description.argumentsSchema),
    outputSchema: outputSchema === undefined ? '' : JSON.stringify(outputSchema),
    canProbe: description.canProbe,
    idempotent: description.idempotent,
    limitClass: description.limitClass,
    timeoutMs: description.timeoutMs,
    maxAttempts: description.retry.maxAttempts,
    initialBackoffMs: description.retry.initialBackoffMs,
    maxBackoffMs: description.retry.maxBackoffMs,
    multiplier: description.retry.multiplier,
  };
}

function checkCall(freezing: Freezing, step: PlanStep, schema: string, at: string): void {
  const call = {
    args: parseArguments(step.arguments),
    schema,
    allowsOwn: false,
    outputSchemaOf: (id: string) => outputSchemaOf(freezing, id),
    at,
  };
  checkArguments(call, freezing.checker, freezing.violations);
}

function outputSchemaOf(freezing: Freezing, id: string): JsonObject | undefined {
  const step = freezing.stepById.get(id);
  if (step === undefined) return undefined;
  const methods = freezing.controller(step.controller)?.methods ?? [];
  return methods.find((method) => method.name === step.method)?.outputSchema;
}

/** The steps whose outputs the arguments, or the undo's, refer to, its own left out. */
function impliedDependencies(freezing: Freezing, step: PlanStep, at: string): string[] {
  const implied = new Set<string>();
  const places = [
    { args: step.arguments, at: `${at}.call.arguments`, isUndo: false },
    { args: step.undoArguments, at: `${at}.undo.call.arguments`, isUndo: true },
  ];
  for (const place of places) {
    for (const reference of findReferences(parseArguments(place.args))) {
      if (reference.kind !== 'output') continue;
      const field = `${place.at}${reference.at}`;
      if (reference.step === step.id && !place.isUndo) {
        freezing.violations.add('INVALID_REFERENCE', field, 'a step cannot wait for its own output');
      } else if (!freezing.stepById.has(reference.step)) {
        freezing.violations.add('INVALID_REFERENCE', field, `no step "${reference.step}"`);
      } else if (reference.step !== step.id) {
        implied.add(reference.step);
      }
    }
  }
  return [...implied];
}

type UndoFields = Pick<PlanStep, 'undoKind' | 'undoMethod' | 'undoArguments'>;

function freezeUndo(freezing: Freezing, step: PlanStep, at: string): UndoFields {
  const fields = step.undoKind === UndoKind.UNSPECIFIED ? declaredUndo(freezing, step, at) : step;
  const { undoKind, undoMethod, undoArguments } = fields;
  if (undoKind === UndoKind.METHOD) {
    const method = useMethod(freezing, step.controller, undoMethod, `${at}.undo`);
    if (method !== undefined) checkUndoCall(freezing, step, fields, method, at);
  }
  return { undoKind, undoMethod, undoArguments };
}

/** How the method itself says that it is undone. */
function declaredUndo(freezing: Freezing, step: PlanStep, at: string): UndoFields {
  const none = { undoMethod: '', undoArguments: Buffer.alloc(0) };
  const methods = freezing.controller(step.controller)?.methods ?? [];
  const undo = methods.find((method) => method.name === step.method)?.undo;
  if (undo === 'none-needed') return { ...none, undoKind: UndoKind.NONE_NEEDED };
  if (undo === 'irreversible') return { ...none, undoKind: UndoKind.IRREVERSIBLE };
  if (undo === undefined) {
    const rule = `method "${step.method}" declares no undo: say call, none_needed or irreversible`;
    freezing.violations.add('MISSING_UNDO', `${at}.undo`, rule);
    return { ...none, undoKind: UndoKind.UNSPECIFIED };
  }
  const template = undo.arguments === undefined ? '' : JSON.stringify(undo.arguments);
  return { undoKind: UndoKind.METHOD, undoMethod: undo.method, undoArguments: Buffer.from(template) };
}

function checkUndoCall(
  freezing: Freezing,
  step: PlanStep,
  undo: UndoFields,
  method: PlanMethod,
  at: string,
): void {
  const isOwn = undo.undoArguments.length > 0;
  const call = {
    args: parseArguments(isOwn ? undo.undoArguments : step.arguments),
    schema: method.argumentsSchema,
    allowsOwn: isOwn,
    outputSchemaOf: (id: string) => outputSchemaOf(freezing, id),
    at: isOwn ? `${at}.undo.call.arguments` : `${at}.call.arguments (as arguments of its undo)`,
  };
  checkArguments(call, freezing.checker, freezing.violations);
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
  return sha256Hex(parts.join('\n'));
}
