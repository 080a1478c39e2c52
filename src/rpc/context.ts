/** What the handlers of all services work on. */
import type { Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { ControllerRegistry } from '../controllers/registry.js';
import type { Inventory } from '../inventory/index.js';
import type { Intake } from '../intake/plan-intake.js';
import type { Logger } from '../log/log.js';
import type { NodeRuntime } from '../runtime/node-runtime.js';
import type { SpaceKeeper } from '../runtime/space-keeper.js';
import type { Telemetry } from '../telemetry/index.js';
import type { Store } from '../store/store.js';

/** The node as its API sees it. */
export interface Api {
  readonly runtime: NodeRuntime;
  readonly store: Store;
  readonly controllers: ControllerRegistry;
  readonly space: SpaceKeeper;
  readonly intake: Intake;
  readonly inventory: Inventory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}
