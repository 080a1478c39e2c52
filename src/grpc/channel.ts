/** Settings of gRPC channels and servers, in our own words: grpc-js takes a mistyped option without a word. */
import {
  credentials,
  ServerCredentials,
  type ChannelOptions,
  type Client,
  type ClientOptions,
  type Server,
  type ServerOptions,
} from '@grpc/grpc-js';
import type { Clock } from '../base/clock.js';

/** The largest request that a server takes, and what answers keep to where they can be cut. */
export const messageBytesMax = 4 * 1024 * 1024;
/** The largest answer: a single step may have arguments and an output that are much larger on the wire than as JSON. */
const answerBytesMax = 64 * 1024 * 1024;

const keepaliveMs = 30_000;
const keepaliveTimeoutMs = 10_000;

/** Of a client. `isolated`: a connection of its own, not shared with other clients of the same address. */
export function clientOptions(isolated = false): ClientOptions {
  const options: ChannelOptions = {
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
    'grpc.max_receive_message_length': answerBytesMax,
    'grpc.max_send_message_length': messageBytesMax,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5_000,
    ...(isolated ? { 'grpc.use_local_subchannel_pool': 1 } : {}),
  };
  return options;
}

/** Of a server. */
export function serverOptions(): ServerOptions {
  return {
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_send_message_length': answerBytesMax,
  };
}

/** Without encryption: for loopback and for networks that are trusted. */
export const insecure = credentials.createInsecure;

/** Waits until the client's channel is ready; false when it is not by then. A connection attempt has no time of its own. */
export async function isReady(client: Client, deadlineMs: number): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    client.waitForReady(deadlineMs, (error) => {
      resolve(error === undefined);
    });
  });
}

/**
 * Binds host:port, with port 0 for any free one; gives host:port as bound.
 *
 * @throws Error when it cannot be bound.
 */
export async function bindServer(server: Server, address: string): Promise<string> {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new Error(`Cannot listen at ${address}: ${error.message}`, { cause: error }));
    });
  });
  return `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
}

/** tryShutdown never ends while a stream is open (measured on grpc-js 1.14): it gets its time, then force. */
export async function stopServer(server: Server, clock: Clock, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.setTimer(graceMs, () => {
      server.forceShutdown();
      resolve();
    });
    server.tryShutdown(() => {
      cancel();
      resolve();
    });
  });
}
