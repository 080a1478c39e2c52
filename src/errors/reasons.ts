/**
 * The table of errors: for each reason of `steplock.v1.ErrorReason` the gRPC code and what a caller may do.
 * docs/errors.md and error_reason.proto are checked against it in both directions (test/tidy).
 */

/** Codes of gRPC by name. */
export type CodeName =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE';

/**
 * What a caller may do with the same call: `never` again as it is, again after a `backoff`, or again only
 * with the same request id (`same-request`).
 */
export type RetryAdvice = 'never' | 'backoff' | 'same-request';

interface ReasonRow {
  readonly code: CodeName;
  readonly retry: RetryAdvice;
}

const row = (code: CodeName, retry: RetryAdvice = 'never'): ReasonRow => ({ code, retry });

/** The reasons that a call can be refused for. */
export const callReasons = {
  INVALID_FIELD: row('INVALID_ARGUMENT'),
  INVALID_ENCODING: row('INVALID_ARGUMENT'),
  INVALID_PLAN: row('INVALID_ARGUMENT'),
  INVALID_PAGE_TOKEN: row('INVALID_ARGUMENT'),
  WORKFLOW_NOT_FOUND: row('NOT_FOUND'),
  STEP_NOT_FOUND: row('NOT_FOUND'),
  CONTROLLER_NOT_FOUND: row('NOT_FOUND'),
  INCIDENT_NOT_FOUND: row('NOT_FOUND'),
  NODE_NOT_FOUND: row('NOT_FOUND'),
  RESOURCE_NOT_FOUND: row('NOT_FOUND'),
  WORKFLOW_EXISTS: row('ALREADY_EXISTS'),
  REQUEST_ID_REUSED: row('ALREADY_EXISTS'),
  CONTROLLER_EXISTS: row('ALREADY_EXISTS'),
  RESOURCE_EXISTS: row('ALREADY_EXISTS'),
  ILLEGAL_TRANSITION: row('FAILED_PRECONDITION'),
  STALE_ETAG: row('ABORTED'),
  OPERATION_PENDING: row('ABORTED', 'backoff'),
  FENCED: row('FAILED_PRECONDITION'),
  CAPABILITY_UNSUPPORTED: row('UNIMPLEMENTED'),
  PLAN_CHANGED: row('FAILED_PRECONDITION'),
  SECRET_KEY_MISSING: row('FAILED_PRECONDITION'),
  PLANNING_FAILED: row('FAILED_PRECONDITION'),
  RESOURCE_IN_USE: row('FAILED_PRECONDITION'),
  RESOURCE_BUSY: row('ABORTED', 'backoff'),
  STORE_UNAVAILABLE: row('UNAVAILABLE', 'same-request'),
  SHUTTING_DOWN: row('UNAVAILABLE', 'same-request'),
  STORE_FULL: row('RESOURCE_EXHAUSTED', 'backoff'),
  REVISION_COMPACTED: row('OUT_OF_RANGE'),
  OUTCOME_UNKNOWN: row('UNKNOWN', 'same-request'),
  LEASE_LOST: row('ABORTED'),
  MESSAGE_TOO_LARGE: row('RESOURCE_EXHAUSTED'),
  DEADLINE_EXCEEDED: row('DEADLINE_EXCEEDED', 'same-request'),
  CANCELLED: row('CANCELLED'),
  INTERNAL: row('INTERNAL'),
  CONTROLLER_UNAVAILABLE: row('UNAVAILABLE', 'backoff'),
} as const satisfies Record<string, ReasonRow>;

/** The reasons that a step can fail for. They stand in a step's error and never end a call. */
export const stepReasons = [
  'STEP_TIMEOUT',
  'CONTROLLER_FAILED',
  'INVALID_OUTPUT',
  'UNRESOLVED_REFERENCE',
  'EFFECT_UNKNOWN',
  'CLAIM_LOST_TOO_OFTEN',
  'STEP_CANCELLED',
  'IRREVERSIBLE',
  'INVALID_ARGUMENTS',
  'SKIPPED_BY_OPERATOR',
  'RECORD_CORRUPT',
  'REJECTED',
  'CHILD_FAILED',
  'INVALID_CHILD_PLAN',
  'LOCK_TIMEOUT',
  'LOCK_UPGRADE',
  'LOCK_DEADLOCK',
  'CALLBACK_FAILED',
  'UNDONE_BY_OPERATOR',
] as const;

/** Why a call was refused. */
export type CallReason = keyof typeof callReasons;
/** Why a step failed. */
export type StepReason = (typeof stepReasons)[number] | 'CONTROLLER_UNAVAILABLE';
