export { defineOrchestrator, operation, planned, refused } from './define-orchestrator.js';
export type {
  OperationDefinition,
  OrchestratorDefinition,
  Planned,
  PlannedSettings,
  Refused,
  TypedOperationDefinition,
} from './define-orchestrator.js';
export { basic, controller, orchestrator } from './methods.js';
export type { ArgsOf, BasicMethods, MethodRef, OperationRef, OutputOf } from './methods.js';
export { newPlan, outputAt, PlanBuilder } from './plan-builder.js';
export type { ApprovalOutput, NoOutput, TypedPlan } from './plan-builder.js';
export { secret } from './refs.js';
export type { Arg, OutputRef, PlainArg, Ref, Resolved, Secret, SecretSource } from './refs.js';
export { toWireSettings, type Settings } from './settings.js';
export type {
  Awaited,
  CallOptions as StepCallOptions,
  GroupRef,
  Locks,
  StepOptions,
  StepRef,
  UndoOptions,
  WithArgs,
} from './steps.js';
