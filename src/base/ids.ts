/** Names of things, told apart by the type checker. */
import type { Random } from './random.js';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A workflow's id, unique among the workflows that exist. */
export type WorkflowId = Branded<string, 'WorkflowId'>;
/** A step's id; of an undo, `undo.` and the undone step's. */
export type StepId = Branded<string, 'StepId'>;
/** A node's id. */
export type NodeId = Branded<string, 'NodeId'>;
/** A revision of the store: a whole number below 2^53 (docs/adr/0002-revisions-are-numbers.md). */
export type Revision = Branded<number, 'Revision'>;
/** A lease's id as the store gives it, in decimal. */
export type LeaseId = Branded<string, 'LeaseId'>;

/** What ids of workflows, steps, groups, nodes, controllers, systems and tenants look like. */
export const idPattern = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** The rule of {@link idPattern} in words. */
export const idRule =
  'must be 1 to 63 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen';

/** What request ids look like: a UUID. */
export const requestIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const undoPrefix = 'undo.';

/** The id of a step's undo. No step of a plan can have it, because a plan's ids have no dots. */
export function undoOf(step: StepId): StepId {
  return `${undoPrefix}${step}` as StepId;
}

/** Whether the id is an undo's. */
export function isUndo(step: StepId): boolean {
  return step.startsWith(undoPrefix);
}

/** The id without the undo's prefix. */
export function undoneOf(step: StepId): StepId {
  return (isUndo(step) ? step.slice(undoPrefix.length) : step) as StepId;
}

/** A random UUID (version 4). */
export function newUuid(random: Random): string {
  const hex = random.hex(16);
  const variant = ((parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
