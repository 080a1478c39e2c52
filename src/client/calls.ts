/** Calls of a gRPC service by the names of its definition: typed, with a deadline, an abort signal and one kind of error. */
import {
  Metadata,
  type Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { sleep, type Clock } from '../base/clock.js';
import { isReason, SteplockError, type CallReason } from '../errors/index.js';
import { fromServiceError } from '../grpc/status.js';
import type { Endpoints } from './endpoints.js';

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

/** What another node, or the same one a little later, may be able to answer. */
export const transientReasons: readonly CallReason[] = [
  'STORE_UNAVAILABLE',
  'SHUTTING_DOWN',
  'OUTCOME_UNKNOWN',
  'OPERATION_PENDING',
];

/** The methods of the service over these connections. */
export function callsOf<Service extends Record<string, unknown>>(
  service: Service,
  endpoints: Endpoints,
  clock: Clock,
): Calls<Service> {
  const calls: Record<string, unknown> = {};
  for (const [name, definition] of Object.entries(service)) {
    const method = definition as MethodDefinition<unknown, unknown>;
    // A wait answers when its time is nearly up: that is no reason to ask another node.
    const isPatient = name === 'waitWorkflow';
    const caller = new Caller(method, endpoints, clock, isPatient);
    calls[name] = method.responseStream
      ? (request: unknown, options: CallOptions = {}) => caller.stream(request, options)
      : async (request: unknown, options: CallOptions = {}) => await caller.unary(request, options);
  }
  return calls as Calls<Service>;
}

/** The error of a call whose caller gave up. */
export function cancelled(signal: AbortSignal): SteplockError {
  return new SteplockError('CANCELLED', 'The caller gave up', { cause: signal.reason });
}

/** Calls one method. */
class Caller {
  readonly #method: MethodDefinition<unknown, unknown>;
  readonly #endpoints: Endpoints;
  readonly #clock: Clock;
  readonly #isPatient: boolean;

  constructor(
    method: MethodDefinition<unknown, unknown>,
    endpoints: Endpoints,
    clock: Clock,
    isPatient: boolean,
  ) {
    this.#method = method;
    this.#endpoints = endpoints;
    this.#clock = clock;
    this.#isPatient = isPatient;
  }

  /**
   * Every method of Steplock's is repeatable, reads by nature and writes by their request_id: when a node does not answer
   * it is asked again, or another one, within the call's time.
   */
  async unary(request: unknown, { timeoutMs = timeoutMsDefault, signal }: CallOptions): Promise<unknown> {
    const untilMs = this.#clock.nowMs() + timeoutMs;
    for (let tries = 1; ; tries++) {
      const tryUntilMs = this.#tryUntilMs(untilMs);
      try {
        return await this.#once(request, tryUntilMs, signal);
      } catch (error) {
        if (signal?.aborted === true) throw cancelled(signal);
        const isSlow = tryUntilMs < untilMs && isReason(error, 'DEADLINE_EXCEEDED');
        const isTransient = isSlow || isReason(error, ...transientReasons);
        const toldMs = isReason(error, ...transientReasons) ? (error.retryAfterMs ?? 0) : 0;
        const waitMs = isSlow ? 0 : Math.max(retryMsMin * 2 ** tries, toldMs);
        if (!isTransient || tries >= triesMax || this.#clock.nowMs() + waitMs >= untilMs) throw error;
        await sleep(this.#clock, waitMs, signal).catch(() => undefined);
      }
    }
  }

  async *stream(request: unknown, { signal }: CallOptions): AsyncGenerator {
    const client = await this.#connection(Infinity, signal);
    if (client === undefined) return;
    const { path, requestSerialize, responseDeserialize } = this.#method;
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
      throw this.#read(error as ServiceError, client);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      call.cancel();
    }
  }

  /** Where there are other nodes, one that hangs does not get all of the time. */
  #tryUntilMs(untilMs: number): number {
    if (this.#isPatient || this.#endpoints.count === 1) return untilMs;
    const nowMs = this.#clock.nowMs();
    return nowMs + Math.max(1, untilMs - nowMs) / 2;
  }

  async #connection(untilMs: number, signal: AbortSignal | undefined): Promise<Client | undefined> {
    try {
      return await this.#endpoints.ready(untilMs, false, signal);
    } catch (error) {
      if (signal?.aborted === true) return undefined;
      throw error;
    }
  }

  async #once(request: unknown, deadlineMs: number, signal: AbortSignal | undefined): Promise<unknown> {
    signal?.throwIfAborted();
    const client = await this.#endpoints.ready(deadlineMs, false, signal);
    // What aborts from here on is heard of below.
    signal?.throwIfAborted();
    return await new Promise<unknown>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = this.#method;
      const onAnswer = (error: ServiceError | null, response?: unknown): void => {
        signal?.removeEventListener('abort', onAbort);
        if (error === null) resolve(response);
        else reject(this.#read(error, client));
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

  /** The error as ours; a node that cannot answer now is asked last. */
  #read(error: ServiceError, client: Client): Error {
    const read = fromServiceError(error);
    if (isReason(read, 'STORE_UNAVAILABLE', 'SHUTTING_DOWN', 'DEADLINE_EXCEEDED'))
      this.#endpoints.leave(client);
    return read;
  }
}
