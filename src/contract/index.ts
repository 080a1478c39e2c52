export * from './contract.js';
export { defineController } from './define-controller.js';
