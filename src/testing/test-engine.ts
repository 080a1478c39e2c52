/**
 * A whole node in memory, whose time moves when something is waited for: a step that starts tomorrow, retries for an hour
 * or waits a week for an approval is over in milliseconds. The engine, the dispatcher and the API are the shipped ones; the
 * store is the embedded one in memory; there is no network.
 *
 * Time moves while a call of its client is unanswered, and with `advance`; else it stands still. A controller that does
 * real input or output holds time while its call is under way, for `ioMs` of real time at most.
 */
import { AbortScope } from '../base/abort.js';
import { systemClock, type Clock } from '../base/clock.js';
import { createSeededRandom } from '../base/random.js';
import { createClient, type SteplockClient } from '../client/client.js';
import type { CallContext, ControllerPort, OrchestratorPort } from '../contract/index.js';
import { silentLogger, type Logger } from '../log/log.js';
import { assembleEngine, type EmbeddedEngine } from './assemble.js';
import { servicesOf } from './in-process.js';
import { EventQueue, settle } from './scheduler.js';
import { ScriptedController } from './scripted-controller.js';
import { Trail, type RecordedCall } from './trail.js';

/** What a test engine is made of. */
export interface TestEngineOptions {
  /** Controllers by the names that plans call them by; `basic` is there anyway. */
  readonly controllers?: Readonly<Record<string, ControllerPort | ScriptedController<never>>>;
  /** Orchestrators by name. */
  readonly orchestrators?: Readonly<Record<string, OrchestratorPort>>;
  /** What time it is at first. @default 2030-01-01T00:00:00Z */
  readonly startTime?: Date;
  /** @default nowhere */
  readonly log?: Logger;
  /** How long a call of a controller that is not scripted holds time, in real milliseconds. @default 100 */
  readonly ioMs?: number;
  /** Of ids and of waits between retries, which are drawn. @default 1 */
  readonly seed?: number;
}

/** After so long a time without any change of the store a wait is given up: nothing moves any more. */
const stillMsMax = 100 * 24 * 3_600_000;
const sliceMs = 3_600_000;

/** See the head of this file. */
export class TestEngine {
  /** Talks to the node; each call moves time until it is answered. */
  readonly client: SteplockClient;
  /** The node's time. */
  readonly clock: Clock;
  readonly #startMs: number;
  readonly #events: EventQueue;
  readonly #engine: EmbeddedEngine;
  readonly #scope = new AbortScope();
  readonly #calls: RecordedCall[] = [];
  readonly #ioMs: number;
  /** Real calls under way, and how long they have held time. */
  readonly #holding = new Set<{ heldMs: number }>();
  #isMoving = false;
  #lastChange = { revision: 0, timeMs: 0 };

  private constructor(options: TestEngineOptions) {
    const {
      startTime = new Date('2030-01-01T00:00:00Z'),
      seed = 1,
      ioMs = 100,
      log = silentLogger,
    } = options;
    this.#startMs = startTime.getTime();
    this.#ioMs = ioMs;
    let order = 0;
    this.#events = new EventQueue(() => order++);
    this.clock = this.#createClock();
    const random = createSeededRandom(seed);
    this.#engine = assembleEngine({
      clock: this.clock,
      random,
      log,
      controllers: new Map(
        Object.entries(options.controllers ?? {}).map(([name, port]) => [name, this.#take(name, port)]),
      ),
      orchestrators: new Map(Object.entries(options.orchestrators ?? {})),
      signal: this.#scope.signal,
    });
    const services = servicesOf(this.#engine.api, {
      settle: async (work) => await this.#settle(work()),
      pass: async (isDone, forMs) => {
        const untilMs = this.#events.nowMs + forMs;
        await this.#move(() => isDone() || this.#events.nowMs >= untilMs, untilMs);
      },
    });
    this.client = createClient(services, {
      clock: this.clock,
      random,
      actor: 'test',
      endpoint: () => 'test',
      close: () => undefined,
      sliceMs,
      pause: async (ms) => {
        await this.advance(Math.max(ms, 60_000));
        this.#checkMoving();
      },
    });
  }

  /** Starts one. */
  static async start(options: TestEngineOptions = {}): Promise<TestEngine> {
    const engine = new TestEngine(options);
    await engine.#settle(engine.#engine.api.runtime.joined());
    return engine;
  }

  /** What time it is. */
  get now(): Date {
    return new Date(this.clock.nowMs());
  }

  /** Lets that much time go by, and everything happen that falls into it. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#events.nowMs + ms;
    await this.#move(() => this.#events.nowMs >= untilMs, untilMs);
  }

  /** Lets time go by until the condition holds. @throws Error when nothing moves any more. */
  async until(condition: () => boolean): Promise<void> {
    await this.#move(condition, Infinity);
  }

  /** What was called for a workflow: by id, name or handle. */
  trail(workflow: string | { readonly name: string }): Trail {
    const name = typeof workflow === 'string' ? workflow : workflow.name;
    const id = name.replace(/^workflows\//, '');
    return new Trail(() => this.#calls.filter((call) => call.workflow === id));
  }

  /** Ends it. Nothing of it happens any more. */
  async close(): Promise<void> {
    const { runtime, store } = this.#engine.api;
    await this.#settle(runtime.close());
    this.#scope.abort(new Error('The test engine was closed'));
    await store.close();
  }

  /** The same, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #settle<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = work.finally(() => {
      isOver = true;
    });
    // It is awaited below, after time has moved.
    over.catch(() => undefined);
    await this.#move(() => isOver, Infinity);
    return await over;
  }

  async #move(isDone: () => boolean, untilMs: number): Promise<void> {
    await settle();
    while (!isDone()) {
      if (this.#isMoving) {
        await settle();
        continue;
      }
      this.#isMoving = true;
      try {
        await this.#step(untilMs);
      } finally {
        this.#isMoving = false;
      }
    }
  }

  /** One event, or the rest of the time if none falls into it. */
  async #step(untilMs: number): Promise<void> {
    const nextMs = this.#events.nextMs();
    if (nextMs === undefined || nextMs > this.#events.nowMs) {
      if (await this.#hold()) return;
      this.#checkMoving();
    }
    if (nextMs === undefined || nextMs > untilMs) this.#events.moveTo(untilMs);
    else await this.#events.runNext();
    if (nextMs === undefined) await settle();
  }

  /** Whether a real call under way has held time for a moment. */
  async #hold(): Promise<boolean> {
    const holding = [...this.#holding].filter(({ heldMs }) => heldMs < this.#ioMs);
    if (holding.length === 0) return false;
    const beganMs = systemClock.monotonicMs();
    await new Promise<void>((resolve) => {
      systemClock.setTimer(1, resolve);
    });
    for (const each of holding) each.heldMs += systemClock.monotonicMs() - beganMs;
    return true;
  }

  #checkMoving(): void {
    const { revision } = this.#engine;
    const nowMs = this.#events.nowMs;
    if (revision !== this.#lastChange.revision) this.#lastChange = { revision, timeMs: nowMs };
    if (nowMs - this.#lastChange.timeMs > stillMsMax)
      throw new Error('Nothing has moved for 100 days: what is waited for does not come by itself');
  }

  #createClock(): Clock {
    const events = this.#events;
    return {
      nowMs: () => Math.floor(this.#startMs + events.nowMs),
      monotonicMs: () => events.nowMs,
      setTimer: (delayMs, callback) => events.after(delayMs, callback),
      soon: (callback) => {
        events.after(0, callback);
      },
    };
  }

  /** The controller with each of its calls recorded, and real ones holding time. */
  #take(name: string, controller: ControllerPort | ScriptedController<never>): ControllerPort {
    const isScripted = controller instanceof ScriptedController;
    if (isScripted) controller.attach(this.clock);
    const port = isScripted ? controller.port : controller;
    const around = async <T>(call: () => Promise<T>): Promise<T> => {
      const hold = { heldMs: 0 };
      if (!isScripted) this.#holding.add(hold);
      try {
        return await call();
      } finally {
        this.#holding.delete(hold);
      }
    };
    const note = (
      kind: RecordedCall['kind'],
      context: CallContext,
      method: string,
      args: RecordedCall['args'],
    ): void => {
      const { workflow, step, direction, attempt } = context;
      this.#calls.push({
        kind,
        controller: name,
        method,
        workflow,
        step,
        direction,
        attempt,
        args,
        time: this.now,
      });
    };
    return {
      ...(port.resolvesReferences === undefined ? {} : { resolvesReferences: port.resolvesReferences }),
      description: port.description,
      execute: async (context, method, args) => {
        note('execute', context, method, args);
        return await around(async () => await port.execute(context, method, args));
      },
      poll: async (context, method, task, args) => {
        note('poll', context, method, args);
        return await around(async () => await port.poll(context, method, task, args));
      },
      probe: async (context, method, args) => {
        note('probe', context, method, args);
        return await around(async () => await port.probe(context, method, args));
      },
      cancel: async (context, method, task) => {
        note('cancel', context, method, {});
        await around(async () => {
          await port.cancel(context, method, task);
        });
      },
    };
  }
}
