/** What is said of a step in TypeScript, and the step as the wire has it. */
import { msToDuration } from '../base/duration.js';
import type { RetryPolicy } from '../contract/index.js';
import {
  LockMode,
  type LockSpec,
  type NodeSelector,
  type RetryPolicy as WireRetryPolicy,
  type StepSpec,
  type Undo,
} from '../gen/wire/steplock/v1/plan.js';
import type { ArgsOf } from './methods.js';
import { toWireObject, type OutputRef, type PlainArg } from './refs.js';

/** Of which plan a step or group is. */
export const planOfRef = Symbol('plan');

/** What others can wait for: a step or a group of the same plan. */
export interface Awaited {
  readonly [planOfRef]: object;
  readonly id: string;
}

/** A step of a plan. */
export interface StepRef<Output> extends Awaited {
  /** Stands for what it will return, as an argument of other steps. */
  readonly output: OutputRef<Output>;
}

/** A group of a plan. */
export interface GroupRef extends Awaited {
  readonly isGroup: true;
}

/** Resources by name, and how each is locked. */
export type Locks = Readonly<Record<string, 'exclusive' | 'shared'>>;

/** What any kind of step can be told. */
export interface StepOptions {
  /** One line for people. */
  readonly description?: string;
  /** What must have succeeded first, beside the steps that arguments refer to. */
  readonly needs?: readonly Awaited[];
  /** The group that it belongs to. */
  readonly group?: GroupRef;
  /** How long one attempt may take; of an approval or a signal, how long it waits. 1 s to 7 days. */
  readonly timeoutMs?: number;
  /** What it needs for itself. */
  readonly locks?: Locks;
}

/** What a call of a controller can be told beside its arguments. */
export interface CallOptions<Methods, Undo extends keyof Methods> extends StepOptions {
  /** The system that the method works on; limits and holds go by it. */
  readonly system?: string;
  /** When a failed attempt is repeated. @default as the method says */
  readonly retry?: Partial<RetryPolicy>;
  /** Which nodes may run it. */
  readonly nodes?: { readonly neighborhood?: string; readonly labels?: Readonly<Record<string, string>> };
  /** How it is undone. @default as the method says */
  readonly undo?: 'none' | 'irreversible' | UndoOptions<Methods, Undo>;
}

/** A method that undoes the step. Without arguments it gets those of the step. */
export interface UndoOptions<Methods, Undo extends keyof Methods> {
  readonly method: Undo;
  readonly with?: PlainArg<ArgsOf<Methods[Undo]>>;
}

/** The arguments of a method: not needed where none is required. */
export type WithArgs<Args> =
  Partial<Args> extends Args ? { readonly with?: PlainArg<Args> } : { readonly with: PlainArg<Args> };

/** What all kinds of steps have in common, as the wire has it. */
export function commonSpec(id: string, options: StepOptions): StepSpec {
  const { description = '', needs = [], group, timeoutMs, locks } = options;
  return {
    id,
    description,
    group: group?.id ?? '',
    dependsOn: needs.map((each) => each.id),
    undo: undefined,
    retry: undefined,
    timeout: timeoutMs === undefined ? undefined : msToDuration(timeoutMs),
    nodes: undefined,
    locks: toWireLocks(locks),
  };
}

/** The locks as the wire has them. */
export function toWireLocks(locks: Locks = {}): LockSpec[] {
  return Object.entries(locks).map(([resource, mode]) => ({
    resource,
    mode: mode === 'shared' ? LockMode.SHARED : LockMode.EXCLUSIVE,
  }));
}

/** The retry policy as the wire has it: what is not said is 0 there, and the method's. */
export function toWireRetry(retry: Partial<RetryPolicy> | undefined): WireRetryPolicy | undefined {
  if (retry === undefined) return undefined;
  const { maxAttempts = 0, initialBackoffMs, maxBackoffMs, multiplier = 0 } = retry;
  return {
    maxAttempts,
    initialBackoff: initialBackoffMs === undefined ? undefined : msToDuration(initialBackoffMs),
    maxBackoff: maxBackoffMs === undefined ? undefined : msToDuration(maxBackoffMs),
    multiplier,
  };
}

/** The selector as the wire has it. */
export function toWireNodes(nodes: CallOptions<unknown, never>['nodes']): NodeSelector | undefined {
  if (nodes === undefined) return undefined;
  return { neighborhood: nodes.neighborhood ?? '', labels: { ...nodes.labels } };
}

/** The undo as the wire has it. */
export function toWireUndo(
  undo: 'none' | 'irreversible' | { readonly method: PropertyKey; readonly with?: object } | undefined,
  onStep: (step: string) => void,
): Undo | undefined {
  if (undo === undefined) return undefined;
  if (undo === 'none') return { way: { $case: 'noneNeeded', value: {} } };
  if (undo === 'irreversible') return { way: { $case: 'irreversible', value: {} } };
  const args = undo.with === undefined ? undefined : toWireObject(undo.with, onStep);
  return { way: { $case: 'call', value: { method: String(undo.method), arguments: args } } };
}
