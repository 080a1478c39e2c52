/** Leases over the raw lease client: etcd3's own lease says "lost" only after twice the time to live. */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from 'etcd3';
import type { LeaseId } from '../../base/ids.js';
import type { LeaseGrant } from '../store.js';
import type { Caller } from './calls.js';
import type { Endpoint } from './endpoints.js';
import { isLeaseNotFound, leaseLost, unavailable } from './errors.js';

type Stream = ClientDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;

/** As {@link Store.grantLease}. etcd counts in seconds and has a least time to live. */
export async function grantLease(caller: Caller, ttlMs: number): Promise<LeaseGrant> {
  const ttl = Math.ceil(ttlMs / 1_000);
  // Repeated freely: a grant whose answer was lost expires by itself.
  const granted = await caller.repeat((endpoint, options) => {
    return endpoint.client.leaseClient.leaseGrant({ TTL: ttl, ID: 0 }, options);
  });
  return { id: granted.ID as LeaseId, ttlMs: Number(granted.TTL) * 1_000 };
}

/** As {@link Store.renewLease}. */
export async function renewLease(caller: Caller, id: LeaseId): Promise<number> {
  const ttl = await caller.repeat((endpoint, options) => keepAliveOnce(endpoint, id, options));
  // Of a lease that is gone etcd says that it has no time left.
  if (ttl <= 0) throw leaseLost(id);
  return ttl * 1_000;
}

/** As {@link Store.revokeLease}. */
export async function revokeLease(caller: Caller, id: LeaseId): Promise<void> {
  await caller.repeat(async (endpoint, options) => {
    try {
      await endpoint.client.leaseClient.leaseRevoke({ ID: id }, options);
    } catch (error) {
      if (!isLeaseNotFound(error)) throw error;
    }
  });
}

/** One round trip on a stream of its own; it has a deadline, because it is a call in all but name. */
async function keepAliveOnce(
  endpoint: Endpoint,
  id: LeaseId,
  options: { readonly deadline: number },
): Promise<number> {
  const stream = (await endpoint.client.leaseClient.leaseKeepAlive(options)) as unknown as Stream;
  try {
    stream.write({ ID: id });
    const answers: AsyncIterator<ILeaseKeepAliveResponse, undefined> = stream[Symbol.asyncIterator]();
    const { value, done } = await answers.next();
    if (done === true) throw unavailable('etcd ended the renewal');
    return Number(value.TTL);
  } finally {
    stream.end();
    stream.cancel();
  }
}
