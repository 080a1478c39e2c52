/** What plans of storage are made of. Pure: JSON in the form of steplock.v1.Plan and WorkflowSettings. */
import type { JsonObject, JsonValue } from '../base/json.js';
import type { PlanAnswer } from '../contract/orchestrator.js';

/** A system and the controller that serves it. */
export interface SystemFacts {
  readonly system: string;
  readonly controller: string;
}

/** What a step calls, and which steps it waits for. */
export interface StepParts {
  readonly id: string;
  readonly description: string;
  readonly args: JsonObject;
  readonly after?: readonly string[];
}

/** A part of another step's output. */
export function outputOf(step: string, pointer: string): JsonObject {
  return { $output: { step, pointer } };
}

/** A step on a storage system. */
export function systemStep(
  { system, controller }: SystemFacts,
  method: string,
  { id, description, args, after = [] }: StepParts,
): JsonObject {
  return { id, description, dependsOn: [...after], call: { controller, method, system, arguments: args } };
}

/** A step of the inventory. */
export function inventoryStep(method: string, { id, description, args, after = [] }: StepParts): JsonObject {
  return {
    id,
    description,
    dependsOn: [...after],
    call: { controller: 'inventory', method, arguments: args },
  };
}

/** A lock that nobody else has. */
export function exclusive(resource: string): JsonObject {
  return { resource, mode: 'LOCK_MODE_EXCLUSIVE' };
}

/** A lock that others may have too. */
export function shared(resource: string): JsonObject {
  return { resource, mode: 'LOCK_MODE_SHARED' };
}

/** A plan with what belongs to it. */
export interface Planned {
  readonly steps: readonly JsonObject[];
  readonly description: string;
  readonly locks: readonly JsonObject[];
  readonly output?: JsonObject;
}

/** The answer of an orchestrator. */
export function toAnswer({ steps, description, locks, output }: Planned): PlanAnswer {
  const plan: JsonObject = { steps: [...steps], ...(output === undefined ? {} : { output }) };
  return { kind: 'planned', plan, settings: { description: description.slice(0, 200), locks: [...locks] } };
}

/** The members that are there. */
export function defined(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}
