/** A store under random commands: carries them out and gives the answers in terms that can be compared. */
import type { LeaseId, Revision } from '../../../src/base/ids.js';
import { fromUtf8, toUtf8 } from '../../../src/base/bytes.js';
import { SteplockError } from '../../../src/errors/index.js';
import {
  TxnRefusedError,
  type Compare,
  type KeyValue,
  type ListOptions,
  type Op,
  type OpResult,
  type Store,
  type StoreEvent,
  type Txn,
  type TxnResult,
} from '../../../src/store/store.js';
import { everything, revisionOf } from '../suite/tools.js';
import type { Command, CompareSpec, LeaseSpec, OpSpec, TxnSpec } from './commands.js';

/** An answer without anything that differs between stores. */
export type Answer = unknown;

const gone = '123456789' as LeaseId;

function revisionOfEvent(event: StoreEvent): Revision {
  return event.type === 'put' ? event.kv.modRevision : event.revision;
}

/** See the head of this file. */
export class Subject {
  readonly #store: Store;
  /** The revision that all others are counted from. */
  readonly #base: number;
  readonly #leases: LeaseId[] = [];
  readonly #abort = new AbortController();
  readonly #events: StoreEvent[] = [];
  #reading: Promise<void> = Promise.resolve();
  #newest: number;
  /** The keys before the command under way: what its conditions refer to. */
  #keys = new Map<string, KeyValue>();

  private constructor(store: Store, base: Revision) {
    this.#store = store;
    this.#base = base;
    this.#newest = base;
  }

  /** Starts with a store without keys, and watches it. */
  static async start(store: Store): Promise<Subject> {
    return new Subject(store, await revisionOf(store));
  }

  /** The newest revision, counted from the start. */
  get newest(): number {
    return this.#newest - this.#base;
  }

  /** Begins to read all changes from the start on. */
  watch(): void {
    this.#reading = (async () => {
      for await (const { events } of this.#store.watch(
        everything,
        this.#base as Revision,
        this.#abort.signal,
      )) {
        this.#events.push(...events);
      }
    })();
    this.#reading.catch(() => undefined);
  }

  /** What the watch has read so far. */
  get watched(): Answer[] {
    return this.#events.map((event) => this.#fromEvent(event));
  }

  /** Fails as the watch did, if it did. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  /** Reads with a watch of its own what changed after a revision: as much as the first watch has read of that. */
  async replay(after: number): Promise<Answer[]> {
    const cursor = (this.#base + after) as Revision;
    const count = this.#events.filter((event) => revisionOfEvent(event) > cursor).length;
    const events: StoreEvent[] = [];
    const abort = new AbortController();
    if (count > 0) {
      for await (const batch of this.#store.watch(everything, cursor, abort.signal)) {
        events.push(...batch.events);
        if (events.length >= count) break;
      }
    }
    return events.map((event) => this.#fromEvent(event));
  }

  /** Carries out a command. */
  async run(command: Command): Promise<Answer> {
    let answer: Answer;
    try {
      answer = await this.#run(command);
    } catch (error) {
      if (error instanceof TxnRefusedError) answer = { refusal: error.refusal };
      else if (error instanceof SteplockError) answer = { reason: error.reason };
      else throw error;
    }
    const list = await this.#store.list(everything);
    this.#newest = list.revision;
    this.#keys = new Map(list.kvs.map((kv) => [kv.key, kv]));
    return { answer, revision: this.newest, kvs: list.kvs.map((kv) => this.#fromKv(kv)) };
  }

  async #run(command: Command): Promise<Answer> {
    switch (command.type) {
      case 'txn':
        return this.#fromResult(await this.#store.txn(this.#toTxn(command.txn)));
      case 'get': {
        const kv = await this.#store.get(command.key);
        return kv === undefined ? 'none' : this.#fromKv(kv);
      }
      case 'list':
        return await this.#list(command);
      case 'grant':
        this.#leases.push((await this.#store.grantLease(600_000)).id);
        return 'granted';
      case 'revoke':
        await this.#store.revokeLease(this.#toLease(command.lease) ?? gone);
        return 'revoked';
      case 'renew':
        return await this.#store.renewLease(this.#toLease(command.lease) ?? gone);
      case 'compact':
        await this.#store.compact(this.#backFromNow(command.back));
        return 'compacted';
    }
  }

  async #list(command: Extract<Command, { type: 'list' }>): Promise<Answer> {
    const { at, back, limit, keysOnly, order, createdBack } = command;
    const options: ListOptions = {
      keysOnly,
      order,
      ...(back === undefined ? {} : { revision: this.#backFromNow(back) }),
      ...(limit === undefined ? {} : { limit }),
      ...(createdBack === undefined ? {} : { createdUpTo: this.#backFromNow(createdBack) }),
    };
    const list = await this.#store.list(at, options);
    // Of keys that came into being together no order is promised, so neither is which of them a limit cuts off.
    const kvs =
      order === 'key'
        ? list.kvs.map((kv) => this.#fromKv(kv))
        : list.kvs.map((kv) => kv.createRevision - this.#base);
    return { revision: list.revision - this.#base, more: list.more, kvs };
  }

  /** Never earlier than the start: what was there before differs. */
  #backFromNow(back: number): Revision {
    return Math.max(this.#newest - back, this.#base) as Revision;
  }

  #toTxn(spec: TxnSpec): Txn {
    return {
      compares: spec.compares.map((compare) => this.#toCompare(compare)),
      then: spec.then.map((op) => this.#toOp(op)),
      otherwise: spec.otherwise.map((op) => this.#toOp(op)),
    };
  }

  #toCompare({ at, target, relation, revision: of }: CompareSpec): Compare {
    if (of === 'none') return { at, target, relation, revision: 0 };
    const kv = this.#keys.get(of.key);
    const actual = of.target === 'create' ? kv?.createRevision : kv?.modRevision;
    return { at, target, relation, revision: actual === undefined ? 0 : actual + of.distance };
  }

  #toOp(spec: OpSpec): Op {
    if (spec.type === 'txn') return { type: 'txn', txn: this.#toTxn(spec.txn) };
    if (spec.type === 'get') {
      const { type, at, keysOnly, limit } = spec;
      return limit === 0 ? { type, at, keysOnly } : { type, at, keysOnly, limit };
    }
    if (spec.type !== 'put') return spec;
    const lease = this.#toLease(spec.lease);
    const put = { type: 'put' as const, key: spec.key, value: toUtf8(spec.value) };
    return lease === undefined ? put : { ...put, lease };
  }

  #toLease(spec: LeaseSpec): LeaseId | undefined {
    if (spec === 'none') return undefined;
    return spec === 'gone' ? gone : this.#leases[spec % Math.max(1, this.#leases.length)];
  }

  #fromResult({ succeeded, revision, results }: TxnResult): Answer {
    return {
      succeeded,
      revision: revision - this.#base,
      results: results.map((result) => this.#fromOpResult(result)),
    };
  }

  #fromOpResult(result: OpResult): Answer {
    if (result.type === 'get') return result.kvs.map((kv) => this.#fromKv(kv));
    return result.type === 'txn' ? this.#fromResult(result.result) : result;
  }

  #fromKv({ key, value, createRevision, modRevision, lease }: KeyValue): Answer {
    const leaseNumber = lease === undefined ? 'none' : this.#leases.indexOf(lease);
    return `${key}=${fromUtf8(value)} ${createRevision - this.#base} ${modRevision - this.#base} ${leaseNumber}`;
  }

  #fromEvent(event: StoreEvent): Answer {
    return event.type === 'put' ? this.#fromKv(event.kv) : `-${event.key} ${event.revision - this.#base}`;
  }
}
