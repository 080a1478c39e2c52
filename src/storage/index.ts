export * from './arguments.js';
export * from './facets.js';
export * from './objects.js';
export * from './reasons.js';
export * from './schemas.js';
export { defineStorageController } from './define-storage-controller.js';
export type { StorageControllerOptions } from './define-storage-controller.js';
export type { StorageLimitClass } from './methods.js';
export { deterministicName } from './names.js';
