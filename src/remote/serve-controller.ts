/** Serves a controller as `steplock.v1.ControllerService`, for authors whose controller runs in a process of its own. */
import { Server } from '@grpc/grpc-js';
import { AbortScope } from '../base/abort.js';
import { systemClock, type Clock } from '../base/clock.js';
import { systemRandom } from '../base/random.js';
import type { CallContext, ControllerPort } from '../contract/contract.js';
import {
  CancelRequest,
  ControllerServiceService,
  DescribeRequest,
  ExecuteRequest,
  PollRequest,
  ProbeRequest,
  type CallContext as WireContext,
} from '../gen/wire/steplock/v1/controller_service.js';
import { adaptService, unary, type CallInfo, type Handler } from '../grpc/adapter.js';
import { bindServer, serverOptions, stopServer } from '../grpc/channel.js';
import type { Logger } from '../log/log.js';
import { fromWireContext, toWirePollResult, toWireProbeResult, toWireResult } from './call-codec.js';
import { toWireDescription } from './description-codec.js';
import { resolveSecrets, type SecretSource } from './resolve-secrets.js';

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

/** A controller that is being served. */
export interface ServedController {
  /** Where it listens, with the port that was taken. */
  readonly endpoint: string;
  /** Stops: calls under way get `graceMs` to end, and are then cut off. */
  close(graceMs?: number): Promise<void>;
}

const graceMsDefault = 5_000;

/**
 * Serves the controller.
 *
 * @throws Error when the address cannot be bound.
 */
export async function serveController(
  port: ControllerPort,
  options: ServeOptions,
): Promise<ServedController> {
  const { log, address, clock = systemClock } = options;
  const shutdown = new AbortScope();
  const server = new Server(serverOptions());
  const { definition, implementation } = adaptService(ControllerServiceService, handlersOf(port, options), {
    clock,
    random: systemRandom,
    log,
    shutdown: shutdown.signal,
  });
  server.addService(definition, implementation);
  const endpoint = await bindServer(server, address);
  log.info({ endpoint, kind: port.description.kind }, 'controller serves');
  return {
    endpoint,
    close: async (graceMs = graceMsDefault) => {
      shutdown.abort(new Error('The controller is shutting down'));
      await stopServer(server, clock, graceMs);
    },
  };
}

function handlersOf(
  port: ControllerPort,
  options: ServeOptions,
): Record<keyof ControllerServiceService, Handler> {
  const { log, secrets } = options;
  const contextOf = (wire: WireContext | undefined, info: CallInfo): CallContext => {
    const context = fromWireContext(wire);
    const { workflow, step, attempt } = context;
    return {
      ...context,
      signal: info.signal,
      // Progress of a call under way is not sent; a Pending's is.
      progress: () => undefined,
      log: log.child({ workflow, step, attempt }),
    };
  };
  return {
    describe: unary(DescribeRequest, async () => await Promise.resolve(toWireDescription(port.description))),
    execute: unary(ExecuteRequest, async (request, info) => {
      const args = await resolveSecrets(request.arguments ?? {}, secrets);
      return toWireResult(await port.execute(contextOf(request.context, info), request.method, args));
    }),
    poll: unary(PollRequest, async (request, info) => {
      const args = await resolveSecrets(request.arguments ?? {}, secrets);
      return toWirePollResult(
        await port.poll(contextOf(request.context, info), request.method, request.task, args),
      );
    }),
    probe: unary(ProbeRequest, async (request, info) => {
      const args = await resolveSecrets(request.arguments ?? {}, secrets);
      return toWireProbeResult(await port.probe(contextOf(request.context, info), request.method, args));
    }),
    cancel: unary(CancelRequest, async (request, info) => {
      await port.cancel(contextOf(request.context, info), request.method, request.task);
      return {};
    }),
  };
}
