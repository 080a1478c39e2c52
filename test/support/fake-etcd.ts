/**
 * A gRPC server with etcd's services that answers as the test says: for what a real etcd does only on a bad day. What
 * the test does not say is answered with UNIMPLEMENTED.
 */
import { createRequire } from 'node:module';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  status,
  type Deadline,
  type GrpcObject,
  type handleBidiStreamingCall,
  type Metadata,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** A call as it came. */
export interface FakeCall {
  /** `Service.Method`. */
  readonly method: string;
  readonly metadata: Metadata;
  readonly deadline: Deadline;
  readonly request: unknown;
}

/** What a unary call is answered with: a message, or a status. */
export type FakeAnswer = object | { readonly code: number; readonly details: string };

/** A stream as the test sees it. */
export type FakeStream = ServerDuplexStream<unknown, unknown>;

/** What is answered, by `Service.Method`. */
export interface FakeHandlers {
  readonly unary?: Readonly<Record<string, (request: unknown) => FakeAnswer | Promise<FakeAnswer>>>;
  readonly streams?: Readonly<Record<string, (stream: FakeStream) => void>>;
}

/** See the head of this file. */
export interface FakeEtcd {
  readonly url: string;
  /** All calls so far. */
  readonly calls: readonly FakeCall[];
  stop(): void;
}

const protoPath = createRequire(import.meta.url).resolve('etcd3/proto/rpc.proto');
const services = ['KV', 'Watch', 'Lease', 'Maintenance'];

/** Starts one on a free port. */
export async function startFakeEtcd(handlers: FakeHandlers): Promise<FakeEtcd> {
  const options = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
  const { etcdserverpb } = loadPackageDefinition(loadSync(protoPath, options)) as {
    etcdserverpb: GrpcObject;
  };
  const calls: FakeCall[] = [];
  const server = new Server();
  for (const name of services) {
    const { service } = etcdserverpb[name] as ServiceClientConstructor;
    const implementation: UntypedServiceImplementation = {};
    for (const [method, { requestStream }] of Object.entries(service)) {
      const path = `${name}.${method}`;
      implementation[method] = requestStream
        ? streamHandler(path, calls, handlers.streams?.[path])
        : unaryHandler(path, calls, handlers.unary?.[path]);
    }
    server.addService(service, implementation);
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    stop: () => {
      server.forceShutdown();
    },
  };
}

function unaryHandler(
  method: string,
  calls: FakeCall[],
  answer: ((request: unknown) => FakeAnswer | Promise<FakeAnswer>) | undefined,
) {
  return (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>): void => {
    calls.push({ method, metadata: call.metadata, deadline: call.getDeadline(), request: call.request });
    const unimplemented = { code: status.UNIMPLEMENTED, details: `${method} is not faked` };
    void Promise.resolve(answer?.(call.request) ?? unimplemented).then((given) => {
      if ('code' in given && 'details' in given) callback(given);
      else callback(null, given);
    });
  };
}

function streamHandler(
  method: string,
  calls: FakeCall[],
  answer: ((stream: FakeStream) => void) | undefined,
): handleBidiStreamingCall<unknown, unknown> {
  return (stream) => {
    calls.push({ method, metadata: stream.metadata, deadline: stream.getDeadline(), request: undefined });
    stream.on('error', () => undefined);
    if (answer === undefined)
      stream.emit('error', { code: status.UNIMPLEMENTED, details: `${method} is not faked` });
    else answer(stream);
  };
}
