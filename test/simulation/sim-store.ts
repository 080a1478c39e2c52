/**
 * The store as a process of the simulation sees it: the shipped in-process core behind a simulated network. Requests
 * and answers take their time, get lost, or arrive after whoever sent them has given up.
 */
import { AsyncQueue } from '../../src/base/async-queue.js';
import type { LeaseId, Revision } from '../../src/base/ids.js';
import { randomBelow } from '../../src/base/random.js';
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
import type { FaultKind } from './fault-counts.js';
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
  /** Until when it refuses every call. */
  storeDownUntilMs: number;
  /** Whose transaction is being applied: the checker, which hears of it meanwhile, asks who wrote what. */
  writer: SimProcess | undefined;
  /** Counts a fault where it takes effect. */
  readonly count: (kind: FaultKind) => void;
  /** Called at each point at which the process may die; true when it does. */
  readonly mayCrash: (process: SimProcess, point: string) => boolean;
  readonly trace: (line: string) => void;
}

const callTimeoutMs = 2_000;
/** How long a lease lives. */
export const sessionTtlMs = 5_000;
/** How often a node lists what it keeps. */
export const resyncMs = 10_000;
/** Lists that ask for less come whole. */
const pageSizeMin = 50;

/** See the head of this file. */
export class SimStore implements Store {
  readonly #network: SimNetwork;
  readonly #process: SimProcess;
  /** Where the next page of a list begins, and the store's revision when this one was read. */
  #page: { readonly next: string; readonly revision: number } | undefined;

  constructor(network: SimNetwork, process: SimProcess) {
    this.#network = network;
    this.#process = process;
  }

  async list(range: KeyRange, options?: ListOptions): Promise<ListResult> {
    return await this.#call('list', 'read', () => this.#list(range, options));
  }

  async get(key: string): Promise<KeyValue | undefined> {
    return await this.#call('get', 'read', () => this.#network.server.get(key));
  }

  async txn(txn: Txn): Promise<TxnResult> {
    return await this.#call('txn', 'write', () => {
      const network = this.#network;
      network.writer = this.#process;
      try {
        return network.server.txn(txn);
      } finally {
        network.writer = undefined;
      }
    });
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
    this.#compactBefore(after);
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
      const isLate = scheduler.random.next() < this.#network.faults.lateBatch;
      if (isLate) this.#network.count('watch events late');
      const delayMs = isLate ? 8_000 * scheduler.random.next() : this.#latencyMs();
      arrivesMs = Math.max(arrivesMs, scheduler.nowMs + delayMs);
      this.#process.after(arrivesMs - scheduler.nowMs, () => {
        if (isOpen) action();
      });
    };
    const stop = server.watch(range, after, (batch) => {
      const { faults } = this.#network;
      if (scheduler.random.next() < faults.brokenWatch) {
        this.#network.count('watch broken');
        deliver(() => {
          isOpen = false;
          queue.end(unavailable('The stream broke'));
        });
      } else if (scheduler.random.next() >= faults.droppedBatch) {
        deliver(() => {
          queue.push(batch);
        });
      } else {
        this.#network.count('watch events lost');
      }
    });
    return () => {
      isOpen = false;
      stop();
    };
  }

  /** Now and then a page is short, as if more were there than fits. */
  #list(range: KeyRange, options: ListOptions = {}): ListResult {
    const { scheduler, server, faults, count } = this.#network;
    const { random } = scheduler;
    if (range.start === this.#page?.next && this.#page.revision !== server.revision)
      count('list pages at different revisions');
    const { limit } = options;
    const isShort = limit !== undefined && limit >= pageSizeMin && random.next() < faults.shortPage;
    const result = server.list(range, isShort ? { ...options, limit: 1 + randomBelow(random, 3) } : options);
    const last = result.more ? result.kvs.at(-1) : undefined;
    this.#page = last === undefined ? undefined : { next: `${last.key}\0`, revision: server.revision };
    return result;
  }

  /** What the watch is to begin with may be gone since the list that it follows. */
  #compactBefore(after: Revision): void {
    const { scheduler, server, faults, count } = this.#network;
    if (after >= server.revision || scheduler.random.next() >= faults.compactedWatch) return;
    server.compact(server.revision);
    count('compaction between list and watch');
  }

  #latencyMs(): number {
    const { scheduler } = this.#network;
    return 0.2 + 3 * scheduler.random.next();
  }

  #maybeStall(): void {
    const network = this.#network;
    const { scheduler, faults, count, trace } = network;
    const { random } = scheduler;
    if (random.next() < faults.storeStall) {
      network.storeStalledUntilMs = scheduler.nowMs + 12_000 * random.next();
      count('store stands still');
      trace(`store stands still until ${network.storeStalledUntilMs.toFixed(0)}`);
    }
    if (random.next() < faults.storeDown) {
      network.storeDownUntilMs = scheduler.nowMs + 12_000 * random.next();
      count('store unavailable');
      trace(`store refuses everything until ${network.storeDownUntilMs.toFixed(0)}`);
    }
    if (random.next() < faults.nodeStall) {
      const stallMs = 8_000 * random.next();
      count(stallMs > sessionTtlMs ? 'node paused past its lease' : 'node paused');
      trace(`${this.#process.name} stands still for ${stallMs.toFixed(0)}`);
      this.#process.stall(stallMs);
    }
  }

  /** One call over the network: see the head of this file. */
  async #call<T>(name: string, kind: 'read' | 'write', work: () => T): Promise<T> {
    const { scheduler, mayCrash } = this.#network;
    const { random } = scheduler;
    if (mayCrash(this.#process, `before ${name}`)) return await never();
    const { faults, count } = this.#network;
    this.#maybeStall();
    return await new Promise<T>((resolve, reject) => {
      const isLost = random.next() < faults.lostRequest;
      const isLate = random.next() < faults.lateRequest;
      const isUnanswered = random.next() < faults.lostReply;
      const isTwice = random.next() < faults.duplicate;
      let hasGivenUp = false;
      const timeout = this.#process.after(callTimeoutMs, () => {
        hasGivenUp = true;
        reject(kind === 'write' ? inDoubt(name) : unavailable(`${name} timed out`));
      });
      if (isLost) {
        count('request lost');
        return;
      }
      const arrive = (): void => {
        const stalledMs = this.#network.storeStalledUntilMs - scheduler.nowMs;
        if (stalledMs > 0) {
          scheduler.after(stalledMs, arrive);
          return;
        }
        // A dead process's request is on its way all the same.
        const isDown = scheduler.nowMs < this.#network.storeDownUntilMs;
        const answer = isDown ? refused(name) : attempt(work);
        if (kind === 'write' && hasGivenUp && answer.ok)
          count('transaction applied after its caller gave up');
        if (isUnanswered) {
          count('reply lost');
          return;
        }
        if (isTwice && !isDown) {
          count('request and reply twice');
          const isLater = random.next() < 0.5;
          scheduler.after(isLater ? 5_000 * random.next() : this.#latencyMs(), () => {
            attempt(work);
          });
        }
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

function refused(name: string): { ok: false; error: Error } {
  return { ok: false, error: unavailable(`${name} was refused`) };
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
