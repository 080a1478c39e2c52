/** Waiting for a condition with a bound, instead of sleeping for luck. */

const pauseMs = 10;

/** The time that a condition gets if the test does not say. */
export const eventuallyMs = 5_000;

/** Tries until the attempt does not throw and gives what it gave; after the time is over, what it threw last. */
export async function eventually<T>(attempt: () => T | Promise<T>, timeoutMs = eventuallyMs): Promise<T> {
  const endsAtMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() >= endsAtMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** The promise's value, or an error when it takes longer than that. */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what} took longer than ${timeoutMs} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
