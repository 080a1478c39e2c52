/** WorkflowService: which handler answers which method. */
import {
  AddStepsRequest,
  ApproveStepRequest,
  CancelWorkflowRequest,
  CreateWorkflowRequest,
  DeleteWorkflowRequest,
  ExplainWorkflowRequest,
  GetStepRequest,
  GetWorkflowRequest,
  ListStepsRequest,
  ListWorkflowsRequest,
  PlanWorkflowRequest,
  RejectStepRequest,
  ResumeWorkflowRequest,
  RetryStepRequest,
  RollbackWorkflowRequest,
  SendSignalRequest,
  SkipStepRequest,
  StartWorkflowRequest,
  SubmitWorkflowRequest,
  SuspendWorkflowRequest,
  WaitWorkflowRequest,
  WatchWorkflowRequest,
  type WorkflowServiceService,
} from '../../gen/wire/steplock/v1/workflow_service.js';
import type { Workflow } from '../../gen/wire/steplock/v1/workflow.js';
import { stream, unary, type CallInfo, type Handler } from '../../grpc/adapter.js';
import type { Api } from '../context.js';
import { addSteps, createWorkflow, startWorkflow } from './draft.js';
import { explainWorkflow } from './explain.js';
import { listWorkflows } from './list.js';
import { checkId, parseStepName, parseWorkflowName } from './names.js';
import { planWorkflow } from './preview.js';
import { getStep, getWorkflow, listSteps, readSnapshot } from './read.js';
import { submitWorkflow } from './submit.js';
import { traced } from '../traced.js';
import { askOwner, cancelsRunning, takePayload, takeSkipOutput, type VerbCall } from './verbs.js';
import { waitWorkflow, watchWorkflow } from './watch.js';
import { invalidField } from '../../errors/index.js';

/** See above. */
export function workflowHandlers(api: Api): { readonly [Name in keyof WorkflowServiceService]: Handler } {
  return {
    createWorkflow: unary(
      CreateWorkflowRequest,
      async (request, info) =>
        await traced(
          api,
          'CreateWorkflow',
          info,
          async (within) => await createWorkflow(api, request, within),
        ),
    ),
    addSteps: unary(AddStepsRequest, async (request) => await addSteps(api, request)),
    startWorkflow: unary(StartWorkflowRequest, async (request) => await startWorkflow(api, request)),
    submitWorkflow: unary(
      SubmitWorkflowRequest,
      async (request, info) =>
        await traced(
          api,
          'SubmitWorkflow',
          info,
          async (within) => await submitWorkflow(api, request, within),
        ),
    ),
    planWorkflow: unary(PlanWorkflowRequest, async (request) => await planWorkflow(api, request)),
    getWorkflow: unary(GetWorkflowRequest, async (request) => await getWorkflow(api, request)),
    listWorkflows: unary(ListWorkflowsRequest, async (request) => await listWorkflows(api, request)),
    watchWorkflow: stream(WatchWorkflowRequest, (request, info) => watchWorkflow(api, request, info)),
    waitWorkflow: unary(WaitWorkflowRequest, async (request, info) => await waitWorkflow(api, request, info)),
    listSteps: unary(ListStepsRequest, async (request) => await listSteps(api, request)),
    getStep: unary(GetStepRequest, async (request) => await getStep(api, request)),
    explainWorkflow: unary(ExplainWorkflowRequest, async (request) => await explainWorkflow(api, request)),
    ...verbHandlers(api),
  };
}

type VerbName =
  | 'suspendWorkflow'
  | 'resumeWorkflow'
  | 'cancelWorkflow'
  | 'rollbackWorkflow'
  | StepVerbName
  | 'deleteWorkflow';

interface VerbRequest {
  readonly name: string;
  readonly requestId: string;
  readonly actor: string;
  readonly reason?: string;
}

type Ask = (
  request: VerbRequest,
  info: CallInfo,
  call: Pick<VerbCall, 'verb' | 'body'> & Partial<VerbCall>,
) => Promise<{ workflow: Workflow | undefined }>;

function verbHandlers(api: Api): Readonly<Record<VerbName, Handler>> {
  const ask: Ask = async (request, info, call) => {
    const { requestId, actor, reason = '' } = request;
    const workflow = call.workflow ?? parseWorkflowName(api, request.name);
    return { workflow: await askOwner(api, { requestId, actor, reason, ...call, workflow }, info) };
  };
  return {
    suspendWorkflow: unary(
      SuspendWorkflowRequest,
      async (request, info) =>
        await ask(request, info, { verb: 'suspend', body: SuspendWorkflowRequest.toJSON(request) }),
    ),
    resumeWorkflow: unary(
      ResumeWorkflowRequest,
      async (request, info) =>
        await ask(request, info, { verb: 'resume', body: ResumeWorkflowRequest.toJSON(request) }),
    ),
    cancelWorkflow: unary(CancelWorkflowRequest, async (request, info) => {
      const { keep, runningSteps } = request;
      const cancelRunning = cancelsRunning(runningSteps, true);
      const body = CancelWorkflowRequest.toJSON(request);
      return await ask(request, info, { verb: 'cancel', body, keep, cancelRunning });
    }),
    rollbackWorkflow: unary(RollbackWorkflowRequest, async (request, info) => {
      const cancelRunning = cancelsRunning(request.runningSteps, false);
      return await ask(request, info, {
        verb: 'rollback',
        body: RollbackWorkflowRequest.toJSON(request),
        cancelRunning,
      });
    }),
    ...stepVerbHandlers(api, ask),
    deleteWorkflow: unary(DeleteWorkflowRequest, async (request, info) => {
      await ask(request, info, { verb: 'delete', body: DeleteWorkflowRequest.toJSON(request) });
      return {};
    }),
  };
}

type StepVerbName = 'retryStep' | 'skipStep' | 'approveStep' | 'rejectStep' | 'sendSignal';

function stepVerbHandlers(api: Api, ask: Ask): Readonly<Record<StepVerbName, Handler>> {
  return {
    retryStep: unary(RetryStepRequest, async (request, info) => {
      const { workflow, step } = parseStepName(api, request.name);
      needReason(request.reason);
      return await ask(request, info, {
        verb: 'retry',
        body: RetryStepRequest.toJSON(request),
        workflow,
        step,
      });
    }),
    skipStep: unary(SkipStepRequest, async (request, info) => {
      const { workflow, step } = parseStepName(api, request.name);
      needReason(request.reason);
      const output = takeSkipOutput(api, await readSnapshot(api, workflow), step, request.output);
      return await ask(request, info, {
        verb: 'skip',
        body: SkipStepRequest.toJSON(request),
        workflow,
        step,
        output,
      });
    }),
    approveStep: unary(ApproveStepRequest, async (request, info) => {
      const { workflow, step } = parseStepName(api, request.name);
      const body = ApproveStepRequest.toJSON(request);
      return await ask(request, info, { verb: 'approve', body, workflow, step });
    }),
    rejectStep: unary(RejectStepRequest, async (request, info) => {
      const { workflow, step } = parseStepName(api, request.name);
      needReason(request.reason);
      const body = RejectStepRequest.toJSON(request);
      return await ask(request, info, { verb: 'reject', body, workflow, step });
    }),
    sendSignal: unary(SendSignalRequest, async (request, info) => {
      const workflow = parseWorkflowName(api, request.name);
      const { signal } = request;
      checkId(signal, 'signal');
      const output = takePayload(api, await readSnapshot(api, workflow), request.payload);
      const body = SendSignalRequest.toJSON(request);
      return await ask(request, info, { verb: 'signal', body, workflow, signal, output });
    }),
  };
}

/** What is done to a single step stands in its record: later it must be clear why. */
function needReason(reason: string): void {
  if (reason === '') throw invalidField('reason', 'must be given');
}
