/** One simulated run: a store, a model array, nodes with the shipped code, a client that submits, an operator. */
import type { NodeId } from '../../src/base/ids.js';
import { randomBelow } from '../../src/base/random.js';
import { SteplockError } from '../../src/errors/index.js';
import { isFinal, stateName } from '../../src/model/workflow-state.js';
import { Mvcc } from '../../src/store/embedded/index.js';
import { Checker } from './checker.js';
import { staleKeys } from './cache-rules.js';
import { Client } from './client.js';
import { Cluster } from './cluster.js';
import { noCounts, type FaultCounts } from './fault-counts.js';
import { drawFaults, noFaults, type Faults } from './faults.js';
import { ModelArray } from './model-array.js';
import { Operator } from './operator.js';
import { RetentionRules } from './retention-rules.js';
import { Scheduler } from './scheduler.js';
import { resyncMs, type SimNetwork } from './sim-store.js';

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
  /** Children included. */
  readonly workflows: number;
  /** Of all of their plans, those that steps have added included. */
  readonly steps: number;
  /** How many workflows ended in which state. */
  readonly ends: Readonly<Record<string, number>>;
  /** How often each kind of fault happened. */
  readonly faults: FaultCounts;
  /** What was broken; undefined if nothing was. */
  readonly failure: string | undefined;
}

const shards = 4;
const nodesMax = 3;
const faultyMs = 60_000;
const endMs = 3_600_000;

/** See the head of this file. */
export class World {
  readonly scheduler: Scheduler;
  readonly server: Mvcc;
  readonly array: ModelArray;
  readonly checker: Checker;
  readonly network: SimNetwork;
  readonly #options: WorldOptions;
  readonly #cluster: Cluster;
  readonly #client: Client;
  readonly #operator: Operator;
  readonly #retention: RetentionRules;
  readonly #counts = noCounts();
  #failure: string | undefined;

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
      storeDownUntilMs: 0,
      writer: undefined,
      count: (kind) => {
        this.#counts[kind] += 1;
      },
      mayCrash: (process, point) => this.#cluster.mayCrash(process, point),
      trace: (line) => {
        this.trace(line);
      },
    };
    const { scheduler, server, checker, network, array } = this;
    checker.owners.writer = () => network.writer;
    const { retentionMs } = this.#retention;
    const isTraced = options.onTrace !== undefined;
    const parts = { network, array, checker, shards, trace: network.trace, isTraced, retentionMs };
    this.#cluster = new Cluster(parts);
    checker.isUnawares = (node) => this.#cluster.isUnawares(node);
    const view = {
      scheduler,
      server,
      checker,
      anyApi: () => this.#cluster.anyApi(),
      count: network.count,
      mayBeGone: () => this.#retention.retentionMs !== undefined || this.#operator.hasDeleted,
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
    for (let index = 1; index <= nodes; index++) this.#cluster.start(`n${index}` as NodeId);
    this.#expireLeases();
    this.#operator.hasLimits = randomBelow(random, 2) === 0;
    this.#operator.release();
    const count = 1 + randomBelow(random, this.#options.workflowsMax);
    // All at once in one run out of two: what wants the same then comes within one transaction.
    const spreadMs = randomBelow(random, 2) === 0 ? 5 : 10_000;
    for (let index = 0; index < count; index++) this.#client.submit(random.next() * spreadMs);
    this.#everySecond();
    this.#everyQuarter();
    await this.#runUntil(() => false, faultyMs);
    this.trace('the faults are over');
    this.#operator.release();
    // Whoever never hears of anything comes to the same end by listing alone.
    const isDeaf = this.network.faults.droppedBatch === 1;
    if (isDeaf) this.network.count('all watch events of a run lost');
    this.network.faults = { ...noFaults, droppedBatch: isDeaf ? 1 : 0 };
    await this.#runUntil(() => this.#hasAllEnded(), faultyMs + 90_000);
    this.#operator.resolveForEver();
    await this.#runUntil(() => this.#hasAllEnded(), endMs);
    const keys = this.#client.ids.map((id) => this.checker.keyOf(id));
    await this.#runUntil(() => this.#retention.isTidy(keys), endMs + 600_000);
    if (this.#failure === undefined) this.#checkEnd();
    if (this.#failure === undefined) await this.#checkCaches();
    this.#cluster.kill();
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
      crashes: this.#cluster.crashes,
      workflows: this.checker.history.seen.length,
      steps: this.checker.history.seen.reduce((sum, id) => sum + this.checker.planOf(id).steps.length, 0),
      ends,
      faults: this.#counts,
      failure: this.#failure,
    };
  }

  #fail(message: string): void {
    this.trace(`BROKEN: ${message}`);
    this.#failure ??= message;
  }

  #expireLeases(): void {
    this.#cluster.expireLeases();
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
    this.#cluster.disturb();
    if (random.next() < faults.hold) this.#operator.changePolicy();
    if (random.next() < faults.compaction) {
      this.server.compact(this.server.revision);
      this.network.count('history compacted');
    }
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

  /** What a cache has wrong now and still has wrong after two lists, it will have wrong for ever. */
  async #checkCaches(): Promise<void> {
    if (this.#counts['watch events lost'] === 0) return;
    const stale = (): string[] => this.#cluster.apis.flatMap((api) => staleKeys(this.server, api));
    const before = new Set(stale());
    if (before.size === 0) return;
    await this.#runUntil(() => false, this.scheduler.nowMs + 2.5 * resyncMs);
    const left = stale().find((line) => before.has(line));
    if (left !== undefined) this.#fail(`a cache has ${left} (8)`);
  }

  #checkEnd(): void {
    if (this.#client.isWaiting) this.#fail('a submission was never answered (7)');
    for (const id of this.#unended()) {
      this.trace(this.checker.history.describe(id));
      this.#fail(`${id} stands still (7)`);
    }
    this.checker.checkEnd(this.#client.ids);
  }
}

/** Runs one seed. */
export async function runSeed(options: WorldOptions): Promise<RunResult> {
  return await new World(options).run();
}
