export * from './contract.js';
export * from './orchestrator.js';
export { defineController } from './define-controller.js';
