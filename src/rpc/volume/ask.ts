/** Starts the workflow that the built-in orchestrator plans for a request. */
import type { JsonObject } from '../../base/json.js';
import { SubmitWorkflowRequest } from '../../gen/wire/steplock/v1/workflow_service.js';
import type { Workflow } from '../../gen/wire/steplock/v1/workflow.js';
import type { CallInfo } from '../../grpc/adapter.js';
import type { Operation } from '../../orchestrators/index.js';
import type { Api } from '../context.js';
import { submitWorkflow } from '../workflow/submit.js';

/** Who asks, and how it is told from other requests. */
export interface AskedBy {
  readonly requestId: string;
  readonly actor: string;
}

/** The workflow; the same again for the same request id. */
export async function ask(
  api: Api,
  { requestId, actor }: AskedBy,
  operation: Operation,
  args: JsonObject,
  info: CallInfo,
): Promise<Workflow | undefined> {
  const orchestration = { orchestrator: 'storage', operation, arguments: args };
  const request = { ...SubmitWorkflowRequest.fromPartial({ requestId, actor }), orchestration };
  return (await submitWorkflow(api, request, info)).workflow;
}
