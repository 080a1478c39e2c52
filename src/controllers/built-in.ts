/** What every node has in its own process: controllers and orchestrators. */
import type { Clock } from '../base/clock.js';
import type { ControllerPort } from '../contract/contract.js';
import type { OrchestratorPort } from '../contract/orchestrator.js';
import { createInventoryController, type Inventory } from '../inventory/index.js';
import { createStorageOrchestrator } from '../orchestrators/index.js';
import { createBasicController } from './basic.js';

/** Controllers by name. */
export function builtInControllers(
  version: string,
  clock: Clock,
  inventory: Inventory,
): Map<string, ControllerPort> {
  return new Map([
    ['basic', createBasicController(version, clock)],
    ['inventory', createInventoryController(inventory, version)],
  ]);
}

/** Orchestrators by name; `isLive` tells whether a workflow has not ended. */
export function builtInOrchestrators(
  version: string,
  inventory: Inventory,
  isLive: (workflow: string) => Promise<boolean>,
): Map<string, OrchestratorPort> {
  return new Map([['storage', createStorageOrchestrator(inventory, isLive, version)]]);
}
