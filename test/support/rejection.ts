/** What was thrown, for assertions on it. */
import { AssertionError } from 'chai';

/** What the promise is rejected with; fails when it is not. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new AssertionError('The promise was fulfilled');
}

/** What the call throws; fails when it does not. */
export function thrown(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new AssertionError('Nothing was thrown');
}
