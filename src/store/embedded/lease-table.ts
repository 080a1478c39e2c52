/** Leases with their keys and the moment they end, by a clock that is passed in as numbers. */
import { present } from '../../base/assert.js';
import type { LeaseId } from '../../base/ids.js';

interface Lease {
  readonly ttlMs: number;
  expiresAtMs: number;
  readonly keys: Set<string>;
}

/** See the head of this file. */
export class LeaseTable {
  readonly #leases = new Map<LeaseId, Lease>();

  /** Whether it is there, be its time over or not. */
  has(id: LeaseId): boolean {
    return this.#leases.has(id);
  }

  /** Adds one. */
  add(id: LeaseId, ttlMs: number, nowMs: number): void {
    this.#leases.set(id, { ttlMs, expiresAtMs: nowMs + ttlMs, keys: new Set() });
  }

  /** Starts its time anew and gives the time to live; undefined when its time is over or it is gone. */
  renew(id: LeaseId, nowMs: number): number | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.expiresAtMs <= nowMs) return undefined;
    lease.expiresAtMs = nowMs + lease.ttlMs;
    return lease.ttlMs;
  }

  /** Takes it out and gives the keys that hung on it, in order; undefined when it is gone. */
  remove(id: LeaseId): readonly string[] | undefined {
    const lease = this.#leases.get(id);
    this.#leases.delete(id);
    return lease === undefined ? undefined : [...lease.keys].sort();
  }

  /** Hangs a key on a lease that is there. */
  attach(id: LeaseId, key: string): void {
    present(this.#leases.get(id), 'lease').keys.add(key);
  }

  /** Takes a key off a lease. */
  detach(id: LeaseId, key: string): void {
    this.#leases.get(id)?.keys.delete(key);
  }

  /** Those whose time is over, the longest first. */
  expired(nowMs: number): readonly LeaseId[] {
    return [...this.#leases]
      .filter(([, lease]) => lease.expiresAtMs <= nowMs)
      .sort(([, left], [, right]) => left.expiresAtMs - right.expiresAtMs)
      .map(([id]) => id);
  }

  /** When the next one ends; undefined when there is none. */
  nextExpiryMs(): number | undefined {
    let next: number | undefined;
    for (const lease of this.#leases.values()) next = Math.min(next ?? Infinity, lease.expiresAtMs);
    return next;
  }
}
