/** What a node without its network face is made with. */
import type { Clock } from '../base/clock.js';
import type { NodeId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import type { ControllerDirectory, SecretVault } from '../dispatcher/ports.js';
import type { Intake } from '../intake/plan-intake.js';
import type { SchemaChecker } from '../model/schema.js';
import type { Sealer } from '../model/secret.js';
import type { Logger } from '../log/log.js';
import type { Telemetry } from '../telemetry/index.js';
import type { Store } from '../store/store.js';

/** See above. */
export interface NodeRuntimeOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly nodeId: NodeId;
  /** Where its API listens, host:port, asked when it joins; empty if it has none. */
  readonly address: () => string;
  readonly neighborhood: string;
  readonly version: string;
  /** How long its claims outlive it. */
  readonly ttlMs: number;
  /** What steps can ask for. */
  readonly labels: Readonly<Record<string, string>>;
  /** Steps that it runs at once. */
  readonly capacity: number;
  /** Of these controllers, at most so many steps of that. */
  readonly capacityOf: ReadonlyMap<string, number>;
  /** How many shards a new cluster gets. */
  readonly shards: number;
  /** How often everything cached is listed and compared. */
  readonly resyncMs: number;
  readonly controllers: ControllerDirectory & Intake['controllers'];
  /** Seals secrets; undefined when the node has no key. */
  readonly sealer: Sealer | undefined;
  /** Names of the controllers in this process. */
  readonly localControllers: readonly string[];
  readonly secrets: SecretVault;
  /** What it checks arguments with, by default its own: many nodes of one process spare themselves the compiling. */
  readonly checker?: SchemaChecker;
  /**
   * How often it looks again at what it is told of anyway: who owns which shard, which claims are its own. Where days go
   * by in an instant, seldom. @default 1 s and 10 s
   */
  readonly lookMs?: number;
  /** @default off */
  readonly telemetry?: Telemetry;
}
