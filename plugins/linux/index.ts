/** The `linux` storage controller. See README.md. */
export { createLinuxAdapter, createLinuxController } from './controller.js';
export { linuxFaultPoints } from './fault-points.js';
export type { FaultHook, LinuxFaultPoint } from './fault-points.js';
export type { LinuxControllerOptions, LinuxSystem, TgtdAddress } from './options.js';
export { restoreExports } from './restore-exports.js';
export type { RestoreOptions, RestoreReport } from './restore-exports.js';
export type { LinuxFailure } from './refusal.js';
export type { ChildOptions, ChildResult, RunChild } from './child-process.js';
