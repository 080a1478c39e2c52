/** One simulated run: a store, a model array, one node with the shipped code, a client that submits, an operator. */
import type { NodeId } from '../../src/base/ids.js';
import { randomBelow } from '../../src/base/random.js';
import { SteplockError } from '../../src/errors/index.js';
import { isFinal, stateName } from '../../src/model/workflow-state.js';
import type { Api } from '../../src/rpc/context.js';
import { Mvcc } from '../../src/store/embedded/index.js';
import { Checker } from './checker.js';
import { Client } from './client.js';
import { drawFaults, noFaults, type Faults } from './faults.js';
import { ModelArray } from './model-array.js';
import { Operator } from './operator.js';
import { RetentionRules } from './retention-rules.js';
import { Scheduler, SimProcess } from './scheduler.js';
import { startSimNode } from './sim-node.js';
import type { SimNetwork } from './sim-store.js';

/** What a run is made of. */
export interface WorldOptions {
  readonly seed: number;
  readonly workflowsMax: number;
  readonly stepsMax: number;
  /** Faults in place of those that the seed draws. */
  readonly faults?: Faults;
  /** Gets each line of the trace. */
  readonly onTrace?: (line: string) => void;
  /** Does something to the run before it begins, e.g. to put a mutant in. */
  readonly prepare?: (world: World) => void;
}

/** What came of a run. */
export interface RunResult {
  readonly seed: number;
  readonly events: number;
  readonly crashes: number;
  readonly workflows: number;
  /** How many workflows ended in which state. */
  readonly ends: Readonly<Record<string, number>>;
  /** What was broken; undefined if nothing was. */
  readonly failure: string | undefined;
}

const shards = 4;
const nodesMax = 3;
const faultyMs = 60_000;
const endMs = 3_600_000;

interface Instance {
  readonly process: SimProcess;
  readonly api: Api;
  isClosing: boolean;
}

/** See the head of this file. */
export class World {
  readonly scheduler: Scheduler;
  readonly server: Mvcc;
  readonly array: ModelArray;
  readonly checker: Checker;
  readonly network: SimNetwork;
  readonly #options: WorldOptions;
  readonly #instances = new Map<NodeId, Instance>();
  readonly #client: Client;
  readonly #operator: Operator;
  readonly #retention: RetentionRules;
  #failure: string | undefined;
  #crashes = 0;
  #started = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.scheduler = new Scheduler(options.seed);
    this.server = new Mvcc({ clock: { monotonicMs: () => this.scheduler.nowMs } });
    this.checker = new Checker(this.server, shards, (message) => {
      this.#fail(message);
    });
    this.array = new ModelArray(
      () => this.scheduler.nowMs,
      (effect) => {
        this.trace(
          `array: ${effect.kind} ${effect.context.workflow}/${effect.context.step} (attempt ${effect.context.attempt}, ${effect.context.direction})`,
        );
        this.checker.onEffect(effect);
      },
    );
    this.checker.array = this.array;
    this.#retention = new RetentionRules(this.server, () => this.scheduler.nowMs);
    // Not drawn: the other runs are to stay as they are.
    this.#retention.retentionMs = options.seed % 3 === 0 ? 20_000 : undefined;
    this.checker.retention = this.#retention;
    this.network = {
      scheduler: this.scheduler,
      server: this.server,
      faults: options.faults ?? drawFaults(this.scheduler.random),
      storeStalledUntilMs: 0,
      mayCrash: (process, point) => this.#mayCrash(process, point),
      trace: (line) => {
        this.trace(line);
      },
    };
    const { scheduler, server, checker } = this;
    const view = {
      scheduler,
      server,
      checker,
      anyApi: () => this.#anyApi(),
      mayBeGone: () => this.#retention.retentionMs !== undefined,
      trace: this.network.trace,
      onError: (what: string, error: unknown) => {
        this.#expectRefusal(what, error);
      },
      fail: (message: string) => {
        this.#fail(message);
      },
    };
    this.#client = new Client(view, options.stepsMax);
    this.#operator = new Operator(view);
  }

  /** Writes a line of the trace. */
  trace(line: string): void {
    this.#options.onTrace?.(`${this.scheduler.nowMs.toFixed(1).padStart(9)}  ${line}`);
  }

  /** Runs it. */
  async run(): Promise<RunResult> {
    this.#options.prepare?.(this);
    this.trace(`faults: ${JSON.stringify(this.network.faults)}`);
    const { random } = this.scheduler;
    const nodes = 1 + randomBelow(random, nodesMax);
    for (let index = 1; index <= nodes; index++) this.#startNode(`n${index}` as NodeId);
    this.#expireLeases();
    this.#operator.hasLimits = randomBelow(random, 2) === 0;
    this.#operator.setPolicy([]);
    const count = 1 + randomBelow(random, this.#options.workflowsMax);
    // All at once in one run out of two: what wants the same then comes within one transaction.
    const spreadMs = randomBelow(random, 2) === 0 ? 5 : 10_000;
    for (let index = 0; index < count; index++) this.#client.submit(random.next() * spreadMs);
    this.#everySecond();
    this.#everyQuarter();
    await this.#runUntil(() => false, faultyMs);
    this.trace('the faults are over');
    this.#operator.setPolicy([]);
    (this.network as { faults: Faults }).faults = noFaults;
    await this.#runUntil(() => this.#hasAllEnded(), faultyMs + 600_000);
    this.#operator.resolveForEver();
    await this.#runUntil(() => this.#hasAllEnded(), endMs);
    const keys = this.#client.ids.map((id) => this.checker.keyOf(id));
    await this.#runUntil(() => this.#retention.isTidy(keys), endMs + 600_000);
    if (this.#failure === undefined) this.#checkEnd();
    for (const { process } of this.#instances.values()) process.kill();
    return this.#result();
  }

  async #runUntil(isDone: () => boolean, untilMs: number): Promise<void> {
    if (this.#failure !== undefined) return;
    const isOver = (): boolean => this.#failure !== undefined || isDone();
    await this.scheduler.runUntil(isOver, untilMs, () => undefined);
  }

  #result(): RunResult {
    const ends: Record<string, number> = {};
    for (const id of this.#client.ids) {
      const name = this.checker.headOf(id) === undefined ? 'DELETED' : stateName(this.checker.stateOf(id));
      ends[name] = (ends[name] ?? 0) + 1;
    }
    return {
      seed: this.#options.seed,
      events: this.scheduler.ran,
      crashes: this.#crashes,
      workflows: this.#client.ids.length,
      ends,
      failure: this.#failure,
    };
  }

  #fail(message: string): void {
    this.trace(`BROKEN: ${message}`);
    this.#failure ??= message;
  }

  #mayCrash(process: SimProcess, point: string): boolean {
    if (process.isDead) return true;
    if (this.scheduler.random.next() >= this.network.faults.crash) return false;
    this.trace(`${process.name} dies ${point}`);
    this.#crashes += 1;
    process.kill();
    for (const [nodeId, instance] of this.#instances) {
      if (instance.process === process) this.#startLater(nodeId);
    }
    return true;
  }

  #startLater(nodeId: NodeId): void {
    this.#instances.delete(nodeId);
    this.scheduler.after(8_000 * this.scheduler.random.next(), () => {
      this.#startNode(nodeId);
    });
  }

  /** A node of those that run, at random. */
  #anyApi(): Api | undefined {
    const apis = [...this.#instances.values()]
      .map(({ api }) => api)
      .filter((api) => api.runtime.facts !== undefined);
    return apis[randomBelow(this.scheduler.random, Math.max(1, apis.length))];
  }

  /** A node is stopped in an orderly way, and started again later. */
  #drainOne(): void {
    const entries = [...this.#instances];
    const [nodeId, instance] = entries[randomBelow(this.scheduler.random, Math.max(1, entries.length))] ?? [];
    if (nodeId === undefined || instance === undefined || instance.isClosing) return;
    instance.isClosing = true;
    this.trace(`${instance.process.name} (${nodeId}) is told to end`);
    const { runtime } = instance.api;
    void runtime
      .drain(5_000)
      .then(async () => {
        await runtime.close();
      })
      .then(() => {
        if (instance.process.isDead) return;
        this.trace(`${instance.process.name} has ended`);
        instance.process.kill();
        this.#startLater(nodeId);
      });
  }

  #startNode(nodeId: NodeId): void {
    this.#started += 1;
    const { scheduler, network, array, checker } = this;
    // One clock in four is up to half an hour off, as when nobody set it.
    const rangeMs = randomBelow(scheduler.random, 4) === 0 ? 3_600_000 : 5_000;
    const skewMs = rangeMs * (scheduler.random.next() - 0.5);
    const process = new SimProcess(`${nodeId}#${this.#started}`, scheduler, skewMs);
    this.trace(`${process.name} starts`);
    const trace = (line: string): void => {
      this.trace(line);
    };
    const isTraced = this.#options.onTrace !== undefined;
    const { retentionMs } = this.#retention;
    const parts = { nodeId, process, network, array, checker, shards, trace, isTraced, retentionMs };
    const api = startSimNode(parts);
    this.#instances.set(nodeId, { process, api, isClosing: false });
    // It may have died before it had started.
    if (process.isDead) this.#startLater(nodeId);
  }

  #expireLeases(): void {
    this.server.expireLeases();
    this.scheduler.after(100, () => {
      this.#expireLeases();
    });
  }

  /** A refusal is an answer; anything else is a defect. */
  #expectRefusal(what: string, error: unknown): void {
    if (error instanceof SteplockError && error.reason !== 'INTERNAL')
      this.trace(`${what}: ${error.message}`);
    else this.#fail(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }

  #everySecond(): void {
    const { random } = this.scheduler;
    const { faults } = this.network;
    if (random.next() < faults.drain) this.#drainOne();
    // Somebody holds a system, or releases it.
    if (random.next() < faults.hold) this.#operator.setPolicy(random.next() < 0.5 ? [] : ['sys-1']);
    if (random.next() < faults.compaction) this.server.compact(this.server.revision);
    this.scheduler.after(1_000, () => {
      this.#everySecond();
    });
  }

  #everyQuarter(): void {
    if (this.scheduler.random.next() < this.network.faults.operator) this.#operator.operate();
    this.scheduler.after(250, () => {
      this.#everyQuarter();
    });
  }

  #hasAllEnded(): boolean {
    return !this.#client.isWaiting && this.#unended().length === 0;
  }

  #unended(): string[] {
    return this.checker.ids.filter((id) => !isFinal(this.checker.headOf(id)?.state ?? 0));
  }

  #checkEnd(): void {
    if (this.#client.isWaiting) this.#fail('a submission was never answered (7)');
    for (const id of this.#unended()) {
      this.trace(this.checker.describe(id));
      this.#fail(`${id} stands still (7)`);
    }
    this.checker.checkEnd(this.#client.ids);
  }
}

/** Runs one seed. */
export async function runSeed(options: WorldOptions): Promise<RunResult> {
  return await new World(options).run();
}
