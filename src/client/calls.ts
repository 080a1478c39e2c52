/** Calls of a gRPC service by the names of its definition: typed, with a deadline, an abort signal and one kind of error. */
import {
  type Client,
  Metadata,
  type ClientReadableStream,
  type ClientUnaryCall,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { sleep, type Clock } from '../base/clock.js';
import { isReason } from '../errors/index.js';
import { fromServiceError } from '../grpc/status.js';

/** How a call is made. */
export interface CallOptions {
  /** How long it may take. @default 10 s */
  readonly timeoutMs?: number;
  /** Gives up when it aborts. */
  readonly signal?: AbortSignal;
}

type RequestOf<M> =
  M extends MethodDefinition<infer Request, never>
    ? Request
    : M extends { requestSerialize: (value: infer Request) => Buffer }
      ? Request
      : never;
type ResponseOf<M> = M extends { responseDeserialize: (value: Buffer) => infer Response } ? Response : never;

/** A service's methods as functions. */
export type Calls<Service> = {
  readonly [Name in keyof Service]: Service[Name] extends { readonly responseStream: true }
    ? (request: RequestOf<Service[Name]>, options?: CallOptions) => AsyncIterable<ResponseOf<Service[Name]>>
    : (request: RequestOf<Service[Name]>, options?: CallOptions) => Promise<ResponseOf<Service[Name]>>;
};

const timeoutMsDefault = 10_000;
const triesMax = 4;
const retryMsMin = 100;

/** The methods of the service over that client. */
export function callsOf<Service extends Record<string, unknown>>(
  service: Service,
  client: Client,
  clock: Clock,
): Calls<Service> {
  const calls: Record<string, unknown> = {};
  for (const [name, definition] of Object.entries(service)) {
    const method = definition as MethodDefinition<unknown, unknown>;
    calls[name] = method.responseStream
      ? (request: unknown, options: CallOptions = {}) => readStream(client, method, request, options)
      : async (request: unknown, options: CallOptions = {}) =>
          await callAgain(client, method, request, options, clock);
  }
  return calls as Calls<Service>;
}

/**
 * Every method of Steplock's is repeatable, reads by nature and writes by their request_id: a node that does not
 * answer is asked again, within the call's time.
 */
async function callAgain(
  client: Client,
  method: MethodDefinition<unknown, unknown>,
  request: unknown,
  options: CallOptions,
  clock: Clock,
): Promise<unknown> {
  const untilMs = clock.nowMs() + (options.timeoutMs ?? timeoutMsDefault);
  for (let tries = 1; ; tries++) {
    try {
      return await callOnce(client, method, request, untilMs, options.signal);
    } catch (error) {
      const isTransient = isReason(
        error,
        'STORE_UNAVAILABLE',
        'SHUTTING_DOWN',
        'OUTCOME_UNKNOWN',
        'OPERATION_PENDING',
      );
      const waitMs = Math.max(retryMsMin * 2 ** tries, isTransient ? (error.retryAfterMs ?? 0) : 0);
      if (!isTransient || tries >= triesMax || clock.nowMs() + waitMs >= untilMs) throw error;
      await sleep(clock, waitMs, options.signal);
    }
  }
}

async function callOnce(
  client: Client,
  method: MethodDefinition<unknown, unknown>,
  request: unknown,
  deadlineMs: number,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  signal?.throwIfAborted();
  return await new Promise<unknown>((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = method;
    const onAnswer = (error: ServiceError | null, response?: unknown): void => {
      signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve(response);
      else reject(fromServiceError(error));
    };
    const call: ClientUnaryCall = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      { deadline: deadlineMs },
      onAnswer,
    );
    const onAbort = (): void => {
      call.cancel();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

async function* readStream(
  client: Client,
  method: MethodDefinition<unknown, unknown>,
  request: unknown,
  { signal }: CallOptions,
): AsyncGenerator {
  const { path, requestSerialize, responseDeserialize } = method;
  const call: ClientReadableStream<unknown> = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    new Metadata(),
    {},
  );
  const onAbort = (): void => {
    call.cancel();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const response of call) yield response;
  } catch (error) {
    // Cancelled by ourselves: the caller has heard of it by the signal.
    if (signal?.aborted === true) return;
    throw fromServiceError(error as ServiceError);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    call.cancel();
  }
}
