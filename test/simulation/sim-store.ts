/**
 * The store as a process of the simulation sees it: the shipped in-process core behind a simulated network. Requests
 * and answers take their time, get lost, or arrive after whoever sent them has given up.
 */
import { AsyncQueue } from '../../src/base/async-queue.js';
import type { LeaseId, Revision } from '../../src/base/ids.js';
import { SteplockError } from '../../src/errors/index.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import type {
  KeyRange,
  KeyValue,
  LeaseGrant,
  ListOptions,
  ListResult,
  Store,
  StoreSpace,
  Txn,
  TxnResult,
  WatchBatch,
} from '../../src/store/store.js';
import type { Faults } from './faults.js';
import type { Scheduler, SimProcess } from './scheduler.js';

/** What is shared by all processes of a run. */
export interface SimNetwork {
  readonly scheduler: Scheduler;
  readonly server: Mvcc;
  /** Changes when the faults end. */
  faults: Faults;
  /** Until when the store stands still. */
  storeStalledUntilMs: number;
  /** Called at each point at which the process may die; true when it does. */
  readonly mayCrash: (process: SimProcess, point: string) => boolean;
  readonly trace: (line: string) => void;
}

const callTimeoutMs = 2_000;

/** See the head of this file. */
export class SimStore implements Store {
  readonly #network: SimNetwork;
  readonly #process: SimProcess;

  constructor(network: SimNetwork, process: SimProcess) {
    this.#network = network;
    this.#process = process;
  }

  async list(range: KeyRange, options?: ListOptions): Promise<ListResult> {
    return await this.#call('list', 'read', () => this.#network.server.list(range, options));
  }

  async get(key: string): Promise<KeyValue | undefined> {
    return await this.#call('get', 'read', () => this.#network.server.get(key));
  }

  async txn(txn: Txn): Promise<TxnResult> {
    return await this.#call('txn', 'write', () => this.#network.server.txn(txn));
  }

  async grantLease(ttlMs: number): Promise<LeaseGrant> {
    return await this.#call('grant', 'read', () => this.#network.server.grantLease(ttlMs));
  }

  async renewLease(id: LeaseId): Promise<number> {
    return await this.#call('renew', 'read', () => this.#network.server.renewLease(id));
  }

  async revokeLease(id: LeaseId): Promise<void> {
    await this.#call('revoke', 'read', () => {
      this.#network.server.revokeLease(id);
    });
  }

  async compact(revision: Revision): Promise<void> {
    await this.#call('compact', 'read', () => {
      this.#network.server.compact(revision);
    });
  }

  async space(): Promise<StoreSpace> {
    return await this.#call('space', 'read', () => this.#network.server.space());
  }

  async reclaim(): Promise<void> {
    await this.#call('reclaim', 'read', () => {
      this.#network.server.reclaim();
    });
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  async *watch(range: KeyRange, after: Revision, signal: AbortSignal): AsyncIterable<WatchBatch> {
    await this.#call('watch', 'read', () => undefined);
    const queue = new AsyncQueue<WatchBatch>(1_000_000);
    const end = this.#openWatch(range, after, queue);
    const onAbort = (): void => {
      queue.end();
    };
    signal.addEventListener('abort', onAbort);
    try {
      yield* queue;
    } finally {
      end();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Batches of one watch keep their order, whatever time each takes. */
  #openWatch(range: KeyRange, after: Revision, queue: AsyncQueue<WatchBatch>): () => void {
    const { scheduler, server } = this.#network;
    let isOpen = true;
    let arrivesMs = 0;
    const deliver = (action: () => void): void => {
      arrivesMs = Math.max(arrivesMs, scheduler.nowMs + this.#latencyMs());
      this.#process.after(arrivesMs - scheduler.nowMs, () => {
        if (isOpen) action();
      });
    };
    const stop = server.watch(range, after, (batch) => {
      const { faults } = this.#network;
      if (scheduler.random.next() < faults.brokenWatch) {
        deliver(() => {
          isOpen = false;
          queue.end(unavailable('The stream broke'));
        });
      } else if (scheduler.random.next() >= faults.droppedBatch) {
        deliver(() => {
          queue.push(batch);
        });
      }
    });
    return () => {
      isOpen = false;
      stop();
    };
  }

  #latencyMs(): number {
    const { scheduler } = this.#network;
    return 0.2 + 3 * scheduler.random.next();
  }

  /** One call over the network: see the head of this file. */
  async #call<T>(name: string, kind: 'read' | 'write', work: () => T): Promise<T> {
    const { scheduler, mayCrash } = this.#network;
    const { random } = scheduler;
    if (mayCrash(this.#process, `before ${name}`)) return await never();
    const { faults } = this.#network;
    if (random.next() < faults.storeStall) {
      this.#network.storeStalledUntilMs = scheduler.nowMs + 12_000 * random.next();
      this.#network.trace(`store stands still until ${this.#network.storeStalledUntilMs.toFixed(0)}`);
    }
    if (random.next() < faults.nodeStall) {
      const stallMs = 8_000 * random.next();
      this.#network.trace(`${this.#process.name} stands still for ${stallMs.toFixed(0)}`);
      this.#process.stall(stallMs);
    }
    return await new Promise<T>((resolve, reject) => {
      const isLost = random.next() < faults.lostRequest;
      const isLate = random.next() < faults.lateRequest;
      const isUnanswered = random.next() < faults.lostReply;
      const timeout = this.#process.after(callTimeoutMs, () => {
        reject(kind === 'write' ? inDoubt(name) : unavailable(`${name} timed out`));
      });
      if (isLost) return;
      const arrive = (): void => {
        const stalledMs = this.#network.storeStalledUntilMs - scheduler.nowMs;
        if (stalledMs > 0) {
          scheduler.after(stalledMs, arrive);
          return;
        }
        // A dead process's request is on its way all the same.
        const answer = attempt(work);
        if (isUnanswered) return;
        this.#process.after(this.#latencyMs(), () => {
          timeout();
          if (mayCrash(this.#process, `after ${name}`)) return;
          if (answer.ok) resolve(answer.value);
          else reject(answer.error);
        });
      };
      scheduler.after(isLate ? callTimeoutMs + 3_000 * random.next() : this.#latencyMs(), arrive);
    });
  }
}

function attempt<T>(work: () => T): { ok: true; value: T } | { ok: false; error: Error } {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    // Whatever the core refuses goes to the caller.
    return { ok: false, error: error as Error };
  }
}

/** What a dead process waits for. */
export async function never(): Promise<never> {
  return await new Promise<never>(() => undefined);
}

function inDoubt(name: string): SteplockError {
  return new SteplockError('OUTCOME_UNKNOWN', `No answer to ${name}`);
}

function unavailable(message: string): SteplockError {
  return new SteplockError('STORE_UNAVAILABLE', message);
}
