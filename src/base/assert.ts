/**
 * Programmer errors. An assertion that fails means a defect of Steplock, never bad input and never a
 * failed peer: the process logs it and ends, because its memory can no longer be trusted.
 */

/** Thrown by a failed assertion. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Throws an {@link AssertionError} unless the condition holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Gives the value, which must be there. */
export function present<T>(value: T | null | undefined, what: string): T {
  assert(value !== undefined && value !== null, `${what} is missing`);
  return value;
}
