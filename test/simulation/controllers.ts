/**
 * The controllers of the simulation. One lives in the node's process and dies with it in the middle of what it does;
 * the other lives beside the array, goes on when its caller has died, and is reached over the faulty network.
 */
import { sleep } from '../../src/base/clock.js';
import type { JsonObject } from '../../src/base/json.js';
import {
  defineController,
  done,
  failed,
  notDone,
  pending,
  unknown,
  type CallContext,
  type ControllerPort,
  type Done,
  type ExecuteResult,
  type MethodDefinition,
  type PollResult,
  type ProbeResult,
} from '../../src/contract/index.js';
import { SteplockError } from '../../src/errors/index.js';
import { type ModelArray, objectOf } from './model-array.js';
import type { SimProcess } from './scheduler.js';
import { never, type SimNetwork } from './sim-store.js';

/** What a step is scripted to do; its arguments. */
export interface Script {
  /** How long each half of the work takes. */
  readonly ms: number;
  /** How many calls fail, retryably, before one succeeds. */
  readonly failures: number;
  /** How many calls make the object and break off before they answer. */
  readonly lost?: number;
  /** Whether it fails for good: before it has done anything, or after half of it. */
  readonly fatal: '' | 'before' | 'half';
  /** How many calls of the undo fail. */
  readonly undoFailures: number;
  /** Steps that it adds when it is done. */
  readonly adds?: readonly JsonObject[];
}

/** Where a handler runs. */
export interface HandlerHost {
  readonly array: ModelArray;
  readonly process: SimProcess;
  readonly network: SimNetwork;
}

const scriptSchema: JsonObject = {
  type: 'object',
  properties: {
    ms: { type: 'number' },
    failures: { type: 'integer' },
    lost: { type: 'integer' },
    fatal: { enum: ['', 'before', 'half'] },
    undoFailures: { type: 'integer' },
    from: { type: 'string' },
    adds: { type: 'array' },
  },
};
const outputSchema: JsonObject = {
  type: 'object',
  properties: { object: { type: 'string' } },
  required: ['object'],
};

/** The controller as it runs on that host. */
export function createSimController(host: HandlerHost): ControllerPort {
  const make = (extra: Partial<MethodDefinition>): MethodDefinition => ({
    description: 'Makes an object',
    argumentsSchema: scriptSchema,
    outputSchema,
    undo: { method: 'unmake' },
    timeoutMs: 5_000,
    retry: { initialBackoffMs: 100, maxBackoffMs: 1_000 },
    execute: async (context, args) => await executeMake(host, context, args as unknown as Script),
    ...extra,
  });
  const probe = async (context: CallContext, args: JsonObject): Promise<ProbeResult> =>
    await probeMake(host, context, args as unknown as Script);
  return defineController({
    kind: 'simulated',
    version: '1',
    description: 'Makes objects on the model array',
    methods: {
      'make-probed': make({ idempotent: true, probe }),
      'make-repeat': make({ idempotent: true }),
      'make-once': make({}),
      'make-task': make({
        probe,
        execute: async (context, args) => await startTask(host, context, args as unknown as Script),
        poll: async (context, task, args) => await pollTask(host, context, task, args as unknown as Script),
        cancel: async () => {
          await Promise.resolve();
        },
      }),
      'make-forever': make({ idempotent: true, probe, undo: 'irreversible' }),
      check: make({
        undo: 'none-needed',
        idempotent: true,
        execute: async (context, args) => {
          await work(host, context, args['ms'] as number);
          return finished(context, args as unknown as Script);
        },
      }),
      unmake: {
        description: 'Destroys the object',
        argumentsSchema: scriptSchema,
        undo: 'none-needed',
        timeoutMs: 5_000,
        retry: { initialBackoffMs: 100, maxBackoffMs: 1_000 },
        idempotent: true,
        execute: async (context, args) => await executeUnmake(host, context, args as unknown as Script),
      },
    },
  });
}

/** Takes time; the process may die on the way. */
async function work(host: HandlerHost, context: CallContext, ms: number): Promise<void> {
  if (host.network.mayCrash(host.process, `in call of ${context.step}`)) await never();
  await sleep(host.process.clock, ms + slownessMs(host), context.signal);
  if (host.network.mayCrash(host.process, `in call of ${context.step}`)) await never();
}

/** Whoever finds out that it is done says the same of it. */
function finished(context: CallContext, { adds }: Script): Done {
  return done({ object: objectOf(context) }, adds);
}

/** Longer than a call may take, now and then. */
function slownessMs({ network: { scheduler, faults, count } }: HandlerHost): number {
  if (scheduler.random.next() >= faults.slowArray) return 0;
  count('array slow');
  return 8_000 * scheduler.random.next();
}

async function executeMake(host: HandlerHost, context: CallContext, script: Script): Promise<ExecuteResult> {
  const { array } = host;
  array.checkFence(context);
  const known = array.objects.get(objectOf(context));
  const keys = [context.idempotencyKey, ...context.formerKeys];
  if (known !== undefined && !keys.includes(known.key)) {
    return failed('Exists', 'It was made under another key', { retryable: false, effect: 'none' });
  }
  if (known?.isWhole === true) return finished(context, script);
  if (array.count(`fail ${context.idempotencyKey}`) <= script.failures) {
    return failed('Busy', 'Not now', { retryable: true, effect: 'none' });
  }
  if (script.fatal === 'before') return failed('Refused', 'Never', { retryable: false, effect: 'none' });
  await work(host, context, script.ms);
  array.create(context);
  if (script.fatal === 'half')
    return failed('Broke', 'After half of it', { retryable: false, effect: 'some' });
  await work(host, context, script.ms);
  array.complete(context);
  if (array.count(`lost ${context.idempotencyKey}`) <= (script.lost ?? 0)) throw new Error('The line broke');
  return finished(context, script);
}

async function probeMake({ array }: HandlerHost, context: CallContext, script: Script): Promise<ProbeResult> {
  await Promise.resolve();
  array.checkFence(context);
  if (array.count(`probe ${context.idempotencyKey}`) % 4 === 3) return unknown('Ask again');
  const object = array.objects.get(objectOf(context));
  if (object?.isWhole === true) return finished(context, script);
  return notDone(object === undefined ? 'none' : 'some');
}

/** The task runs beside the array, whatever becomes of the node. */
async function startTask(host: HandlerHost, context: CallContext, script: Script): Promise<ExecuteResult> {
  const { array, network } = host;
  array.checkFence(context);
  const task = `task-${context.idempotencyKey}-${context.attempt}`;
  if (array.objects.get(objectOf(context))?.isWhole === true) return finished(context, script);
  if (script.fatal === 'before') return failed('Refused', 'Never', { retryable: false, effect: 'none' });
  const step =
    (action: () => void): (() => void) =>
    () => {
      try {
        action();
      } catch (error) {
        // A newer attempt has raised the fence: this task is over.
        if (!(error instanceof SteplockError)) throw error;
        array.count(`ended ${task}`);
      }
    };
  const begin = step(() => {
    if (array.objects.get(objectOf(context)) === undefined) array.create(context);
  });
  const finish = step(() => {
    if (array.objects.get(objectOf(context))?.isWhole === false) array.complete(context);
  });
  const beginMs = script.ms + slownessMs(host);
  network.scheduler.after(beginMs, begin);
  if (script.fatal !== 'half') network.scheduler.after(beginMs + script.ms + slownessMs(host), finish);
  return await Promise.resolve(pending(task, 50));
}

async function pollTask(
  { array }: HandlerHost,
  context: CallContext,
  task: string,
  script: Script,
): Promise<PollResult> {
  await Promise.resolve();
  array.checkFence(context);
  const object = array.objects.get(objectOf(context));
  if (object?.isWhole === true) return finished(context, script);
  // A task that stops half-way is noticed after a while; one that is only slow may still take effect.
  const isStuck = script.fatal === 'half' && object !== undefined && array.count(`poll ${task}`) > 40;
  if (isStuck || array.countOf(`ended ${task}`) > 0) {
    const effect = object === undefined ? 'none' : 'some';
    return failed('Broke', 'After half of it', { retryable: false, effect });
  }
  return pending(task, 100);
}

async function executeUnmake(
  host: HandlerHost,
  context: CallContext,
  script: Script,
): Promise<ExecuteResult> {
  const { array } = host;
  array.checkFence(context);
  if (array.count(`unmake ${context.idempotencyKey}`) <= script.undoFailures) {
    return failed('Busy', 'Not now', { retryable: true, effect: 'none' });
  }
  await work(host, context, script.ms);
  const object = array.objects.get(objectOf(context));
  const keys = [context.undone?.idempotencyKey, ...(context.undone?.formerKeys ?? [])];
  if (object !== undefined && !keys.includes(object.key)) {
    return failed('Foreign', 'It was made under another key', { retryable: false, effect: 'none' });
  }
  array.destroy(context);
  return done();
}
