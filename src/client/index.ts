/** The public entry `steplock/client`. */
export { connect, type ConnectOptions, type SteplockClient } from './client.js';
export type { CallOptions, Calls } from './calls.js';
export { isReason, SteplockError } from '../errors/index.js';
export type { CallReason, Violation } from '../errors/index.js';
