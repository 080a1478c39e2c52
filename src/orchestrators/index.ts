export { createStorageOrchestrator } from './storage.js';
export { exportId } from './export-plans.js';
export { exportHostsMax, volumesMax, type Operation } from './schemas.js';
