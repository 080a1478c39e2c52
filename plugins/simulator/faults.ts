/** The failure script of a simulated array. */
import { StorageRefusal } from '../../src/storage-controller.js';
import type { FaultRule } from './options.js';

/** What happens to one call. */
export interface CallFault {
  /** Before anything is changed. */
  before(signal: AbortSignal): Promise<void>;
  /** When all is changed and nothing was answered. */
  after(signal: AbortSignal): Promise<void>;
}

/** What happens to the next calls. */
export interface Faults {
  /** Uses the first rule that meets the call. */
  next(method: string, object: string): CallFault;
}

/** Plays the rules, also such as are added to the list later. */
export function createFaults(rules: readonly FaultRule[]): Faults {
  const used = new Map<FaultRule, number>();
  return {
    next: (method, object) => {
      const rule = rules.find(
        (one) =>
          (used.get(one) ?? 0) < (one.times ?? 1) &&
          one.method === method &&
          (one.object === undefined || one.object === object),
      );
      if (rule !== undefined) used.set(rule, (used.get(rule) ?? 0) + 1);
      const play = async (at: FaultRule['at'], signal: AbortSignal): Promise<void> => {
        if (rule?.at === at) await happen(rule, signal);
      };
      return {
        before: async (signal) => {
          await play('before', signal);
        },
        after: async (signal) => {
          await play('after', signal);
        },
      };
    },
  };
}

async function happen(rule: FaultRule, signal: AbortSignal): Promise<void> {
  switch (rule.then) {
    case 'fail':
      throw new StorageRefusal(
        rule.reason ?? 'SystemUnavailable',
        'A fault of the script',
        rule.retryable ?? true,
      );
    case 'lose':
      throw new Error('The connection to the simulated array broke');
    case 'hang':
      signal.throwIfAborted();
      await new Promise<never>((_, reject) => {
        signal.addEventListener(
          'abort',
          () => {
            reject(signal.reason as Error);
          },
          { once: true },
        );
      });
  }
}
