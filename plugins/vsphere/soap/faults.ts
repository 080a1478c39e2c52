/** What a vCenter's refusals mean for the step that met them. By class only: messages are translated. */
import type { SoapFault } from './method.js';

/** The server refused a call, and says so: nothing else came of it. */
export class VimFault extends Error {
  override readonly name = 'VimFault';
  /** The fault's class, e.g. `ResourceInUse`. */
  readonly type: string;
  /** The fault's own fields. */
  readonly detail: unknown;

  constructor(method: string, { type, message, detail }: SoapFault) {
    super(`${method}: ${type === '' ? 'fault' : type}${message === '' ? '' : `: ${message}`}`);
    this.type = type;
    this.detail = detail;
  }
}

/** Nobody knows what came of a call: the connection broke, the time was up, or the answer was none. */
export class LostAnswer extends Error {
  override readonly name = 'LostAnswer';
  /** Whether it is certain that nothing was sent. */
  readonly wasSent: boolean;

  constructor(method: string, wasSent: boolean, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`${method}: ${wasSent ? 'no answer' : 'not sent'}: ${why}`, { cause });
    this.wasSent = wasSent;
  }
}

/** What a step does about a fault. */
export type FaultAdvice =
  /** Somebody else is at it, or a host is away: the same call again, after a while. */
  | 'again'
  /** It is gone, which is what a removal wants. */
  | 'gone'
  /** It is there already: compare it with what is wanted. */
  | 'there'
  /** The session has ended. */
  | 'session'
  /** Nothing that the same call again could change. */
  | 'refused';

const byClass: Readonly<Record<string, FaultAdvice>> = {
  NotAuthenticated: 'session',
  ResourceInUse: 'again',
  QuiesceDatastoreIOForHAFailed: 'again',
  TaskInProgress: 'again',
  ConcurrentAccess: 'again',
  VAppTaskInProgress: 'again',
  HostNotConnected: 'again',
  HostCommunication: 'again',
  HostNotReachable: 'again',
  NotFound: 'gone',
  ManagedObjectNotFound: 'gone',
  DuplicateName: 'there',
  AlreadyExists: 'there',
};

/**
 * What to do about a fault of that class.
 *
 * Source: the fault sections of the vSphere Web Services API reference. An unknown class is a refusal.
 */
export function adviceOn(type: string): FaultAdvice {
  return byClass[type] ?? 'refused';
}

/** Whether the error is a fault of one of these classes. */
export function isFault(error: unknown, ...types: readonly string[]): error is VimFault {
  return error instanceof VimFault && types.includes(error.type);
}
