/** A node without network face and without system: the shipped parts on a clock, a randomness and a store that are given. */
import type { Clock } from '../base/clock.js';
import type { NodeId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import type { ControllerPort, OrchestratorPort } from '../contract/index.js';
import { builtInControllers } from '../controllers/built-in.js';
import { ControllerRegistry } from '../controllers/registry.js';
import { Inventory } from '../inventory/index.js';
import type { Logger } from '../log/log.js';
import { createSchemaChecker } from '../model/schema.js';
import { createSealer } from '../model/secret.js';
import type { Api } from '../rpc/context.js';
import { newsOf } from '../rpc/workflow/news.js';
import { CallbackSender } from '../runtime/callback-sender.js';
import { NodeRuntime } from '../runtime/node-runtime.js';
import { createSecretVault } from '../runtime/secret-vault.js';
import { SpaceKeeper } from '../runtime/space-keeper.js';
import { createEmbeddedStore } from '../store/embedded/index.js';
import type { Unit, UnitResult } from '../store/unit.js';
import { noTelemetry } from '../telemetry/index.js';
import { version } from '../version.js';

/** What it is made of. */
export interface EmbeddedEngineOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly controllers: ReadonlyMap<string, ControllerPort>;
  readonly orchestrators: ReadonlyMap<string, OrchestratorPort>;
  /** Ends what it does in the background. */
  readonly signal: AbortSignal;
}

/** One that runs. */
export interface EmbeddedEngine {
  readonly api: Api;
  /** Rises with every change of its store. */
  readonly revision: number;
}

/** Compiled once for all engines of a process: it is half of a start. */
const checker = createSchemaChecker();
/** Days go by in an instant: what is only looked at again, because news of it might be lost, is looked at seldom. */
const seldomMs = 365 * 24 * 3_600_000;

/** Starts it. It joins when its clock moves. */
export function assembleEngine(options: EmbeddedEngineOptions): EmbeddedEngine {
  const { clock, random, log, orchestrators, signal } = options;
  const store = createEmbeddedStore({ clock });
  const commit = async (unit: Unit): Promise<UnitResult> => await runtime.commit(unit);
  const inventory = new Inventory({ store, clock, random, commit });
  const builtIn = builtInControllers(version, clock, inventory);
  const locals = new Map([...builtIn, ...options.controllers]);
  const sealer = createSealer(Buffer.from(random.hex(32), 'hex'), random);
  const controllers = new ControllerRegistry({
    log,
    locals,
    checker,
    orchestrators,
    connect: noNetwork,
    connectOrchestrator: noNetwork,
  });
  const runtime: NodeRuntime = new NodeRuntime({
    store,
    clock,
    random,
    log,
    checker,
    controllers,
    sealer,
    version,
    nodeId: 'test' as NodeId,
    address: () => '',
    neighborhood: '',
    labels: {},
    ttlMs: seldomMs,
    capacity: 1_000,
    capacityOf: new Map(),
    shards: 1,
    resyncMs: seldomMs,
    lookMs: seldomMs,
    localControllers: [...locals.keys(), ...orchestrators.keys()],
    secrets: createSecretVault(sealer, { env: {}, envPrefix: '', directory: undefined }),
  });
  const { cache } = runtime;
  const space = new SpaceKeeper({ store, cache, clock, log, isKeeper: () => false, historyMs: seldomMs });
  const intake = { controllers, checker, sealer };
  const api: Api = {
    runtime,
    store,
    controllers,
    space,
    intake,
    inventory,
    clock,
    random,
    log,
    telemetry: noTelemetry,
  };
  const callbacks = new CallbackSender({
    ...{ store, cache, clock, random, log, telemetry: noTelemetry, lookMs: seldomMs },
    commit,
    ownsShard: (shard) => runtime.membership?.engine.ownsShard(shard) === true,
    findOrchestrator: (name) => controllers.findOrchestrator(name),
    newsOf: async (workflow, record) => await newsOf(api, workflow, record),
  });
  runtime.start();
  void callbacks.run(signal);
  return {
    api,
    get revision() {
      return cache.cursor;
    },
  };
}

function noNetwork(): never {
  throw new Error('A test engine reaches nothing outside of its process');
}
