/** One node of the simulation: the shipped runtime on a simulated store, network and clock, its controllers watched. */
import type { NodeId } from '../../src/base/ids.js';
import { randomBelow } from '../../src/base/random.js';
import type { CallContext, ControllerPort } from '../../src/contract/index.js';
import { ControllerRegistry } from '../../src/controllers/registry.js';
import { Inventory } from '../../src/inventory/index.js';
import { silentLogger, type Logger } from '../../src/log/log.js';
import type { Api } from '../../src/rpc/context.js';
import { createSchemaChecker } from '../../src/model/schema.js';
import { stateName } from '../../src/model/workflow-state.js';
import { CallbackSender } from '../../src/runtime/callback-sender.js';
import { noTelemetry } from '../../src/telemetry/index.js';
import { NodeRuntime } from '../../src/runtime/node-runtime.js';
import { Retention } from '../../src/runtime/retention.js';
import { SpaceKeeper } from '../../src/runtime/space-keeper.js';
import type { Unit, UnitResult } from '../../src/store/unit.js';
import type { Checker } from './checker.js';
import { createSimController } from './controllers.js';
import type { ModelArray } from './model-array.js';
import { createPlanner, type WrittenPlan } from './planner.js';
import { placeOf } from './places.js';
import { overNetwork } from './remote-port.js';
import { SimProcess } from './scheduler.js';
import { never, resyncMs, sessionTtlMs, SimStore, type SimNetwork } from './sim-store.js';

/** What a node is put into. */
export interface SimNodeOptions {
  readonly nodeId: NodeId;
  readonly process: SimProcess;
  readonly network: SimNetwork;
  readonly array: ModelArray;
  readonly checker: Checker;
  readonly shards: number;
  readonly trace: (line: string) => void;
  /** Plans that its orchestrator gives by name. */
  readonly written?: ReadonlyMap<string, WrittenPlan>;
  /** Whether its log goes into the trace. */
  readonly isTraced: boolean;
  /** How long workflows are kept; undefined for ever. */
  readonly retentionMs: number | undefined;
}

/** Compiled once for all runs: half of their time went into that. */
const schemas = createSchemaChecker();

function noRemote(): never {
  throw new Error('Nothing is remote here');
}

/** Starts it. */
export function startSimNode(options: SimNodeOptions): Api {
  const { nodeId, process, network, shards, isTraced, trace } = options;
  const { clock } = process;
  const place = placeOf(nodeId);
  const { random } = network.scheduler;
  const store = new SimStore(network, process);
  const log = isTraced ? tracingLogger(trace, {}) : silentLogger;
  const locals = controllersOf(options);
  const controllers = new ControllerRegistry({
    locals,
    orchestrators: new Map([['planner', createPlanner(options, options.written ?? new Map())]]),
    connect: noRemote,
    connectOrchestrator: noRemote,
    checker: undefined as never,
    log,
  });
  const runtime = new NodeRuntime({
    store,
    clock,
    random,
    log,
    nodeId,
    address: () => '',
    neighborhood: place.neighborhood,
    version: 'simulated',
    ttlMs: sessionTtlMs,
    labels: place.labels,
    capacity: 1 + randomBelow(random, 8),
    // One node in three has a bound for one of the controllers as well.
    capacityOf: new Map(randomBelow(random, 3) === 0 ? [['local', 1 + randomBelow(random, 3)]] : []),
    shards,
    resyncMs,
    controllers,
    localControllers: [...locals.keys()],
    sealer: undefined,
    checker: schemas,
    secrets: { open: async () => await Promise.resolve(''), seal: () => undefined },
  });
  const { cache } = runtime;
  const space = new SpaceKeeper({ store, cache, clock, log, isKeeper: () => false, historyMs: 60_000 });
  const commitUnit = async (unit: Unit): Promise<UnitResult> => await runtime.commit(unit);
  // It ends with its process, whose clock calls nobody any more.
  void new CallbackSender({
    ...{ store, cache, clock, random, log, telemetry: noTelemetry, commit: commitUnit },
    ownsShard: (shard) => runtime.membership?.engine.ownsShard(shard) === true,
    findOrchestrator: (name) => controllers.findOrchestrator(name),
    newsOf: async (workflow, { sequence, uid, state }) =>
      await Promise.resolve({
        ...{ workflow: workflow.id, workflowUid: uid, sequence, state: stateName(state) },
        ...{ output: undefined, stop: undefined },
      }),
  }).run(new AbortController().signal);
  runtime.start();
  const { retentionMs } = options;
  if (retentionMs !== undefined) {
    const isKeeper = (): boolean => runtime.membership?.engine.ownsShard(0) === true;
    const commit = commitUnit;
    const common = { store, cache, clock, random, log, isKeeper, commit };
    // It ends with its process, whose clock calls nobody any more.
    void new Retention({ ...common, retentionMs, archive: undefined }).run(new AbortController().signal);
  }
  const intake = { controllers, checker: runtime.checker, sealer: undefined };
  const inventory = new Inventory({ store, clock, random, commit: commitUnit });
  return {
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
}

function controllersOf(options: SimNodeOptions): Map<string, ControllerPort> {
  const { process, network, array } = options;
  const local = createSimController({ array, process, network });
  const beyond = new SimProcess('controller', network.scheduler, 0);
  const far = createSimController({
    array,
    process: beyond,
    network: beyondCrashes(network),
  });
  return new Map([
    ['local', watched(options, local)],
    ['remote', watched(options, overNetwork(far, process, network))],
  ]);
}

/** Not a copy: the faults change while it lives. */
function beyondCrashes(network: SimNetwork): SimNetwork {
  return Object.create(network, { mayCrash: { value: () => false } }) as SimNetwork;
}

/** The controller, with the checker told of each call before it is made. */
function watched(options: SimNodeOptions, port: ControllerPort): ControllerPort {
  const { nodeId, checker, trace, network, process } = options;
  const note = (context: CallContext, what: string): void => {
    const step = `${context.direction === 'undo' ? 'undo.' : ''}${context.step}`;
    const token = context.fencingToken.revision;
    trace(`call: ${what} ${context.workflow}/${step} attempt ${context.attempt} token ${token}`);
    if (what === 'execute') checker.onCall(context, nodeId);
    else checker.onAsk(context, nodeId, what);
  };
  /** Around each call the process may die. */
  const around = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    if (network.mayCrash(process, `before call ${what}`)) return await never();
    const answer = await call();
    if (network.mayCrash(process, `after call ${what}`)) return await never();
    return answer;
  };
  return {
    description: port.description,
    execute: async (context, method, args) => {
      note(context, 'execute');
      return await around('execute', async () => await port.execute(context, method, args));
    },
    poll: async (context, method, task, args) => {
      checker.onAsk(context, nodeId, 'poll');
      return await around('poll', async () => await port.poll(context, method, task, args));
    },
    probe: async (context, method, args) => {
      note(context, 'probe');
      return await around('probe', async () => await port.probe(context, method, args));
    },
    cancel: async (context, method, task) => {
      note(context, 'cancel');
      await around('cancel', async () => {
        await port.cancel(context, method, task);
      });
    },
  };
}

function tracingLogger(trace: (line: string) => void, bound: object): Logger {
  const write = (fields: object, message: string): void => {
    const shown = JSON.stringify({ ...bound, ...fields }, (_key, value: unknown) =>
      value instanceof Error ? value.stack : value,
    );
    trace(`log: ${message} ${shown}`);
  };
  return {
    debug: write,
    info: write,
    warn: write,
    error: write,
    child: (fields) => tracingLogger(trace, { ...bound, ...fields }),
  };
}
