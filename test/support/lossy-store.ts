/** A store whose answers to transactions get lost: before they are applied, after, or so that they are applied later. */
import { SteplockError } from '../../src/errors/index.js';
import type { Store, Txn, TxnResult } from '../../src/store/store.js';

/** What becomes of the next transaction. */
export type Fate =
  /** It is answered. */
  | 'answered'
  /** It never reaches the store. */
  | 'lost'
  /** It is applied, and nobody hears of it. */
  | 'applied-unheard'
  /** It is on its way until {@link LossyStore.deliverLate}. */
  | 'late';

/** See the head of this file. Everything but transactions goes through as it is. */
export class LossyStore {
  readonly store: Store;
  /** Every transaction that was sent. */
  readonly sent: Txn[] = [];
  #late: Txn[] = [];

  constructor(inner: Store, fateOf: () => Fate) {
    const txn = async (given: Txn): Promise<TxnResult> => {
      this.sent.push(given);
      const fate = fateOf();
      if (fate === 'answered') return await inner.txn(given);
      // An answer that says "refused" gets lost like any other.
      if (fate === 'applied-unheard') await inner.txn(given).catch(() => undefined);
      if (fate === 'late') this.#late.push(given);
      throw new SteplockError('OUTCOME_UNKNOWN', 'The answer was lost');
    };
    this.store = new Proxy(inner, {
      get: (target, name) => {
        if (name === 'txn') return txn;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    this.#inner = inner;
  }

  readonly #inner: Store;

  /** What was on its way arrives, in the order in which it was sent. */
  async deliverLate(): Promise<void> {
    const late = this.#late;
    this.#late = [];
    for (const txn of late) await this.#inner.txn(txn).catch(() => undefined);
  }
}
