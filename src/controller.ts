/**
 * The public entry `steplock/controller`: what an author of a controller needs, and nothing else. A plugin
 * imports from here only. What stands here is kept compatible; what it rests on may change.
 *
 * First what describes and answers, then the errors that a controller throws, then time and JSON.
 */
export { defineController, done, failed, method, notDone, pending, unknown } from './contract/index.js';
export type {
  CallContext,
  ControllerDefinition,
  ControllerDescription,
  ControllerPort,
  Done,
  Effect,
  ExecuteResult,
  Failed,
  FencingToken,
  MethodDefinition,
  MethodDescription,
  MethodTypes,
  NotDone,
  ObjectOf,
  Pending,
  PollResult,
  ProbeResult,
  RetryPolicy,
  Schema,
  Typed,
  TypedMethodDefinition,
  UndoDeclaration,
  UndoneStep,
  Unknown,
} from './contract/index.js';

// Thrown with FENCED when another attempt owns the step, and with CONTROLLER_UNAVAILABLE when nothing was sent.
export { isReason, SteplockError } from './errors/index.js';
export type { CallReason, ErrorDetail } from './errors/index.js';

// A controller in a process of its own.
export { serveController } from './remote/serve-controller.js';
export type { Served, ServeOptions } from './remote/serve.js';

export { createLogger, silentLogger } from './log/log.js';
export type { Logger } from './log/log.js';

export { sleep, systemClock } from './base/clock.js';
export type { CancelTimer, Clock } from './base/clock.js';

export { isJsonObject } from './base/json.js';
export type { JsonObject, JsonValue } from './base/json.js';
