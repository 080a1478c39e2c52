/**
 * The public entry `steplock/orchestrator`: what an author of an orchestrator needs, and nothing else.
 *
 * First what plans and answers, then the builder of plans, then what serves it from a process of its own.
 */
export { defineOrchestrator, operation, planned, refused } from './builder/index.js';
export type {
  OperationDefinition,
  OrchestratorDefinition,
  Planned,
  PlannedSettings,
  Refused,
  TypedOperationDefinition,
} from './builder/index.js';
export type { EndNews, OrchestratorPort, PlanContext } from './contract/index.js';

export { basic, controller, newPlan, orchestrator, outputAt, secret } from './builder/index.js';
export type { TypedPlan } from './builder/index.js';

export { serveOrchestrator } from './remote/serve-orchestrator.js';
export type { Served, ServeOptions } from './remote/serve.js';
export { createLogger, silentLogger, type Logger } from './log/log.js';
