/**
 * The public entry `steplock/client`: for programs that submit plans, watch them and steer them.
 *
 * First the connection and workflows by handle, then the builder of plans, then errors, and last, for other libraries, the
 * calls of each service as the proto has them.
 */
export { connect } from './client.js';
export type { ConnectOptions, SteplockClient, SubmitOptions } from './client.js';
export { WorkflowHandle } from './workflow.js';
export type { Ended, ReasonedOptions, Rested, StopOptions, VerbOptions, WaitOptions } from './workflow.js';
export type { WorkflowUpdate } from './watch.js';
export { watchAll, type NamedUpdate } from './watch-all.js';
export { isFinalState, stateNameOf, type WorkflowStateName } from './state.js';
export { StepState, WorkflowState } from '../gen/wire/steplock/v1/workflow.js';
export type { Step, Stop, Workflow } from '../gen/wire/steplock/v1/workflow.js';

export { basic, controller, newPlan, orchestrator, outputAt, PlanBuilder, secret } from '../builder/index.js';
export type {
  ApprovalOutput,
  Arg,
  BasicMethods,
  GroupRef,
  Locks,
  MethodRef,
  OperationRef,
  OutputRef,
  Ref,
  Secret,
  Settings,
  StepOptions,
  StepRef,
  TypedPlan,
} from '../builder/index.js';
export type { MethodTypes, ObjectOf, Schema, TypesOf } from '../contract/index.js';

export { isReason, SteplockError } from '../errors/index.js';
export type { CallReason, Violation } from '../errors/index.js';

export type { CallOptions, Calls } from './calls.js';
export type { Services } from './client.js';
