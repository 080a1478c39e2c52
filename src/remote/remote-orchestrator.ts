/** An orchestrator behind gRPC, as a node asks it. */
import type { Clock } from '../base/clock.js';
import type { ControllerDescription } from '../contract/contract.js';
import type { EndNews, OrchestratorPort, PlanAnswer, PlanContext } from '../contract/orchestrator.js';
import type { DescribeResponse } from '../gen/wire/steplock/v1/controller_service.js';
import {
  OrchestratorServiceClient,
  PlannedWorkflow,
  type OrchestratorServiceEndedRequest,
  type OrchestratorServiceDescribeResponse,
  type OrchestratorServiceEndedResponse,
  type OrchestratorServicePlanResponse,
} from '../gen/wire/steplock/v1/orchestrator_service.js';
import { Stop, workflowStateFromJSON } from '../gen/wire/steplock/v1/workflow.js';
import type { JsonObject } from '../base/json.js';
import { clientOptions, insecure } from '../grpc/channel.js';
import { connect, connectMsMax, invoke, unavailable } from './remote-call.js';

/** An orchestrator behind the network. */
export interface RemoteOrchestrator extends OrchestratorPort {
  /** Lets go of the connection. */
  close(): void;
}

const tellMsMax = 10_000;

/** The orchestrator at that endpoint. Connects when it is first asked. */
export function createRemoteOrchestrator(
  endpoint: string,
  description: ControllerDescription,
  clock: Clock,
): RemoteOrchestrator {
  const client = new OrchestratorServiceClient(endpoint, insecure(), clientOptions());
  const untilConnected = async (deadlineMs: number): Promise<void> => {
    await connect(client, endpoint, Math.min(deadlineMs, clock.nowMs() + connectMsMax));
  };
  return {
    description,
    plan: async ({ parent, tenant, deadlineMs, signal }: PlanContext, operation, args) => {
      await untilConnected(deadlineMs);
      signal.throwIfAborted();
      const deadline = new Date(deadlineMs);
      const response = await invoke<OrchestratorServicePlanResponse>(
        (metadata, options, callback) =>
          client.plan({ operation, arguments: args, parent, tenant, deadline }, metadata, options, callback),
        deadlineMs,
        signal,
      );
      return fromWireAnswer(response);
    },
    ended: async (news: EndNews) => {
      const deadlineMs = clock.nowMs() + tellMsMax;
      await untilConnected(deadlineMs);
      await invoke<OrchestratorServiceEndedResponse>(
        (metadata, options, callback) => client.ended(toWireNews(news), metadata, options, callback),
        deadlineMs,
        undefined,
      );
    },
    close: () => {
      client.close();
    },
  };
}

function fromWireAnswer({ result }: OrchestratorServicePlanResponse): PlanAnswer {
  if (result === undefined) throw new Error('The orchestrator answered nothing');
  if (result.$case === 'failed') return { kind: 'failed', ...result.value };
  const { plan, settings } = PlannedWorkflow.toJSON(result.value) as Record<string, JsonObject | undefined>;
  return { kind: 'planned', plan: plan ?? {}, ...(settings === undefined ? {} : { settings }) };
}

function toWireNews({
  workflow,
  workflowUid,
  sequence,
  state,
  output,
  stop,
}: EndNews): OrchestratorServiceEndedRequest {
  return {
    workflow,
    workflowUid,
    sequence,
    state: workflowStateFromJSON(`WORKFLOW_STATE_${state}`),
    output,
    stop: stop === undefined ? undefined : Stop.fromJSON(stop),
  };
}

/**
 * Asks an orchestrator to describe itself.
 *
 * @throws SteplockError CONTROLLER_UNAVAILABLE
 */
export async function describeRemoteOrchestrator(endpoint: string, clock: Clock): Promise<DescribeResponse> {
  const client = new OrchestratorServiceClient(endpoint, insecure(), clientOptions(true));
  try {
    await connect(client, endpoint, clock.nowMs() + connectMsMax);
    const { description } = await invoke<OrchestratorServiceDescribeResponse>(
      (metadata, options, callback) => client.describe({}, metadata, options, callback),
      clock.nowMs() + tellMsMax,
      undefined,
    );
    if (description === undefined) throw new Error('It described nothing');
    return description;
  } catch (error) {
    throw unavailable(endpoint, error);
  } finally {
    client.close();
  }
}
