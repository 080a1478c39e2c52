/**
 * What a failed call to etcd means: the only place that looks into etcd3's errors. etcd3 loses the gRPC code but keeps
 * it in the message (`14 UNAVAILABLE: …`); etcd's own texts are fixed (api/v3rpc/rpctypes/error.go).
 */
import { status } from '@grpc/grpc-js';
import { errorText, SteplockError } from '../../errors/index.js';
import { TxnRefusedError, type TxnRefusal } from '../store.js';

/** What etcd says before it has applied anything. The last but one comes from its gRPC server. */
const refusals: readonly (readonly [text: string, refusal: TxnRefusal])[] = [
  ['etcdserver: duplicate key given in txn request', 'DUPLICATE_KEY'],
  ['etcdserver: too many operations in txn request', 'TOO_MANY_OPS'],
  ['etcdserver: request is too large', 'TOO_LARGE'],
  ['grpc: received message larger than max', 'TOO_LARGE'],
  ['etcdserver: requested lease not found', 'LEASE_NOT_FOUND'],
];

/** The error of a transaction. All but a definite refusal leaves open what became of it. */
export function toTxnError(error: unknown): Error {
  const text = errorText(error);
  for (const [known, refusal] of refusals) {
    if (text.includes(known)) {
      return new TxnRefusedError(refusal, 'etcd refused the transaction', { cause: error });
    }
  }
  if (isNoSpace(error)) return storeFull(error);
  return new SteplockError('OUTCOME_UNKNOWN', 'etcd did not say what became of the transaction', {
    cause: error,
  });
}

/** The error of any other call. */
export function toCallError(error: unknown): SteplockError {
  if (error instanceof SteplockError) return error;
  if (isCompacted(error)) {
    return new SteplockError('REVISION_COMPACTED', 'The revision was compacted', { cause: error });
  }
  if (errorText(error).includes('etcdserver: mvcc: required revision is a future revision')) {
    return new SteplockError('REVISION_COMPACTED', 'The revision is not there yet', { cause: error });
  }
  if (isNoSpace(error)) return storeFull(error);
  return unavailable('etcd did not answer', error);
}

/** The error for an etcd that cannot be reached or does not answer in time. */
export function unavailable(
  message: string,
  cause?: unknown,
  metadata?: Record<string, string>,
): SteplockError {
  return new SteplockError('STORE_UNAVAILABLE', message, {
    cause,
    ...(metadata === undefined ? {} : { metadata }),
  });
}

/** The error for a lease that etcd does not have. */
export function leaseLost(lease: string, cause?: unknown): SteplockError {
  return new SteplockError('LEASE_LOST', 'etcd does not have the lease', { metadata: { lease }, cause });
}

/** Whether etcd has no such lease. */
export function isLeaseNotFound(error: unknown): boolean {
  return errorText(error).includes('etcdserver: requested lease not found');
}

/** Whether the revision was compacted. */
export function isCompacted(error: unknown): boolean {
  return errorText(error).includes('etcdserver: mvcc: required revision has been compacted');
}

/** Whether it may go better at once: the member is away, does not answer, or has no leader. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED || code === status.CANCELLED;
}

function isNoSpace(error: unknown): boolean {
  return errorText(error).includes('etcdserver: mvcc: database space exceeded');
}

function storeFull(cause: unknown): SteplockError {
  return new SteplockError('STORE_FULL', 'etcd is full', { cause });
}

function codeOf(error: unknown): number | undefined {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number') {
    return error.code;
  }
  const match = /(?:^|: )(\d{1,2}) [A-Z_]+: /.exec(errorText(error));
  return match === null ? undefined : Number(match[1]);
}
