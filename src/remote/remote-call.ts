/** Calls over gRPC of what is registered: connected first, with a deadline, and given up when nobody wants them any more. */
import type { CallOptions, Client, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import { SteplockError } from '../errors/index.js';
import { isReady } from '../grpc/channel.js';
import { fromServiceError } from '../grpc/status.js';

type Callback<T> = (error: ServiceError | null, response: T) => void;
/** Begins a call of a generated client. */
export type Start<T> = (
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: Callback<T>,
) => ClientUnaryCall;

/** How long a connection may take before a call is given up unsent. */
export const connectMsMax = 5_000;

/** @throws SteplockError CONTROLLER_UNAVAILABLE when there is no connection in time. */
export async function connect(client: Client, endpoint: string, deadlineMs: number): Promise<void> {
  if (!(await isReady(client, deadlineMs))) throw unavailable(endpoint, undefined);
}

/** Makes the call. `traceParent`: what it is a part of; empty for nothing. @throws SteplockError */
export async function invoke<T>(
  start: Start<T>,
  deadlineMs: number,
  signal: AbortSignal | undefined,
  traceParent = '',
): Promise<T> {
  const metadata = new Metadata();
  if (traceParent !== '') metadata.set('traceparent', traceParent);
  return await new Promise<T>((resolve, reject) => {
    const call = start(metadata, { deadline: deadlineMs }, (error, response) => {
      signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve(response);
      else reject(fromServiceError(error));
    });
    const onAbort = (): void => {
      call.cancel();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** The error for an endpoint that cannot be reached: nothing was sent. */
export function unavailable(endpoint: string, cause: unknown): SteplockError {
  return new SteplockError('CONTROLLER_UNAVAILABLE', `No controller answers at ${endpoint}`, {
    metadata: { endpoint },
    cause,
  });
}
