/** Serves a controller as `steplock.v1.ControllerService`, for authors whose controller runs in a process of its own. */
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
import { silentLogger } from '../log/log.js';
import { unary, type CallInfo, type Handler } from '../grpc/adapter.js';
import { fromWireContext, toWirePollResult, toWireProbeResult, toWireResult } from './call-codec.js';
import { toWireDescription } from './description-codec.js';
import { resolveSecrets } from './resolve-secrets.js';
import { serve, type Served, type ServeOptions } from './serve.js';

/**
 * Serves the controller.
 *
 * @throws Error when the address cannot be bound.
 */
export async function serveController(port: ControllerPort, options: ServeOptions): Promise<Served> {
  const what = port.description.kind;
  return await serve(ControllerServiceService, handlersOf(port, options), { ...options, what });
}

function handlersOf(
  port: ControllerPort,
  options: ServeOptions,
): Record<keyof ControllerServiceService, Handler> {
  const { log = silentLogger, secrets } = options;
  const contextOf = (wire: WireContext | undefined, info: CallInfo): CallContext => {
    const context = fromWireContext(wire);
    const { workflow, step, attempt } = context;
    return {
      ...context,
      ...(info.traceParent === '' ? {} : { traceParent: info.traceParent }),
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
