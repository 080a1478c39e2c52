/** One simulated run: a store, a model array, one node with the shipped code, a client that submits, an operator. */
import { newUuid, type NodeId, type StepId } from '../../src/base/ids.js';
import { randomBelow } from '../../src/base/random.js';
import type { CallContext, ControllerPort } from '../../src/contract/index.js';
import { ControllerRegistry } from '../../src/controllers/registry.js';
import { SteplockError } from '../../src/errors/index.js';
import { OutcomeState } from '../../src/gen/store/steplock/store/v1/step.js';
import { HeadState } from '../../src/gen/store/steplock/store/v1/workflow.js';
import { silentLogger, type Logger } from '../../src/log/log.js';
import type { Verb } from '../../src/model/verbs.js';
import { isFinal, stateName } from '../../src/model/workflow-state.js';
import { NodeRuntime } from '../../src/runtime/node-runtime.js';
import { SpaceKeeper } from '../../src/runtime/space-keeper.js';
import type { Api } from '../../src/rpc/context.js';
import { submitWorkflow } from '../../src/rpc/workflow/submit.js';
import { askOwner } from '../../src/rpc/workflow/verbs.js';
import { Mvcc } from '../../src/store/embedded/index.js';
import { Checker, InvariantError } from './checker.js';
import { createSimController } from './controllers.js';
import { drawFaults, noFaults, type Faults } from './faults.js';
import { ModelArray } from './model-array.js';
import { drawPlan } from './plans.js';
import { overNetwork } from './remote-port.js';
import { Scheduler, SimProcess } from './scheduler.js';
import { SimStore, type SimNetwork } from './sim-store.js';

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
const nodeId = 'n1' as NodeId;
const faultyMs = 60_000;
const endMs = 3_600_000;

interface Instance {
  readonly process: SimProcess;
  readonly api: Api;
}

/** See the head of this file. */
export class World {
  readonly scheduler: Scheduler;
  readonly server: Mvcc;
  readonly array: ModelArray;
  readonly checker: Checker;
  readonly network: SimNetwork;
  readonly #options: WorldOptions;
  readonly #ids: string[] = [];
  #instance: Instance | undefined;
  #failure: string | undefined;
  #crashes = 0;
  #instances = 0;
  #pendingSubmissions = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.scheduler = new Scheduler(options.seed);
    this.server = new Mvcc({ clock: { monotonicMs: () => this.scheduler.nowMs } });
    this.checker = new Checker(this.server, shards);
    this.array = new ModelArray(
      () => this.scheduler.nowMs,
      (effect) => {
        this.trace(
          `array: ${effect.kind} ${effect.context.workflow}/${effect.context.step} (attempt ${effect.context.attempt}, ${effect.context.direction})`,
        );
        this.#guard(() => {
          this.checker.onEffect(effect);
        });
      },
    );
    this.checker.array = this.array;
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
  }

  /** Writes a line of the trace. */
  trace(line: string): void {
    this.#options.onTrace?.(`${this.scheduler.nowMs.toFixed(1).padStart(9)}  ${line}`);
  }

  /** Runs it. */
  async run(): Promise<RunResult> {
    this.#options.prepare?.(this);
    this.trace(`faults: ${JSON.stringify(this.network.faults)}`);
    this.#startNode();
    this.#expireLeases();
    const { random } = this.scheduler;
    const count = 1 + randomBelow(random, this.#options.workflowsMax);
    for (let index = 0; index < count; index++) this.#submit(random.next() * 10_000);
    this.#everySecond();
    await this.#runUntil(() => false, faultyMs);
    this.trace('the faults are over');
    (this.network as { faults: Faults }).faults = noFaults;
    await this.#runUntil(() => this.#hasAllEnded(), faultyMs + 600_000);
    this.#resolveForEver();
    await this.#runUntil(() => this.#hasAllEnded(), endMs);
    if (this.#failure === undefined)
      this.#guard(() => {
        this.#checkEnd();
      });
    this.#instance?.process.kill();
    return this.#result();
  }

  async #runUntil(isDone: () => boolean, untilMs: number): Promise<void> {
    if (this.#failure !== undefined) return;
    await this.scheduler.runUntil(
      () => this.#failure !== undefined || isDone(),
      untilMs,
      () => undefined,
    );
  }

  #result(): RunResult {
    const ends: Record<string, number> = {};
    for (const id of this.#ids) {
      const name = stateName(this.checker.headOf(id)?.state ?? 0);
      ends[name] = (ends[name] ?? 0) + 1;
    }
    return {
      seed: this.#options.seed,
      events: this.scheduler.ran,
      crashes: this.#crashes,
      workflows: this.#ids.length,
      ends,
      failure: this.#failure,
    };
  }

  /** Runs a check; what it finds ends the run. */
  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof InvariantError)) throw error;
      this.#fail(error.message);
    }
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
    this.#instance = undefined;
    this.scheduler.after(8_000 * this.scheduler.random.next(), () => {
      this.#startNode();
    });
    return true;
  }

  #startNode(): void {
    this.#instances += 1;
    const process = new SimProcess(
      `node#${this.#instances}`,
      this.scheduler,
      5_000 * (this.scheduler.random.next() - 0.5),
    );
    this.trace(`${process.name} starts`);
    const store = new SimStore(this.network, process);
    const { clock } = process;
    const { random } = this.scheduler;
    const log = this.#logger();
    const local = this.#checked(createSimController({ array: this.array, process, network: this.network }));
    const beyond = new SimProcess('controller', this.scheduler, 0);
    const far = createSimController({
      array: this.array,
      process: beyond,
      network: { ...this.network, mayCrash: () => false },
    });
    const remote = this.#checked(overNetwork(far, process, this.network));
    const locals = new Map([
      ['local', local],
      ['remote', remote],
    ]);
    const controllers = new ControllerRegistry({
      locals,
      connect: () => {
        throw new Error('No remote controllers here');
      },
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
      neighborhood: '',
      version: 'simulated',
      ttlMs: 5_000,
      capacity: 1 + randomBelow(random, 8),
      shards,
      resyncMs: 10_000,
      controllers,
      localControllers: [...locals.keys()],
      secrets: { open: async () => await Promise.resolve(''), seal: () => undefined },
    });
    const space = new SpaceKeeper({
      store,
      cache: runtime.cache,
      clock,
      log,
      isKeeper: () => false,
      historyMs: 60_000,
    });
    this.#instance = {
      process,
      api: { runtime, store, controllers, space, sealer: undefined, clock, random, log },
    };
    runtime.start();
  }

  #checked(port: ControllerPort): ControllerPort {
    const note = (context: CallContext, what: string): void => {
      this.trace(
        `call: ${what} ${context.workflow}/${context.direction === 'undo' ? 'undo.' : ''}${context.step} attempt ${context.attempt} token ${context.fencingToken.revision}`,
      );
      if (what === 'execute')
        this.#guard(() => {
          this.checker.onCall(context, nodeId);
        });
    };
    return {
      description: port.description,
      execute: async (context, method, args) => {
        note(context, 'execute');
        return await port.execute(context, method, args);
      },
      poll: async (context, method, task, args) => await port.poll(context, method, task, args),
      probe: async (context, method, args) => {
        note(context, 'probe');
        return await port.probe(context, method, args);
      },
      cancel: async (context, method, task) => {
        note(context, 'cancel');
        await port.cancel(context, method, task);
      },
    };
  }

  #logger(): Logger {
    if (this.#options.onTrace === undefined) return silentLogger;
    const write = (fields: object, message: string): void => {
      this.trace(
        `log: ${message} ${JSON.stringify(fields, (key, value: unknown) => (value instanceof Error ? value.stack : value))}`,
      );
    };
    const make = (bound: object): Logger => ({
      debug: (fields, message) => {
        write({ ...bound, ...fields }, message);
      },
      info: (fields, message) => {
        write({ ...bound, ...fields }, message);
      },
      warn: (fields, message) => {
        write({ ...bound, ...fields }, message);
      },
      error: (fields, message) => {
        write({ ...bound, ...fields }, message);
      },
      child: (fields) => make({ ...bound, ...fields }),
    });
    return make({});
  }

  #expireLeases(): void {
    this.server.expireLeases();
    this.scheduler.after(100, () => {
      this.#expireLeases();
    });
  }

  /** Submits a workflow, again and again with the same request id until it is answered. */
  #submit(delayMs: number): void {
    const { random } = this.scheduler;
    const requestId = newUuid(random);
    const plan = drawPlan(random, this.#options.stepsMax);
    this.#pendingSubmissions += 1;
    let isAnswered = false;
    const attempt = (): void => {
      if (isAnswered) return;
      this.scheduler.after(3_000, attempt);
      const api = this.#instance?.api;
      if (api?.runtime.facts === undefined) return;
      const request = {
        requestId,
        workflowId: '',
        settings: plan.settings,
        plan,
        actor: 'client',
        planHash: '',
      };
      submitWorkflow(api, request).then(
        ({ workflow }) => {
          if (isAnswered) return;
          isAnswered = true;
          this.#pendingSubmissions -= 1;
          const id = workflow?.name.slice('workflows/'.length) ?? '';
          if (this.#ids.includes(id)) this.#fail(`${id}: one id for two requests`);
          this.#ids.push(id);
          this.trace(`client: submitted ${id} with ${plan.steps.length} steps`);
        },
        (error: unknown) => {
          this.#expectRefusal('submit', error);
        },
      );
    };
    this.scheduler.after(delayMs, attempt);
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
    if (random.next() < faults.operator) this.#operate();
    if (random.next() < faults.compaction) this.server.compact(this.server.revision);
    this.scheduler.after(1_000, () => {
      this.#everySecond();
    });
  }

  /** An operator does something at random; much of it is refused. */
  #operate(): void {
    const { random } = this.scheduler;
    const id = this.#ids[randomBelow(random, Math.max(1, this.#ids.length))];
    if (id === undefined) return;
    const verbs: Verb[] = [
      'suspend',
      'resume',
      'resume',
      'resume',
      'cancel',
      'rollback',
      'retry',
      'retry',
      'skip',
      'skip',
    ];
    const verb = verbs[randomBelow(random, verbs.length)] ?? 'resume';
    const steps = this.checker.planOf(id).steps;
    const spec = steps[randomBelow(random, Math.max(1, steps.length))];
    const isAboutStep = verb === 'retry' || verb === 'skip';
    // Only a person who has looked may call such a method again.
    if (spec === undefined || (verb === 'retry' && spec.method === 'make-once')) return;
    const step = (random.next() < 0.5 ? spec.id : `undo.${spec.id}`) as StepId;
    this.#ask(id, verb, isAboutStep ? step : undefined, random.next() < 0.3);
  }

  #ask(id: string, verb: Verb, step: StepId | undefined, keep: boolean): void {
    const { random } = this.scheduler;
    const api = this.#instance?.api;
    if (api?.runtime.facts === undefined) return;
    this.trace(`operator: ${verb} ${id} ${step ?? ''}`);
    const call = {
      verb,
      workflow: this.checker.keyOf(id),
      requestId: newUuid(random),
      actor: 'operator',
      reason: 'because',
      body: { verb },
      keep,
      cancelRunning: random.next() < 0.5,
      output: { object: 'skipped' },
      ...(step === undefined ? {} : { step }),
    };
    askOwner(api, call, { signal: new AbortController().signal, deadlineMs: Infinity }).then(
      () => {
        this.trace(`operator: ${verb} ${id} answered`);
      },
      (error: unknown) => {
        this.#expectRefusal(`operator: ${verb}`, error);
      },
    );
  }

  #hasAllEnded(): boolean {
    return (
      this.#pendingSubmissions === 0 && this.#ids.every((id) => isFinal(this.checker.headOf(id)?.state ?? 0))
    );
  }

  /** A patient operator settles whatever still waits for a person. */
  #resolveForEver(): void {
    for (const id of this.#ids) this.#resolve(id);
    this.scheduler.after(15_000, () => {
      this.#resolveForEver();
    });
  }

  #resolve(id: string): void {
    const state = this.checker.headOf(id)?.state ?? 0;
    if (isFinal(state)) return;
    const { UNKNOWN, FAILED, CANCELLED } = OutcomeState;
    for (const { id: step } of this.checker.planOf(id).steps) {
      for (const name of [step, `undo.${step}`] as StepId[]) {
        const outcome = this.checker.recordOf(id, name)?.state;
        const isRollback = state === HeadState.ROLLBACK_BLOCKED || state === HeadState.ROLLBACK_SUSPENDED;
        const isStuck =
          outcome === UNKNOWN ||
          (name !== step && outcome === FAILED) ||
          (!isRollback && name === step && (outcome === FAILED || outcome === CANCELLED));
        if (isStuck) this.#ask(id, 'skip', name, false);
      }
    }
    if (state === HeadState.SUSPENDED || state === HeadState.ROLLBACK_SUSPENDED)
      this.#ask(id, 'resume', undefined, false);
  }

  #checkEnd(): void {
    if (this.#pendingSubmissions > 0) throw new InvariantError('a submission was never answered (7)');
    for (const id of this.#ids) {
      const head = this.checker.headOf(id);
      const state = head?.state ?? 0;
      if (!isFinal(state)) throw new InvariantError(`${id} stands still in ${stateName(state)} (7)`);
    }
    this.checker.checkEnd(this.#ids);
  }
}

/** Runs one seed. */
export async function runSeed(options: WorldOptions): Promise<RunResult> {
  return await new World(options).run();
}
