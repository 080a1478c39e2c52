/** Between keys of the port and etcd's: the one place that knows the cluster's prefix. */
import type { IKeyValue } from 'etcd3';
import { assert } from '../../base/assert.js';
import type { LeaseId, Revision } from '../../base/ids.js';
import type { KeyRange, KeyValue } from '../store.js';

/** A key or range as etcd's requests have it. */
export interface EtcdRange {
  readonly key: Buffer;
  readonly range_end?: Buffer;
}

const noValue = new Uint8Array(0);
/** How etcd says "no lease". */
const noLease = '0';

/** A 64-bit revision of etcd's. It would have to count ten thousand writes a second for 28,000 years to overflow. */
export function toRevision(text: string): Revision {
  const revision = Number(text);
  assert(Number.isSafeInteger(revision), 'A revision is a whole number below 2^53');
  return revision as Revision;
}

/** See the head of this file. */
export class KeySpace {
  readonly #prefix: string;
  readonly #prefixBytes: number;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#prefixBytes = Buffer.byteLength(prefix);
  }

  /** The key in etcd. */
  toKey(key: string): Buffer {
    return Buffer.from(this.#prefix + key);
  }

  /** The key or range in etcd. */
  toRange(at: string | KeyRange): EtcdRange {
    if (typeof at === 'string') return { key: this.toKey(at) };
    return { key: this.toKey(at.start), range_end: this.toKey(at.end) };
  }

  /** The key without the prefix. */
  fromKey(key: Uint8Array): string {
    return Buffer.from(key.buffer, key.byteOffset, key.length).toString('utf8', this.#prefixBytes);
  }

  /** The key and value as the port has them. */
  fromKeyValue(kv: IKeyValue): KeyValue {
    return {
      key: this.fromKey(kv.key),
      // A copy: the slice would keep the whole answer in memory as long as this one value.
      value: kv.value.length === 0 ? noValue : new Uint8Array(kv.value),
      createRevision: toRevision(kv.create_revision),
      modRevision: toRevision(kv.mod_revision),
      lease: kv.lease === noLease ? undefined : (kv.lease as LeaseId),
    };
  }
}
