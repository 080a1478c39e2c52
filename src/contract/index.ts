export * from './contract.js';
export * from './orchestrator.js';
export * from './schema-types.js';
export * from './typed.js';
export { defineController } from './define-controller.js';
