/** Serves one gRPC service from a process of its own. */
import { Server, type ServiceDefinition } from '@grpc/grpc-js';
import { AbortScope } from '../base/abort.js';
import { systemClock, type Clock } from '../base/clock.js';
import { systemRandom } from '../base/random.js';
import { adaptService, type Handler } from '../grpc/adapter.js';
import { bindServer, serverOptions, stopServer } from '../grpc/channel.js';
import type { Logger } from '../log/log.js';
import type { SecretSource } from './resolve-secrets.js';

/** How to serve. */
export interface ServeOptions {
  /** host:port; port 0 for any free one. */
  readonly address: string;
  readonly log: Logger;
  /** Where `env` and `file` secrets are looked up; default: nowhere. */
  readonly secrets?: SecretSource;
  /** @default the system's */
  readonly clock?: Clock;
}

/** What is being served. */
export interface Served {
  /** Where it listens, with the port that was taken. */
  readonly endpoint: string;
  /** Stops: calls under way get `graceMs` to end, and are then cut off. */
  close(graceMs?: number): Promise<void>;
}

const graceMsDefault = 5_000;

/**
 * Serves it. `what`: for the log.
 *
 * @throws Error when the address cannot be bound.
 */
export async function serve<T extends ServiceDefinition>(
  service: T,
  handlers: Record<keyof T, Handler>,
  { log, address, what, clock = systemClock }: ServeOptions & { readonly what: string },
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
  return {
    endpoint,
    close: async (graceMs = graceMsDefault) => {
      shutdown.abort(new Error('The server is shutting down'));
      await stopServer(server, clock, graceMs);
    },
  };
}
