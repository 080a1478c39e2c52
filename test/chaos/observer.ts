/** Follows the store from outside, from its first revision on, whatever becomes of members on the way. */
import { sleep, systemClock } from '../../src/base/clock.js';
import type { Revision } from '../../src/base/ids.js';
import { isReason } from '../../src/client/index.js';
import { createEtcdStore } from '../../src/store/etcd/index.js';
import { ranges } from '../../src/store/keys.js';
import type { Store, StoreEvent } from '../../src/store/store.js';

const pauseMs = 200;

/** See the head of this file. */
export class Observer {
  readonly #store: Store;
  readonly #abort = new AbortController();
  readonly #onEvents: (events: readonly StoreEvent[]) => void;
  readonly #done: Promise<void>;
  #cursor = 0;
  /** How often it missed something, because what it had not read yet was compacted: must stay 0. */
  gaps = 0;

  constructor(endpoints: readonly string[], onEvents: (events: readonly StoreEvent[]) => void) {
    this.#store = createEtcdStore({ endpoints, prefix: '/steplock/', clock: systemClock });
    this.#onEvents = onEvents;
    this.#done = this.#follow();
  }

  /** The revision up to which it has seen everything. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Waits until it has seen what is there now; gives whether it has. */
  async catchUp(): Promise<boolean> {
    const { revision } = await this.#store.list(ranges.all, { limit: 1, keysOnly: true });
    const untilMs = systemClock.monotonicMs() + 30_000;
    while (this.#cursor < revision && systemClock.monotonicMs() < untilMs)
      await sleep(systemClock, 50, this.#abort.signal);
    return this.#cursor >= revision;
  }

  /** Stops. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('The observer is closed'));
    await this.#done;
    await this.#store.close();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        for await (const { events, revision } of this.#store.watch(
          ranges.all,
          this.#cursor as Revision,
          signal,
        )) {
          this.#cursor = revision;
          this.#onEvents(events);
        }
      } catch (error) {
        if (isReason(error, 'REVISION_COMPACTED')) {
          this.gaps += 1;
          const { revision } = await this.#store
            .list(ranges.all, { limit: 1, keysOnly: true })
            .catch(() => ({ revision: this.#cursor }));
          this.#cursor = revision;
        }
        await sleep(systemClock, pauseMs, signal).catch(() => undefined);
      }
    }
  }
}
