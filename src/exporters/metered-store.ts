/** A store that tells how long it takes to answer, and how many units share a transaction. */
import type { Clock } from '../base/clock.js';
import { SteplockError } from '../errors/index.js';
import type { Store } from '../store/store.js';
import type { Meters } from '../telemetry/index.js';

/** The same store, metered. A watch is not timed: it lasts. */
export function meteredStore(store: Store, clock: Clock, meters: Meters): Store {
  const timed = async <T>(operation: string, call: () => Promise<T>): Promise<T> => {
    const startedMs = clock.monotonicMs();
    let outcome = 'ok';
    try {
      return await call();
    } catch (error) {
      outcome = error instanceof SteplockError ? error.reason : 'refused';
      throw error;
    } finally {
      meters.storeCallEnded(operation, outcome, clock.monotonicMs() - startedMs);
    }
  };
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = value as (...args: unknown[]) => unknown;
      const operation = typeof name === 'string' ? operations[name] : undefined;
      if (operation === undefined) return method.bind(target);
      return async (...args: unknown[]): Promise<unknown> => {
        if (operation === 'txn') noteUnits(args[0], meters);
        return await timed(operation, async () => await (method.apply(target, args) as Promise<unknown>));
      };
    },
  });
}

/** By the store's method: the name in metrics. */
const operations: Readonly<Record<string, string>> = {
  list: 'list',
  get: 'get',
  txn: 'txn',
  grantLease: 'grant_lease',
  renewLease: 'renew_lease',
  revokeLease: 'revoke_lease',
  compact: 'compact',
};

function noteUnits(given: unknown, meters: Meters): void {
  const { then } = given as Parameters<Store['txn']>[0];
  const units = then.filter(({ type }) => type === 'txn').length;
  if (units > 0) meters.batchSent(units);
}
