/** A controller behind gRPC, as the engine calls it. */
import type { Clock } from '../base/clock.js';
import type { CallContext, ControllerDescription } from '../contract/contract.js';
import type { ControllerPort } from '../contract/contract.js';
import { SteplockError } from '../errors/index.js';
import {
  ControllerServiceClient,
  type CancelResponse,
  type DescribeResponse,
  type ExecuteResponse,
  type PollResponse,
  type ProbeResponse,
} from '../gen/wire/steplock/v1/controller_service.js';
import { clientOptions, insecure } from '../grpc/channel.js';
import { fromWirePollResult, fromWireProbeResult, fromWireResult, toWireContext } from './call-codec.js';
import { connect, connectMsMax, invoke, unavailable, type Start } from './remote-call.js';

/** A controller behind the network. */
export interface RemoteController extends ControllerPort {
  /** Lets go of the connection. Calls under way fail, with an outcome that nobody knows. */
  close(): void;
}

const describeMsMax = 10_000;

/** The controller at that endpoint. Connects when it is first called. */
export function createRemoteController(
  endpoint: string,
  description: ControllerDescription,
  clock: Clock,
): RemoteController {
  const client = new ControllerServiceClient(endpoint, insecure(), clientOptions());
  const call = async <T>(context: CallContext, start: Start<T>): Promise<T> => {
    await connect(client, endpoint, Math.min(context.deadlineMs, clock.nowMs() + connectMsMax));
    context.signal.throwIfAborted();
    return await invoke(start, context.deadlineMs, context.signal, context.traceParent);
  };
  return {
    description,
    resolvesReferences: true,
    execute: async (context, method, args) => {
      const request = { context: toWireContext(context), method, arguments: args };
      const start: Start<ExecuteResponse> = (metadata, options, callback) =>
        client.execute(request, metadata, options, callback);
      const result = fromWireResult(await call(context, start));
      if (result === undefined) throw new Error('The controller answered nothing');
      return result;
    },
    poll: async (context, method, task, args) => {
      const request = { context: toWireContext(context), method, task, arguments: args };
      const start: Start<PollResponse> = (metadata, options, callback) =>
        client.poll(request, metadata, options, callback);
      return fromWirePollResult(await call(context, start));
    },
    probe: async (context, method, args) => {
      const request = { context: toWireContext(context), method, arguments: args };
      const start: Start<ProbeResponse> = (metadata, options, callback) =>
        client.probe(request, metadata, options, callback);
      return fromWireProbeResult(await call(context, start));
    },
    cancel: async (context, method, task) => {
      const request = { context: toWireContext(context), method, task };
      const start: Start<CancelResponse> = (metadata, options, callback) =>
        client.cancel(request, metadata, options, callback);
      await call(context, start);
    },
    close: () => {
      client.close();
    },
  };
}

/**
 * Asks a controller to describe itself.
 *
 * @throws SteplockError CONTROLLER_UNAVAILABLE
 */
export async function describeRemote(endpoint: string, clock: Clock): Promise<DescribeResponse> {
  const client = new ControllerServiceClient(endpoint, insecure(), clientOptions(true));
  try {
    const deadlineMs = clock.nowMs() + describeMsMax;
    await connect(client, endpoint, clock.nowMs() + connectMsMax);
    return await invoke<DescribeResponse>(
      (metadata, options, callback) => client.describe({}, metadata, options, callback),
      deadlineMs,
      undefined,
    );
  } catch (error) {
    if (error instanceof SteplockError && error.reason === 'CONTROLLER_UNAVAILABLE') throw error;
    throw unavailable(endpoint, error);
  } finally {
    client.close();
  }
}
