/**
 * Between grpc-js and the handlers: the one place where requests are decoded and checked, deadlines become signals and
 * errors become statuses. A handler that throws would leave its caller waiting (measured on grpc-js 1.14); here every
 * call is answered.
 */
import type {
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { BinaryReader } from '@bufbuild/protobuf/wire';
import { AbortScope } from '../base/abort.js';
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { isReason, SteplockError } from '../errors/index.js';
import type { Logger } from '../log/log.js';
import { readTraceParent } from '../telemetry/index.js';
import { decodeChecked, type Decodable, type Decoded } from './checked-decode.js';
import { toStatus } from './status.js';

/** What a call carries beside its request. */
export interface CallInfo {
  /** Aborts when the caller gives up, its deadline passes or the node shuts down. */
  readonly signal: AbortSignal;
  /** When the caller gives up, in milliseconds since 1970; infinite for never. */
  readonly deadlineMs: number;
  /** W3C traceparent of what the call is a part of; empty for none. */
  readonly traceParent: string;
}

/** What adapting needs. */
export interface AdapterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Aborts streams and waits when the node shuts down. */
  readonly shutdown: AbortSignal;
  /** Throws while no call can be answered yet. */
  readonly admit?: () => unknown;
}

/** One method of a service: how its request is decoded, and what handles it. */
export type Handler =
  | {
      readonly kind: 'unary';
      readonly type: Decodable<unknown>;
      readonly handle: (request: never, info: CallInfo) => Promise<unknown>;
    }
  | {
      readonly kind: 'stream';
      readonly type: Decodable<unknown>;
      readonly handle: (request: never, info: CallInfo) => AsyncIterable<unknown>;
    };

/** A method that answers once. */
export function unary<Request, Response>(
  type: { decode(input: BinaryReader, length?: number): Request },
  handle: (request: Request, info: CallInfo) => Promise<Response>,
): Handler {
  return { kind: 'unary', type, handle };
}

/** A method that answers with a stream. */
export function stream<Request, Response>(
  type: { decode(input: BinaryReader, length?: number): Request },
  handle: (request: Request, info: CallInfo) => AsyncIterable<Response>,
): Handler {
  return { kind: 'stream', type, handle };
}

/** A service as grpc-js wants it. */
export function adaptService<Service extends ServiceDefinition>(
  service: Service,
  handlers: { readonly [Name in keyof Service]: Handler },
  options: AdapterOptions,
): { definition: ServiceDefinition; implementation: UntypedServiceImplementation } {
  const definition: Record<string, MethodDefinition<unknown, unknown>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(service) as [string, MethodDefinition<unknown, unknown>][]) {
    const handler = handlers[name as keyof Service];
    definition[name] = {
      ...method,
      requestDeserialize: (bytes: Buffer) => decodeChecked(handler.type, bytes),
    };
    implementation[name] =
      handler.kind === 'unary' ? adaptUnary(name, handler, options) : adaptStream(name, handler, options);
  }
  return { definition: definition, implementation };
}

function adaptUnary(
  name: string,
  handler: Extract<Handler, { kind: 'unary' }>,
  options: AdapterOptions,
): handleUnaryCall<Decoded<unknown>, unknown> {
  return (call, callback) => {
    const scope = callScope(call, options);
    const answer = async (): Promise<unknown> => {
      options.admit?.();
      return await handler.handle(requestOf(call) as never, infoOf(call, scope));
    };
    answer()
      .then(
        (response) => {
          callback(null, response);
        },
        (error: unknown) => {
          callback(toStatus(toSteplockError(name, error, options)));
        },
      )
      .finally(() => {
        scope.close();
      });
  };
}

function adaptStream(
  name: string,
  handler: Extract<Handler, { kind: 'stream' }>,
  options: AdapterOptions,
): handleServerStreamingCall<Decoded<unknown>, unknown> {
  return (call) => {
    const scope = callScope(call, options);
    const pump = async (): Promise<void> => {
      options.admit?.();
      for await (const response of handler.handle(requestOf(call) as never, infoOf(call, scope))) {
        if (!call.write(response)) await drained(call, scope.signal);
      }
    };
    pump()
      .then(
        () => {
          call.end();
        },
        (error: unknown) => {
          const { code, details, metadata } = toStatus(toSteplockError(name, error, options));
          call.emit('error', Object.assign(new Error(details), { code, details, metadata }));
        },
      )
      .finally(() => {
        scope.close();
      });
  };
}

type AnyCall = ServerUnaryCall<Decoded<unknown>, unknown> | ServerWritableStream<Decoded<unknown>, unknown>;

function requestOf(call: AnyCall): unknown {
  if (!call.request.ok) throw call.request.error;
  return call.request.message;
}

/** Aborts when the caller has gone, its deadline has passed, or the node shuts down. */
function callScope(call: AnyCall, { shutdown }: AdapterOptions): AbortScope {
  const scope = new AbortScope(shutdown);
  call.on('cancelled', () => {
    scope.abort(new SteplockError('CANCELLED', 'The caller gave up'));
  });
  return scope;
}

function infoOf(call: AnyCall, scope: AbortScope): CallInfo {
  const deadline = call.getDeadline();
  const [trace = ''] = call.metadata.get('traceparent');
  return {
    signal: scope.signal,
    deadlineMs: deadline instanceof Date ? deadline.getTime() : deadline,
    traceParent: readTraceParent(trace.toString()),
  };
}

async function drained(
  call: ServerWritableStream<Decoded<unknown>, unknown>,
  signal: AbortSignal,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      call.off('drain', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
  signal.throwIfAborted();
}

/** Whatever was thrown as what a caller may know of it: the text of an unexpected error stays in the log. */
function toSteplockError(
  name: string,
  error: unknown,
  { log, random, shutdown }: AdapterOptions,
): SteplockError {
  if (shutdown.aborted)
    return new SteplockError('SHUTTING_DOWN', 'This node is shutting down', { cause: error });
  if (isReason(error, 'INTERNAL') || !(error instanceof SteplockError)) {
    const logId = random.hex(4);
    log.error({ logId, method: name, err: error }, 'call failed by a defect');
    return new SteplockError('INTERNAL', `Internal error (log_id ${logId})`, { metadata: { log_id: logId } });
  }
  if (error.reason === 'LEASE_LOST') {
    return new SteplockError('OUTCOME_UNKNOWN', 'The node lost its session before the store answered', {
      cause: error,
    });
  }
  return error;
}
