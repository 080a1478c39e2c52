/** Requests with what a test says and nothing else. */
import type { Plan } from '../../../src/gen/wire/steplock/v1/plan.js';
import {
  AddStepsRequest,
  CancelWorkflowRequest,
  CreateWorkflowRequest,
  DeleteWorkflowRequest,
  RetryStepRequest,
  SkipStepRequest,
  StartWorkflowRequest,
  SubmitWorkflowRequest,
  SuspendWorkflowRequest,
} from '../../../src/gen/wire/steplock/v1/workflow_service.js';
import { newUuid } from '../../../src/base/ids.js';
import { systemRandom } from '../../../src/base/random.js';

const fresh = (): { requestId: string } => ({ requestId: newUuid(systemRandom) });

/** SubmitWorkflow of a plan; `partial` merges deeply, and would lose what a test says of its steps. */
export function submission(plan: Plan, more: Partial<SubmitWorkflowRequest> = {}): SubmitWorkflowRequest {
  return { ...SubmitWorkflowRequest.fromPartial(fresh()), plan, ...more };
}

/** CreateWorkflow. */
export function creation(more: Partial<CreateWorkflowRequest> = {}): CreateWorkflowRequest {
  return { ...CreateWorkflowRequest.fromPartial(fresh()), ...more };
}

/** AddSteps of a plan's steps and groups. */
export function addition(
  name: string,
  { steps, groups }: Plan,
  more: Partial<AddStepsRequest> = {},
): AddStepsRequest {
  return { ...AddStepsRequest.fromPartial(fresh()), name, steps, groups, ...more };
}

/** StartWorkflow. */
export function start(name: string, more: Partial<StartWorkflowRequest> = {}): StartWorkflowRequest {
  return { ...StartWorkflowRequest.fromPartial(fresh()), name, ...more };
}

/** SuspendWorkflow, and ResumeWorkflow, whose request has the same form. */
export function verb(name: string, more: Partial<SuspendWorkflowRequest> = {}): SuspendWorkflowRequest {
  return { ...SuspendWorkflowRequest.fromPartial(fresh()), name, ...more };
}

/** CancelWorkflow, and RollbackWorkflow, which does not look at `keep`. */
export function stop(name: string, more: Partial<CancelWorkflowRequest> = {}): CancelWorkflowRequest {
  return { ...CancelWorkflowRequest.fromPartial(fresh()), name, ...more };
}

/** RetryStep. */
export function retry(
  workflow: string,
  step: string,
  more: Partial<RetryStepRequest> = {},
): RetryStepRequest {
  const name = `${workflow}/steps/${step}`;
  return { ...RetryStepRequest.fromPartial(fresh()), name, reason: 'it was seen to', ...more };
}

/** SkipStep. */
export function skip(workflow: string, step: string, more: Partial<SkipStepRequest> = {}): SkipStepRequest {
  const name = `${workflow}/steps/${step}`;
  return { ...SkipStepRequest.fromPartial(fresh()), name, reason: 'it is not needed', ...more };
}

/** DeleteWorkflow. */
export function deletion(name: string, more: Partial<DeleteWorkflowRequest> = {}): DeleteWorkflowRequest {
  return { ...DeleteWorkflowRequest.fromPartial(fresh()), name, ...more };
}
