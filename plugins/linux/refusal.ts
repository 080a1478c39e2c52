/** Failures that are known: what an operation throws and its caller gets as `Failed`. */
import { StorageRefusal, type StorageReason } from '../../src/storage-controller.js';

/** Reasons that this kind of system has beside those of all. docs: the table in README.md. */
export const linuxReasons = {
  SecretKeyUnusable: { retryable: false },
  SessionsStayOpen: { retryable: true },
  TgtdUnavailable: { retryable: true },
  VolumeBusy: { retryable: true },
} as const;

/** Why a call failed, for programs. */
export type LinuxFailure = StorageReason | keyof typeof linuxReasons;

/** A failure that is known, with its reason, its place and the way out. */
export class Refusal extends StorageRefusal {
  override readonly name = 'Refusal';

  constructor(reason: LinuxFailure, message: string) {
    super(reason, message, isLinuxReason(reason) ? linuxReasons[reason].retryable : undefined);
  }
}

/** What is known of an error, or undefined: then the outcome is unknown and the error has to be thrown on. */
export function knownFailure(error: unknown): StorageRefusal | undefined {
  if (error instanceof StorageRefusal) return error;
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new Refusal(
        'CapacityExceeded',
        `No space left at ${errorPath(error)}: free some or choose another system`,
      );
    case 'EFBIG':
      return new Refusal(
        'InvalidSize',
        `The file system of ${errorPath(error)} cannot hold a file that large`,
      );
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

function isLinuxReason(reason: LinuxFailure): reason is keyof typeof linuxReasons {
  return Object.hasOwn(linuxReasons, reason);
}
