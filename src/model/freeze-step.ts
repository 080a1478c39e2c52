/** Freezes one step: its method looked up, its arguments and its undo checked, its defaults filled in. Pure. */
import type { JsonObject } from '../base/json.js';
import type { ControllerDescription, MethodDescription } from '../contract/contract.js';
import {
  UndoKind,
  type PlanGroup,
  type PlanMethod,
  type PlanStep,
} from '../gen/store/steplock/store/v1/plan.js';
import { checkArguments, parseArguments, type UndoneSchemas } from './check-arguments.js';
import { findReferences } from './references.js';
import type { SchemaChecker } from './schema.js';
import type { Violations } from './violations.js';
import { isAwaited } from './waiting.js';

/** What freezing looks at beside the draft. */
export interface FreezeSources {
  /** The controller's description, or undefined if none of that name is registered. */
  readonly controller: (name: string) => ControllerDescription | undefined;
  /** The same of orchestrators. */
  readonly orchestrator: (name: string) => ControllerDescription | undefined;
  readonly checker: SchemaChecker;
  /** Whether the steps come out of the store, with their secrets sealed. */
  readonly areSealed?: boolean;
}

/** Where the steps and groups stand in the request, for naming places. */
export interface DraftPlaces {
  readonly steps: string;
  readonly groups: string;
}

/** A draft that is being frozen. */
export interface Freezing extends FreezeSources {
  readonly steps: readonly PlanStep[];
  readonly groups: readonly PlanGroup[];
  readonly places: DraftPlaces;
  readonly violations: Violations;
  readonly stepById: ReadonlyMap<string, PlanStep>;
  readonly methods: Map<string, PlanMethod>;
}

/** The step as the frozen plan has it. What is wrong with it goes to the violations. */
export function freezeStep(freezing: Freezing, step: PlanStep, at: string): PlanStep {
  if (isAwaited(step.kind)) return freezeAwaited(freezing, step, at);
  const method = useMethod(freezing, step, step.method, at);
  if (method === undefined) return step;
  checkCall(freezing, step, method.argumentsSchema, `${at}.${step.kind}.arguments`);
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

/** A step that waits for somebody: nothing is called, so nothing is repeated or undone. */
function freezeAwaited({ violations }: Freezing, step: PlanStep, at: string): PlanStep {
  const isUndoDeclared = step.undoKind === UndoKind.METHOD || step.undoKind === UndoKind.IRREVERSIBLE;
  if (isUndoDeclared)
    violations.add('INVALID_VALUE', `${at}.undo`, `there is nothing to undo in a ${step.kind}`);
  if (step.maxAttempts !== 0)
    violations.add('INVALID_VALUE', `${at}.retry`, `a ${step.kind} is not repeated`);
  return { ...step, undoKind: UndoKind.NONE_NEEDED, maxAttempts: 1 };
}

/** Looks the method up and keeps its description with the plan. */
function useMethod(freezing: Freezing, step: PlanStep, name: string, at: string): PlanMethod | undefined {
  const key = `${step.controller}/${name}`;
  const known = freezing.methods.get(key);
  if (known !== undefined) return known;
  const description = findMethod(freezing, step, name, at);
  if (description === undefined) return undefined;
  const method = toPlanMethod(step.controller, description);
  freezing.methods.set(key, method);
  return method;
}

/** The method that a call names; reports it if there is none. */
export function findMethod(
  freezing: Freezing,
  step: PlanStep,
  name: string,
  at: string,
): MethodDescription | undefined {
  const { controller } = step;
  // A step without a call has been reported when it was parsed.
  if (controller === '') return undefined;
  const [what, places] =
    step.kind === 'child'
      ? (['orchestrator', ['child.orchestrator', 'child.operation', 'operation']] as const)
      : (['controller', ['call.controller', 'call.method', 'method']] as const);
  const description = freezing[what](controller);
  if (description === undefined) {
    freezing.violations.add('UNKNOWN_CONTROLLER', `${at}.${places[0]}`, `no ${what} "${controller}"`);
    return undefined;
  }
  const method = description.methods.find((entry) => entry.name === name);
  if (method === undefined) {
    const methods = description.methods.map((entry) => entry.name).join(', ');
    const rule = `${what} "${controller}" has no ${places[2]} "${name}"; it has: ${methods}`;
    freezing.violations.add('UNKNOWN_METHOD', `${at}.${places[1]}`, rule);
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

/** Checks the arguments of a step's call. */
export function checkCall(freezing: Freezing, step: PlanStep, schema: string, at: string): void {
  const call = {
    args: parseArguments(step.arguments),
    schema,
    undone: undefined,
    allowsSealed: freezing.areSealed === true,
    outputSchemaOf: (id: string) => outputSchemaOf(freezing, id),
    at,
  };
  checkArguments(call, freezing.checker, freezing.violations);
}

function outputSchemaOf(freezing: Freezing, id: string): JsonObject | undefined {
  const step = freezing.stepById.get(id);
  return step === undefined ? undefined : methodOf(freezing, step)?.outputSchema;
}

function undoneSchemas(freezing: Freezing, step: PlanStep): UndoneSchemas {
  const method = methodOf(freezing, step);
  return { args: method?.argumentsSchema, result: method?.outputSchema };
}

function methodOf(freezing: Freezing, { kind, controller, method }: PlanStep): MethodDescription | undefined {
  const describe = kind === 'child' ? freezing.orchestrator : freezing.controller;
  return describe(controller)?.methods.find((entry) => entry.name === method);
}

/** The steps whose outputs the arguments, or the undo's, refer to, its own left out. */
function impliedDependencies(freezing: Freezing, step: PlanStep, at: string): string[] {
  const implied = new Set<string>();
  const places = [
    { args: step.arguments, at: `${at}.${step.kind}.arguments`, isUndo: false },
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
  if (step.kind === 'child') return freezeUndoOfChild(freezing, step, at);
  const fields = step.undoKind === UndoKind.UNSPECIFIED ? declaredUndo(freezing, step, at) : step;
  const { undoKind, undoMethod, undoArguments } = fields;
  if (undoKind === UndoKind.METHOD) {
    const method = useMethod(freezing, step, undoMethod, `${at}.undo`);
    if (method !== undefined) checkUndoCall(freezing, step, fields, method, at);
  }
  return { undoKind, undoMethod, undoArguments };
}

/** A child is undone by rolling it back: by no method of anybody. */
function freezeUndoOfChild({ violations }: Freezing, step: PlanStep, at: string): UndoFields {
  const none = { undoMethod: '', undoArguments: Buffer.alloc(0) };
  if (step.undoKind === UndoKind.METHOD)
    violations.add('INVALID_VALUE', `${at}.undo.call`, 'a child is undone by rolling it back, or not at all');
  const isOwn = step.undoKind === UndoKind.NONE_NEEDED || step.undoKind === UndoKind.IRREVERSIBLE;
  return { ...none, undoKind: isOwn ? step.undoKind : UndoKind.METHOD };
}

/** How the method itself says that it is undone. */
function declaredUndo(freezing: Freezing, step: PlanStep, at: string): UndoFields {
  const none = { undoMethod: '', undoArguments: Buffer.alloc(0) };
  const undo = methodOf(freezing, step)?.undo;
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

/** Checks the arguments of the undo that a step declares by itself. */
export function checkUndoOf(freezing: Freezing, step: PlanStep, at: string): void {
  if (step.undoKind !== UndoKind.METHOD || step.kind !== 'call') return;
  const method = findMethod(freezing, step, step.undoMethod, `${at}.undo`);
  if (method !== undefined) checkUndoCall(freezing, step, step, toPlanMethod(step.controller, method), at);
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
    undone: isOwn ? undoneSchemas(freezing, step) : undefined,
    allowsSealed: freezing.areSealed === true,
    outputSchemaOf: (id: string) => outputSchemaOf(freezing, id),
    at: isOwn ? `${at}.undo.call.arguments` : `${at}.call.arguments (as arguments of its undo)`,
  };
  checkArguments(call, freezing.checker, freezing.violations);
}
