export * from './bodies.js';
export * from './hosts.js';
export * from './initiators.js';
export * from './inventory.js';
export * from './names.js';
export { createInventoryController } from './controller.js';
export { partRemovals } from './systems.js';
