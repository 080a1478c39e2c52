/** A controller beyond the network: its calls are delayed, lost or answered too late, and outlive their caller. */
import type { CallContext, ControllerPort } from '../../src/contract/index.js';
import type { SimProcess } from './scheduler.js';
import { never, type SimNetwork } from './sim-store.js';

/** Puts the network between a process and a controller that lives elsewhere. */
export function overNetwork(port: ControllerPort, caller: SimProcess, network: SimNetwork): ControllerPort {
  const call = async <T>(
    context: CallContext,
    make: (context: CallContext) => Promise<T>,
    isAsked: boolean,
  ): Promise<T> => {
    const { scheduler, mayCrash, count } = network;
    const { random } = scheduler;
    if (mayCrash(caller, `before remote call of ${context.step}`)) return await never();
    const { faults } = network;
    const isLost = random.next() < faults.lostRequest;
    const isUnanswered = random.next() < faults.lostReply;
    // Only of what asks: a call itself is sent once, and gRPC does not repeat it.
    const isTwice = isAsked && random.next() < faults.duplicate;
    const delayMs = random.next() < faults.lateRequest ? 8_000 * random.next() : 3 * random.next();
    // Beyond the network nobody hears that the caller has given up.
    const there = { ...context, signal: new AbortController().signal, progress: () => undefined };
    const answer = new Promise<T>((resolve, reject) => {
      if (isLost) {
        count('request lost');
        return;
      }
      if (isTwice) {
        count('request and reply twice');
        scheduler.after(delayMs + 3 * random.next(), () => {
          make(there).catch(() => undefined);
        });
      }
      if (isUnanswered) count('reply lost');
      scheduler.after(delayMs, () => {
        if (context.signal.aborted) count('call carried out after its caller gave up');
        make(there).then(
          (value) => {
            if (isUnanswered) return;
            caller.after(3 * random.next(), () => {
              if (!mayCrash(caller, `after remote call of ${context.step}`)) resolve(value);
            });
          },
          (error: unknown) => {
            if (!isUnanswered)
              caller.after(3 * random.next(), () => {
                reject(error instanceof Error ? error : new Error('Not an error'));
              });
          },
        );
      });
    });
    // Whoever has given up no longer hears what came of it.
    answer.catch(() => undefined);
    return await orAborted(answer, context.signal);
  };
  return {
    description: port.description,
    execute: async (context, method, args) =>
      await call(context, async (there) => await port.execute(there, method, args), false),
    poll: async (context, method, task, args) =>
      await call(context, async (there) => await port.poll(there, method, task, args), true),
    probe: async (context, method, args) =>
      await call(context, async (there) => await port.probe(there, method, args), true),
    cancel: async (context, method, task) => {
      const cancel = async (there: CallContext): Promise<void> => {
        await port.cancel(there, method, task);
      };
      await call(context, cancel, true);
    },
  };
}

/** Gives the promise's value, or throws the signal's reason as soon as it aborts; the work itself goes on. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}
