/** Serves an orchestrator as `steplock.v1.OrchestratorService`, for authors whose orchestrator runs in a process of its own. */
import type { OrchestratorPort, PlanAnswer } from '../contract/orchestrator.js';
import { Stop, workflowStateToJSON } from '../gen/wire/steplock/v1/workflow.js';
import {
  OrchestratorServiceDescribeRequest,
  OrchestratorServiceEndedRequest,
  OrchestratorServicePlanRequest,
  OrchestratorServiceService,
  PlannedWorkflow,
  type OrchestratorServicePlanResponse,
} from '../gen/wire/steplock/v1/orchestrator_service.js';
import type { JsonObject } from '../base/json.js';
import { unary } from '../grpc/adapter.js';
import { toWireDescription } from './description-codec.js';
import { serve, type Served, type ServeOptions } from './serve.js';

/**
 * Serves the orchestrator.
 *
 * @throws Error when the address cannot be bound.
 */
export async function serveOrchestrator(port: OrchestratorPort, options: ServeOptions): Promise<Served> {
  return await serve(
    OrchestratorServiceService,
    {
      describe: unary(
        OrchestratorServiceDescribeRequest,
        async () => await Promise.resolve({ description: toWireDescription(port.description) }),
      ),
      plan: unary(OrchestratorServicePlanRequest, async (request, info) => {
        const { operation, parent, tenant, deadline } = request;
        const deadlineMs = deadline?.getTime() ?? Number.MAX_SAFE_INTEGER;
        const context = { parent, tenant, deadlineMs, signal: info.signal };
        return toWireAnswer(await port.plan(context, operation, request.arguments ?? {}));
      }),
      ended: unary(OrchestratorServiceEndedRequest, async (request) => {
        const { workflow, workflowUid, sequence, output, stop } = request;
        const state = workflowStateToJSON(request.state).replace(/^WORKFLOW_STATE_/, '');
        const shown = stop === undefined ? undefined : (Stop.toJSON(stop) as JsonObject);
        await port.ended({ workflow, workflowUid, sequence, state, output, stop: shown });
        return {};
      }),
    },
    { ...options, what: port.description.kind },
  );
}

function toWireAnswer(answer: PlanAnswer): OrchestratorServicePlanResponse {
  if (answer.kind === 'failed') {
    const { reason, message, retryable } = answer;
    return { result: { $case: 'failed', value: { reason, message, retryable } } };
  }
  const { plan, settings } = answer;
  return { result: { $case: 'planned', value: PlannedWorkflow.fromJSON({ plan, settings }) } };
}
