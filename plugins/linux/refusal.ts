/** Failures that are known: what a method throws inside and its caller gets as `Failed`. */
import type { Effect } from '../../src/controller.js';

/** Why a call failed, for programs. docs: the table in README.md. */
export type LinuxFailure =
  | 'InvalidArguments'
  | 'InvalidSize'
  | 'SystemUnknown'
  | 'SystemUnavailable'
  | 'VolumeNotFound'
  | 'VolumeExists'
  | 'VolumeInUse'
  | 'VolumeGrownSince'
  | 'DataBeyondSize'
  | 'ForeignObject'
  | 'CapacityExceeded'
  | 'KeyReused'
  | 'AccountExists'
  | 'AuthenticationMismatch'
  | 'SecretKeyUnusable'
  | 'SessionsStayOpen'
  | 'TgtdUnavailable'
  | 'UndoOnly';

/** A failure that is known, with its reason, its place and the way out. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** For programs. */
  readonly reason: LinuxFailure;
  /** Whether trying again may help without anybody doing anything. */
  readonly retryable: boolean;

  constructor(reason: LinuxFailure, message: string, retryable = false) {
    super(message);
    this.reason = reason;
    this.retryable = retryable;
  }
}

/** The failure as the contract has it. */
export interface KnownFailure {
  readonly reason: LinuxFailure;
  readonly message: string;
  readonly detail: { readonly retryable: boolean; readonly effect: Effect };
}

/** What is known of an error, or undefined: then the outcome is unknown and the error has to be thrown on. */
export function knownFailure(error: unknown, effect: Effect): KnownFailure | undefined {
  if (error instanceof Refusal) {
    return { reason: error.reason, message: error.message, detail: { retryable: error.retryable, effect } };
  }
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return {
        reason: 'CapacityExceeded',
        message: `No space left at ${errorPath(error)}: free some or choose another system`,
        detail: { retryable: true, effect },
      };
    case 'EFBIG':
      return {
        reason: 'InvalidSize',
        message: `The file system of ${errorPath(error)} cannot hold a file that large`,
        detail: { retryable: false, effect },
      };
    default:
      return undefined;
  }
}

/** The code of a system call's error, e.g. `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function errorPath(error: unknown): string {
  return error instanceof Error && 'path' in error && typeof error.path === 'string'
    ? error.path
    : 'the system';
}
