/**
 * The contract of a controller in TypeScript: what an author writes, and what the engine calls. On the wire it
 * is `steplock.v1.ControllerService`; docs there hold here too.
 *
 * The engine records the intent before each call and the outcome after it. When the outcome of a call is not
 * known (the node died, the time was up, the handler threw), it probes if the method can, repeats the call if
 * the method is idempotent, and else opens an incident.
 */
import type { JsonObject } from '../base/json.js';
import type { Logger } from '../log/log.js';

/** Orders the calls of one step in one direction: by generation, then by revision. */
export interface FencingToken {
  /** One higher after each restore of the store from a backup. */
  readonly generation: number;
  /** The store's revision at which the step was claimed. */
  readonly revision: number;
}

/** What a step left behind. */
export type Effect = 'none' | 'some' | 'unknown';

/** What is known of a step that is being undone. */
export interface UndoneStep {
  /** How it ended. */
  readonly state: 'succeeded' | 'failed' | 'cancelled' | 'unknown';
  /** What it left. */
  readonly effect: Effect;
  /** What it returned, if it succeeded. */
  readonly output: JsonObject | undefined;
  /** The key of its last calls: what was made under neither it nor `formerKeys` must not be touched. */
  readonly idempotencyKey: string;
  /** The keys that its calls had before an operator retried it after a known failure. */
  readonly formerKeys: readonly string[];
}

/** What every call carries. */
export interface CallContext {
  /** The workflow's id. */
  readonly workflow: string;
  /** The workflow's uid, never used again. */
  readonly workflowUid: string;
  /** The step's id; for an undo, the undone step's. */
  readonly step: string;
  /** Which way. */
  readonly direction: 'forward' | 'undo';
  /** Which call of this step, 1 for the first. */
  readonly attempt: number;
  /** Refuse a call whose token is lower than one seen for the same workflow uid, step and direction. */
  readonly fencingToken: FencingToken;
  /** The same for all attempts of this step in this direction, until an operator retries a known failure. */
  readonly idempotencyKey: string;
  /** The keys that the step's calls had before such a retry: what was made under them is this step's too. */
  readonly formerKeys: readonly string[];
  /** When the call has to be over, in milliseconds since 1970. */
  readonly deadlineMs: number;
  /** The system that the step names; empty for none. */
  readonly system: string;
  /** Whose the workflow is. */
  readonly tenant: string;
  /** For an undo: what is known of the step that it undoes. */
  readonly undone: UndoneStep | undefined;
  /** W3C traceparent that the call is a part of, if it is traced; a remote controller gets it as gRPC metadata. */
  readonly traceParent?: string;
  /** Aborts when the deadline passes, the step is cancelled or the node loses its lease: stop, then settle. */
  readonly signal: AbortSignal;
  /** Tells how far it is: 0 to 100, and one line for people. Written at most once a second. */
  progress(percent: number, message?: string): void;
  /** Writes with workflow, step and attempt. */
  readonly log: Logger;
}

/** It is done. */
export interface Done<Output = JsonObject> {
  readonly kind: 'done';
  /** What the method returns: must fit its output schema; at most 1 MiB as JSON. */
  readonly output: Output;
  /** Steps that the workflow gets in addition: each a steplock.v1.StepSpec in JSON; see Done.added_steps for the rules. */
  readonly steps?: readonly JsonObject[];
}

/** It goes on outside; `poll` tells how it stands. */
export interface Pending {
  readonly kind: 'pending';
  /** The external task's id; at most 4 KiB. */
  readonly task: string;
  /** When to ask next, in milliseconds. */
  readonly pollAfterMs: number;
  /** 0 to 100. */
  readonly progressPercent?: number;
  /** One line for people. */
  readonly progressMessage?: string;
}

/** It failed, and that is known. */
export interface Failed {
  readonly kind: 'failed';
  /** A name for programs, e.g. `CapacityExceeded`. */
  readonly reason: string;
  /** For people; without secrets. */
  readonly message: string;
  /** Whether trying again may help. */
  readonly retryable: boolean;
  /** What it left. A step that left nothing is not undone. */
  readonly effect: Effect;
}

/** It cannot be told. */
export interface Unknown {
  readonly kind: 'unknown';
  /** Why, for people. */
  readonly message: string;
}

/** It did not take effect, and no earlier call with this key can still do so. */
export interface NotDone {
  readonly kind: 'not-done';
  /** Whether parts of it are there. */
  readonly effect: 'none' | 'some';
}

/** What a call answers. */
export type ExecuteResult<Output = JsonObject> = Done<Output> | Pending | Failed;
/** How an external task stands. */
export type PollResult<Output = JsonObject> = Done<Output> | Pending | Failed | Unknown;
/** What came of an earlier call. */
export type ProbeResult<Output = JsonObject> = Done<Output> | NotDone | Pending | Unknown;

/** When a failed attempt is repeated. */
export interface RetryPolicy {
  /** How many attempts at most, the first included; 1 to 100. */
  readonly maxAttempts: number;
  /** The wait before the second attempt. */
  readonly initialBackoffMs: number;
  /** The longest wait. */
  readonly maxBackoffMs: number;
  /** Factor from wait to wait; 1 to 10. */
  readonly multiplier: number;
}

/**
 * How a method is undone: by a method of the same controller, not at all because it leaves nothing, or not at
 * all because it cannot be. In `arguments`, `{"$args": "/pointer"}` stands for a part of the undone step's
 * arguments and `{"$result": "/pointer"}` for one of its output; a property whose part is not there is left
 * out. Without `arguments` the undo gets those of the step.
 */
export type UndoDeclaration =
  { readonly method: string; readonly arguments?: JsonObject } | 'none-needed' | 'irreversible';

/** What a method says of itself. */
export interface MethodDescription {
  /** `[a-z]([a-z0-9-]{0,61}[a-z0-9])?`. */
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** JSON Schema (2020-12) of the arguments. A property with `"x-steplock-secret": true` is a secret. */
  readonly argumentsSchema: JsonObject;
  /** JSON Schema (2020-12) of the output; undefined for any. */
  readonly outputSchema: JsonObject | undefined;
  /** How it is undone; undefined: it does not say, and each step has to. */
  readonly undo: UndoDeclaration | undefined;
  /** The class of operations that a limit counts. */
  readonly limitClass: string;
  /** How long one attempt may take, the external task included. */
  readonly timeoutMs: number;
  /** When a failed attempt is repeated. */
  readonly retry: RetryPolicy;
  /** Whether `probe` can tell what came of a call. */
  readonly canProbe: boolean;
  /** Whether `execute` may be repeated with one key, also while an earlier call may still be going on. */
  readonly idempotent: boolean;
}

/** What a controller says of itself. */
export interface ControllerDescription {
  /** The kind of controller, e.g. `linux`. */
  readonly kind: string;
  /** Its version. */
  readonly version: string;
  /** One line for people. */
  readonly description: string;
  /** Its methods. */
  readonly methods: readonly MethodDescription[];
}

/** What the engine calls: a controller in this process or behind gRPC. */
export interface ControllerPort {
  /** What it says of itself. */
  readonly description: ControllerDescription;
  /** Whether it looks up `env` and `file` secrets by itself, where it runs; otherwise it gets their text. */
  readonly resolvesReferences?: boolean;
  /**
   * Does it, or begins to. Whatever it throws leaves the outcome unknown, except a SteplockError
   * CONTROLLER_UNAVAILABLE (nothing was sent) or FENCED (another attempt owns the step).
   */
  execute(context: CallContext, method: string, args: JsonObject): Promise<ExecuteResult>;
  /** Asks how the external task stands. */
  poll(context: CallContext, method: string, task: string, args: JsonObject): Promise<PollResult>;
  /** Raises the fence to the context's token, then finds out whether an earlier call took effect. */
  probe(context: CallContext, method: string, args: JsonObject): Promise<ProbeResult>;
  /** Asks that the external task be stopped. */
  cancel(context: CallContext, method: string, task: string): Promise<void>;
}

/** A method as its author writes it. */
export interface MethodDefinition {
  readonly description: string;
  readonly argumentsSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  readonly undo: UndoDeclaration;
  /** @default the method's name */
  readonly limitClass?: string;
  /** @default 10 minutes */
  readonly timeoutMs?: number;
  /** @default 3 attempts, 1 s to 1 min apart, doubling */
  readonly retry?: Partial<RetryPolicy>;
  /** Whether `execute` may be repeated with one key at any time. @default false */
  readonly idempotent?: boolean;
  /** Does it, or begins to. Throw only what is not known; answer {@link Failed} for what is. */
  readonly execute: (context: CallContext, args: JsonObject) => Promise<ExecuteResult>;
  /** Needed where `execute` answers {@link Pending}. */
  readonly poll?: (context: CallContext, task: string, args: JsonObject) => Promise<PollResult>;
  /** Tells what came of an earlier call with the context's idempotency key. */
  readonly probe?: (context: CallContext, args: JsonObject) => Promise<ProbeResult>;
  /** Stops an external task. */
  readonly cancel?: (context: CallContext, task: string) => Promise<void>;
}

/** A controller as its author writes it. */
export interface ControllerDefinition<
  Methods extends Readonly<Record<string, MethodDefinition>> = Readonly<Record<string, MethodDefinition>>,
> {
  readonly kind: string;
  readonly version: string;
  readonly description: string;
  readonly methods: Methods;
}

/** The default of {@link MethodDefinition.retry}. */
export const defaultRetryPolicy: RetryPolicy = {
  maxAttempts: 3,
  initialBackoffMs: 1_000,
  maxBackoffMs: 60_000,
  multiplier: 2,
};

/** The default of {@link MethodDefinition.timeoutMs}. */
export const defaultTimeoutMs = 600_000;

/** Answers that it is done, with steps that it adds to the workflow. */
export function done(): Done<Record<string, never>>;
export function done<Output extends object>(output: Output, steps?: readonly JsonObject[]): Done<Output>;
export function done(output: object = {}, steps: readonly JsonObject[] = []): Done<object> {
  return { kind: 'done', output, ...(steps.length === 0 ? {} : { steps }) };
}

/** Answers that it failed. */
export function failed(
  reason: string,
  message: string,
  detail: { readonly retryable: boolean; readonly effect: Effect },
): Failed {
  return { kind: 'failed', reason, message, ...detail };
}

/** Answers that it goes on outside. */
export function pending(task: string, pollAfterMs: number): Pending {
  return { kind: 'pending', task, pollAfterMs };
}

/** Answers that it did not take effect. */
export function notDone(effect: 'none' | 'some'): NotDone {
  return { kind: 'not-done', effect };
}

/** Answers that it cannot be told. */
export function unknown(message: string): Unknown {
  return { kind: 'unknown', message };
}
