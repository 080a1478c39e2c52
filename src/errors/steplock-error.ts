/** The one class of operating errors. Programmer errors are AssertionErrors (base/assert). */
import { waysOut } from './ways-out.js';
import { callReasons, type CallReason, type CodeName, type RetryAdvice } from './reasons.js';

/** The `domain` of every ErrorInfo. */
export const errorDomain = 'steplock';

/** A place that breaks a rule, as `google.rpc.BadRequest.FieldViolation`. */
export interface Violation {
  /** Path of the field, e.g. `plan.steps[3].call.arguments/size_bytes`. */
  readonly field: string;
  /** Name of the rule, e.g. `CYCLE`. */
  readonly rule: string;
  /** For people. */
  readonly description: string;
}

/** What an error may carry beside its reason and message. */
export interface ErrorDetail {
  /** Everything that varies in the message (AIP-193). */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Each place that is wrong. */
  readonly violations?: readonly Violation[];
  /** When trying again makes sense. */
  readonly retryAfterMs?: number;
  /** What led to it; never sent. */
  readonly cause?: unknown;
}

const brand = Symbol.for('steplock.SteplockError');

/** An error with a reason, a place and a way out. `instanceof` works across copies of this package. */
export class SteplockError extends Error {
  override readonly name = 'SteplockError';
  /** Which row of docs/errors.md. */
  readonly reason: CallReason;
  /** Everything that varies in the message. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Each place that is wrong. */
  readonly violations: readonly Violation[];
  /** When trying again makes sense, if that is known. */
  readonly retryAfterMs: number | undefined;
  /** Marks the class. */
  readonly [brand] = true;

  constructor(reason: CallReason, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.reason = reason;
    this.metadata = detail.metadata ?? {};
    this.violations = detail.violations ?? [];
    this.retryAfterMs = detail.retryAfterMs;
  }

  /** The gRPC code of the reason. */
  get code(): CodeName {
    return callReasons[this.reason].code;
  }

  /** What the caller may do with the same call. */
  get retry(): RetryAdvice {
    return callReasons[this.reason].retry;
  }

  /** The first place that is wrong, or the name of what it is about; undefined where there is none. */
  get place(): string | undefined {
    return this.violations[0]?.field ?? this.metadata['field'] ?? this.metadata['name'];
  }

  /** What can be done about it, in one line; docs/errors.md has more. */
  get wayOut(): string {
    return waysOut[this.reason];
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** Whether the value is a SteplockError of one of these reasons. */
export function isReason(error: unknown, ...reasons: readonly CallReason[]): error is SteplockError {
  return error instanceof SteplockError && reasons.includes(error.reason);
}

/** The error for a field that breaks its rule. */
export function invalidField(field: string, rule: string): SteplockError {
  return new SteplockError('INVALID_FIELD', `${field} ${rule}`, {
    metadata: { field, rule },
    violations: [{ field, rule: 'INVALID_FIELD', description: rule }],
  });
}

/** The error for a workflow that is not there. */
export function workflowNotFound(name: string): SteplockError {
  return new SteplockError('WORKFLOW_NOT_FOUND', `No workflow ${name}`, { metadata: { name } });
}

/** The text of whatever was thrown, for a log. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
