/** Serves one gRPC service from a process of its own. */
import { Server, type ServiceDefinition } from '@grpc/grpc-js';
import { AbortScope } from '../base/abort.js';
import { systemClock, type Clock } from '../base/clock.js';
import { systemRandom } from '../base/random.js';
import { adaptService, type Handler } from '../grpc/adapter.js';
import { bindServer, serverOptions, stopServer } from '../grpc/channel.js';
import { silentLogger, type Logger } from '../log/log.js';
import type { SecretSource } from './resolve-secrets.js';

/** How to serve. */
export interface ServeOptions {
  /** host:port; port 0 for any free one. */
  readonly address: string;
  /** @default nowhere */
  readonly log?: Logger;
  /** Where `env` and `file` secrets are looked up; default: nowhere. */
  readonly secrets?: SecretSource;
  /** @default the system's */
  readonly clock?: Clock;
}

/** What is being served. */
export interface Served {
  /** Where it listens, with the port that was taken. */
  readonly endpoint: string;
  /** Stops: takes no call any more, gives those under way `graceMs` to end, then tells them to stop and cuts them off. */
  close(graceMs?: number): Promise<void>;
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const graceMsDefault = 5_000;
/** How long a call may take to stop once it is told to. */
const stopMs = 500;

/**
 * Serves it. `what`: for the log.
 *
 * @throws Error when the address cannot be bound.
 */
export async function serve<T extends ServiceDefinition>(
  service: T,
  handlers: Record<keyof T, Handler>,
  { log = silentLogger, address, what, clock = systemClock }: ServeOptions & { readonly what: string },
): Promise<Served> {
  const shutdown = new AbortScope();
  const server = new Server(serverOptions());
  const { definition, implementation } = adaptService(service, handlers, {
    clock,
    random: systemRandom,
    log,
    shutdown: shutdown.signal,
  });
  server.addService(definition, implementation);
  const endpoint = await bindServer(server, address);
  log.info({ endpoint, kind: what }, 'serves');
  const close = async (graceMs = graceMsDefault): Promise<void> => {
    const cancel = clock.setTimer(graceMs, () => {
      shutdown.abort(new Error('The server is shutting down'));
    });
    await stopServer(server, clock, graceMs + stopMs);
    cancel();
    // Those that were cut off, if there are any.
    shutdown.abort(new Error('The server is shutting down'));
  };
  return {
    endpoint,
    close,
    [Symbol.asyncDispose]: async () => {
      await close();
    },
  };
}
