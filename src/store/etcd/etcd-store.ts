/** The Store port on an etcd cluster. */
import type { IRangeRequest } from 'etcd3';
import { assert } from '../../base/assert.js';
import type { LeaseId, Revision } from '../../base/ids.js';
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
} from '../store.js';
import { Caller } from './calls.js';
import { Endpoints } from './endpoints.js';
import { unavailable } from './errors.js';
import { KeySpace, toRevision } from './key-space.js';
import { grantLease, renewLease, revokeLease } from './leases.js';
import { Maintenance } from './maintenance.js';
import type { EtcdSettings } from './options.js';
import { decodeTxnAnswer, encodeTxn } from './txn-codec.js';
import { watch } from './watch.js';

/** See above. */
export class EtcdStore implements Store {
  readonly #settings: EtcdSettings;
  readonly #endpoints: Endpoints;
  readonly #keys: KeySpace;
  readonly #caller: Caller;
  readonly #maintenance: Maintenance;
  #isClosed = false;

  constructor(settings: EtcdSettings) {
    const { prefix, clock, callTimeoutMs } = settings;
    this.#settings = settings;
    this.#keys = new KeySpace(prefix);
    this.#endpoints = new Endpoints(settings);
    this.#caller = new Caller({ endpoints: this.#endpoints, clock, callTimeoutMs });
    this.#maintenance = new Maintenance(this.#caller, this.#endpoints, settings);
  }

  async list(range: KeyRange, options: ListOptions = {}): Promise<ListResult> {
    this.#checkOpen();
    const request = toRangeRequest(this.#keys, range, options);
    const response = await this.#caller.repeat((endpoint, callOptions) => {
      return endpoint.client.kv.range(request, callOptions);
    });
    const asked = options.revision ?? 0;
    return {
      revision: asked === 0 ? toRevision(response.header.revision) : asked,
      kvs: response.kvs.map((kv) => this.#keys.fromKeyValue(kv)),
      more: response.more,
    };
  }

  async get(key: string): Promise<KeyValue | undefined> {
    this.#checkOpen();
    const request = { key: this.#keys.toKey(key) };
    const response = await this.#caller.repeat((endpoint, options) =>
      endpoint.client.kv.range(request, options),
    );
    const kv = response.kvs[0];
    return kv === undefined ? undefined : this.#keys.fromKeyValue(kv);
  }

  async txn(txn: Txn): Promise<TxnResult> {
    this.#checkOpen();
    const request = encodeTxn(this.#keys, txn);
    const answer = await this.#caller.txn((endpoint, options) => endpoint.client.sendTxn(request, options));
    return decodeTxnAnswer(this.#keys, txn, answer);
  }

  async *watch(
    range: KeyRange,
    after: Revision,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, void> {
    this.#checkOpen();
    const { clock, callTimeoutMs } = this.#settings;
    const options = { endpoints: this.#endpoints, keys: this.#keys, clock, callTimeoutMs };
    yield* watch(options, range, after, signal);
  }

  async grantLease(ttlMs: number): Promise<LeaseGrant> {
    this.#checkOpen();
    return await grantLease(this.#caller, ttlMs);
  }

  async renewLease(id: LeaseId): Promise<number> {
    this.#checkOpen();
    return await renewLease(this.#caller, id);
  }

  async revokeLease(id: LeaseId): Promise<void> {
    this.#checkOpen();
    await revokeLease(this.#caller, id);
  }

  async compact(revision: Revision): Promise<void> {
    this.#checkOpen();
    await this.#maintenance.compact(revision);
  }

  async space(): Promise<StoreSpace> {
    this.#checkOpen();
    return await this.#maintenance.space();
  }

  async reclaim(): Promise<void> {
    this.#checkOpen();
    await this.#maintenance.reclaim();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the port's methods reject, they do not throw
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endpoints.close();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw unavailable('The store is closed');
  }
}

function toRangeRequest(keys: KeySpace, range: KeyRange, options: ListOptions): IRangeRequest {
  const { revision = 0, limit, keysOnly = false, order = 'key', createdUpTo } = options;
  // For etcd 0 is "all".
  assert(limit === undefined || limit >= 1, 'A list has at least one key');
  return {
    ...keys.toRange(range),
    revision,
    limit: limit ?? 0,
    keys_only: keysOnly,
    ...(order === 'newest' ? { sort_order: 'Descend', sort_target: 'Create' } : {}),
    // For etcd 0 is "no bound", and no key was created at revision 1.
    ...(createdUpTo === undefined ? {} : { max_create_revision: Math.max(createdUpTo, 1) }),
  };
}
