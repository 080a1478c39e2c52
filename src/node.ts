/** A whole node: store, runtime, API, put together from its settings and taken apart in the right order. */
import { AbortScope } from './base/abort.js';
import { systemClock } from './base/clock.js';
import type { NodeId } from './base/ids.js';
import { systemRandom } from './base/random.js';
import type { NodeSettings } from './config/settings.js';
import type { ControllerPort } from './contract/contract.js';
import type { OrchestratorPort } from './contract/orchestrator.js';
import { builtInControllers, builtInOrchestrators } from './controllers/built-in.js';
import { loadControllers } from './controllers/load-controllers.js';
import { ControllerRegistry } from './controllers/registry.js';
import { Inventory } from './inventory/index.js';
import type { Logger } from './log/log.js';
import type { Sealer } from './model/secret.js';
import { createRemoteController } from './remote/remote-controller.js';
import { createRemoteOrchestrator } from './remote/remote-orchestrator.js';
import type { SecretSource } from './remote/resolve-secrets.js';
import type { Api } from './rpc/context.js';
import { newsOf } from './rpc/workflow/news.js';
import { createApiServer } from './rpc/server.js';
import { CallbackSender } from './runtime/callback-sender.js';
import { createArchive } from './rpc/workflow/archive.js';
import { ArchiveFile } from './runtime/archive-file.js';
import { IncidentCount, type IncidentCountOptions } from './runtime/incident-count.js';
import { Housekeeper } from './runtime/housekeeper.js';
import { IncidentWebhook, postTo, type IncidentWebhookOptions } from './runtime/incident-webhook.js';
import { NodeRuntime } from './runtime/node-runtime.js';
import { openSealer } from './runtime/open-sealer.js';
import { Retention } from './runtime/retention.js';
import type { NodeRuntimeOptions } from './runtime/runtime-options.js';
import { createSecretVault } from './runtime/secret-vault.js';
import { SpaceKeeper } from './runtime/space-keeper.js';
import { createEmbeddedStore, openEmbeddedStore } from './store/embedded/index.js';
import { createEtcdStore } from './store/etcd/index.js';
import { isLiveWorkflow } from './runtime/live-workflow.js';
import type { Store } from './store/store.js';
import type { Unit, UnitResult } from './store/unit.js';
import { openTelemetry, type NodeTelemetry } from './node-telemetry.js';
import { version } from './version.js';

/** A node that runs. */
export interface SteplockNode {
  /** host:port of its API. */
  readonly address: string;
  /** host:port of its metrics; undefined if it serves none. */
  readonly metricsAddress: string | undefined;
  /** What its API works on; for tests and for programs that embed a node. */
  readonly api: Api;
  /** Waits until it is a member of its cluster. */
  joined(): Promise<void>;
  /** Stops taking work, lets calls under way end for `drainTimeoutMs`, leaves the cluster and lets go of everything. */
  close(): Promise<void>;
}

/** What a node gets beside its settings. */
export interface NodeExtras {
  readonly log: Logger;
  /** The environment, for secrets by reference. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Controllers of this process beside those of the controllers file. */
  readonly controllers?: ReadonlyMap<string, ControllerPort>;
  /** Orchestrators of this process. */
  readonly orchestrators?: ReadonlyMap<string, OrchestratorPort>;
}

/**
 * Starts a node. It listens when this ends; it joins its cluster when the store answers.
 *
 * @throws Error when the address cannot be bound, a file cannot be read, or the data directory is in use.
 */
export async function startNode(settings: NodeSettings, extras: NodeExtras): Promise<SteplockNode> {
  const { log } = extras;
  const clock = systemClock;
  const random = systemRandom;
  const address = (): string => server.address;
  const archiveFile = await openArchive(settings);
  const telemetry = await openTelemetry(settings, extras.env, clock, log);
  const { store, runtime, controllers, sealer, inventory } = await openParts(
    settings,
    extras,
    address,
    telemetry,
  );
  const scope = new AbortScope();
  const isKeeper = (): boolean => runtime.membership?.engine.ownsShard(0) === true;
  const { cache } = runtime;
  const space = new SpaceKeeper({ store, cache, clock, log, isKeeper, historyMs: settings.historyMs });
  const commit = async (unit: Unit): Promise<UnitResult> => await runtime.commit(unit);
  const housekeeper = new Housekeeper({ store, clock, random, log, isKeeper, commit });
  const tellIncidents = openWebhook(settings, { store, cache, clock, random, log, isKeeper, commit });
  const callbacks = new CallbackSender({
    ...{ store, cache, clock, random, log, telemetry, commit },
    ownsShard: (shard) => runtime.membership?.engine.ownsShard(shard) === true,
    findOrchestrator: (name) => controllers.findOrchestrator(name),
    newsOf: async (workflow, record) => await newsOf(api, workflow, record),
  });
  const intake = { controllers, checker: runtime.checker, sealer };
  const api: Api = { runtime, store, controllers, space, intake, inventory, clock, random, log, telemetry };
  const server = await createApiServer(api, settings.listen, clock, settings.hasReflection);
  runtime.start();
  const unfollow = runtime.onMembership((isMember) => {
    server.setServing(isMember);
  });
  const { nodeId } = settings;
  const { signal } = scope;
  const background = [space, housekeeper, callbacks].map(async (each) => {
    await each.run(signal);
  });
  background.push(countIncidents({ store, clock, log, isKeeper }, runtime, telemetry, signal));
  background.push(tellIncidents(signal), retain(api, settings, archiveFile, signal));
  log.info({ node: nodeId, address: server.address, store: settings.store.kind, version }, 'node listens');
  const close = async (): Promise<void> => {
    log.info({ node: settings.nodeId }, 'node is shutting down');
    unfollow();
    // Who asks for health is to send his calls elsewhere from now on.
    server.setServing(false);
    await runtime.drain(settings.drainTimeoutMs);
    await server.close(Math.min(settings.drainTimeoutMs, closeGraceMs));
    await runtime.close();
    scope.abort(new Error('The node is shutting down'));
    await Promise.all(background);
    controllers.close();
    await store.close();
    await telemetry.close();
  };
  const joined = async (): Promise<void> => {
    await runtime.joined();
  };
  return { address: server.address, metricsAddress: telemetry.address, api, joined, close };
}

interface NodeParts {
  readonly store: Store;
  readonly runtime: NodeRuntime;
  readonly controllers: ControllerRegistry;
  readonly sealer: Sealer | undefined;
  readonly inventory: Inventory;
}

/** What a node is, without its network face. */
async function openParts(
  settings: NodeSettings,
  extras: NodeExtras,
  address: () => string,
  telemetry: NodeTelemetry,
): Promise<NodeParts> {
  const { log } = extras;
  const clock = systemClock;
  const random = systemRandom;
  const sealer = await openSealer(settings);
  const store = telemetry.meter(await openStore(settings));
  const commit = async (unit: Unit): Promise<UnitResult> => await runtime.commit(unit);
  const inventory = new Inventory({ store, clock, random, commit });
  const locals = await localControllers(settings, extras, inventory);
  const isLive = async (id: string): Promise<boolean> => await isLiveWorkflow(store, runtime.shards, id);
  const builtIn = builtInOrchestrators(version, inventory, isLive);
  const orchestrators = new Map([...builtIn, ...(extras.orchestrators ?? [])]);
  const runtime: NodeRuntime = new NodeRuntime({
    store,
    clock,
    random,
    log,
    nodeId: settings.nodeId as NodeId,
    address,
    version,
    ...membershipOf(settings),
    ttlMs: settings.leaseTtlMs,
    shards: settings.shards,
    resyncMs: settings.resyncMs,
    controllers: laterRegistry(() => controllers),
    sealer,
    localControllers: [...locals.keys(), ...orchestrators.keys()],
    secrets: createSecretVault(sealer, secretSource(settings, extras)),
    telemetry,
  });
  const controllers: ControllerRegistry = new ControllerRegistry({
    log,
    locals,
    checker: runtime.checker,
    orchestrators,
    connect: (endpoint, description) => createRemoteController(endpoint, description, clock),
    connectOrchestrator: (endpoint, description) => createRemoteOrchestrator(endpoint, description, clock),
  });
  controllers.follow(runtime.cache);
  return { store, runtime, controllers, sealer, inventory };
}

/** The registry follows the cache of the runtime, which needs it: each call looks for it anew. */
function laterRegistry(registry: () => ControllerRegistry): NodeRuntimeOptions['controllers'] {
  return {
    find: (name) => registry().find(name),
    findOrchestrator: (name) => registry().findOrchestrator(name),
    describe: (name) => registry().describe(name),
    describeOrchestrator: (name) => registry().describeOrchestrator(name),
  };
}

/** What of the settings other nodes are to know. */
function membershipOf({
  neighborhood,
  labels,
  capacity,
  capacityOf,
}: NodeSettings): Pick<NodeRuntimeOptions, 'neighborhood' | 'labels' | 'capacity' | 'capacityOf'> {
  return { neighborhood, labels, capacity, capacityOf: new Map(Object.entries(capacityOf)) };
}

/** Lets metrics be sampled, and counts incidents for them if they are served. */
async function countIncidents(
  options: IncidentCountOptions,
  runtime: NodeRuntime,
  telemetry: NodeTelemetry,
  signal: AbortSignal,
): Promise<void> {
  if (telemetry.address === undefined) return;
  const count = new IncidentCount(options);
  telemetry.sampleFrom({ membership: () => runtime.membership, openIncidents: () => count.open });
  await count.run(signal);
}

/** Gives what tells of incidents until its signal aborts; it does nothing without a webhook. */
function openWebhook(
  { incidentWebhook, nodeId, store }: NodeSettings,
  parts: Omit<IncidentWebhookOptions, 'post' | 'nodeId' | 'cluster'>,
): (signal: AbortSignal) => Promise<void> {
  if (incidentWebhook === undefined)
    return async () => {
      await Promise.resolve();
    };
  const cluster = store.kind === 'etcd' ? store.prefix : '';
  const webhook = new IncidentWebhook({ ...parts, post: postTo(incidentWebhook), nodeId, cluster });
  return async (signal) => {
    await webhook.run(signal);
  };
}

function secretSource(settings: NodeSettings, { env }: NodeExtras): SecretSource {
  return { env, envPrefix: settings.secretEnvPrefix, directory: settings.secretDir };
}

const closeGraceMs = 2_000;
const callMsMax = 5_000;

async function openStore(settings: NodeSettings): Promise<Store> {
  const { store } = settings;
  const clock = systemClock;
  const quota = store.quotaBytes === undefined ? {} : { quotaBytes: store.quotaBytes };
  if (store.kind === 'etcd') {
    // A renewal must have time for a second try before the lease is over.
    const callTimeoutMs = Math.min(callMsMax, settings.leaseTtlMs / 2);
    return createEtcdStore({
      endpoints: store.endpoints,
      prefix: store.prefix,
      clock,
      callTimeoutMs,
      ...quota,
    });
  }
  if (store.dataDir === undefined) return createEmbeddedStore({ clock, ...quota });
  return await openEmbeddedStore(store.dataDir, { clock, ...quota });
}

/** Deletes what ended long ago, if that is wanted. */
async function retain(
  api: Api,
  { retentionMs }: NodeSettings,
  archiveFile: ArchiveFile | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (retentionMs === undefined) return;
  const { runtime } = api;
  const retention = new Retention({
    ...api,
    cache: runtime.cache,
    isKeeper: () => runtime.membership?.engine.ownsShard(0) === true,
    commit: async (unit) => await runtime.commit(unit),
    retentionMs,
    archive: archiveFile === undefined ? undefined : createArchive(api, archiveFile),
  });
  await retention.run(signal);
}

async function openArchive({ retentionExportDir, nodeId }: NodeSettings): Promise<ArchiveFile | undefined> {
  if (retentionExportDir === undefined) return undefined;
  return await ArchiveFile.open(retentionExportDir, nodeId, systemClock);
}

async function localControllers(
  settings: NodeSettings,
  { controllers }: NodeExtras,
  inventory: Inventory,
): Promise<Map<string, ControllerPort>> {
  const loaded =
    settings.controllersFile === undefined ? [] : await loadControllers(settings.controllersFile);
  const builtIn = builtInControllers(version, systemClock, inventory);
  return new Map([...builtIn, ...(controllers ?? []), ...loaded]);
}
