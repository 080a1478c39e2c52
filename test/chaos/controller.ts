/**
 * The controller of the chaos run, in front of the model array. The same code runs in the nodes, where it dies and stands
 * still with them, and in remote processes.
 */
import {
  defineController,
  done,
  failed,
  notDone,
  pending,
  sleep,
  SteplockError,
  systemClock,
  type CallContext,
  type ControllerPort,
  type ExecuteResult,
  type JsonObject,
  type MethodDefinition,
  type PollResult,
  type ProbeResult,
} from '../../src/controller.js';
import { callIdOf, objectOf } from './array/log.js';
import type { ArrayAnswer, ArrayCall } from './array/model-array.js';

/** What a step is told to do; its arguments. */
export interface Script {
  /** How long each half of the work takes. */
  readonly ms: number;
  /** How many attempts fail, retryably. */
  readonly failures: number;
  /** Whether it fails for good: before it has done anything, or after half of it. */
  readonly fatal: '' | 'before' | 'half';
}

type Ask = (op: ArrayCall['op'], context: CallContext, more?: Partial<ArrayCall>) => Promise<ArrayAnswer>;

const askMs = 5_000;
const argumentsSchema: JsonObject = {
  type: 'object',
  properties: {
    ms: { type: 'number' },
    failures: { type: 'integer' },
    fatal: { enum: ['', 'before', 'half'] },
    from: { type: 'string' },
  },
  required: ['ms', 'failures', 'fatal'],
};

/** The controller of the array at that URL. */
export function createArrayController(url: string): ControllerPort {
  const ask = askerOf(url);
  const make = (more: Partial<MethodDefinition>): MethodDefinition => ({
    description: 'Makes an object',
    argumentsSchema,
    undo: { method: 'delete' },
    timeoutMs: 120_000,
    // Controllers are killed for seconds: that alone must not fail a step.
    retry: { maxAttempts: 100, initialBackoffMs: 100, maxBackoffMs: 1_000 },
    execute: async (context, args) => await execute(ask, context, scriptOf(args)),
    ...more,
  });
  const probe = async (context: CallContext): Promise<ProbeResult> => await probeMake(ask, context);
  return defineController({
    kind: 'chaos',
    version: '1',
    description: 'Makes objects on the model array',
    methods: {
      'create-volume': make({ probe }),
      'export-volume': make({ idempotent: true }),
      'copy-volume': make({
        probe,
        execute: async (context, args) => await startTask(ask, context, scriptOf(args)),
        poll: async (context, task) => await poll(ask, context, task),
        cancel: async (context) => {
          await ask('cancel', context);
        },
      }),
      check: make({
        undo: 'none-needed',
        idempotent: true,
        execute: async (context, args) => {
          await ask('begin', context);
          const { ms, failures, fatal } = scriptOf(args);
          if (context.attempt <= failures) return busy();
          await sleep(systemClock, ms);
          if (fatal !== '') return refused();
          await ask('check', context);
          return done({ object: '' });
        },
      }),
      delete: make({
        undo: 'none-needed',
        idempotent: true,
        execute: async (context, args) => {
          await ask('begin', context);
          await sleep(systemClock, scriptOf(args).ms);
          const answer = await ask('destroy', context);
          return answer.kind === 'conflict' ? foreign() : done();
        },
      }),
    },
  });
}

function scriptOf(args: JsonObject): Script {
  return args as unknown as Script;
}

const busy = (): ExecuteResult => failed('Busy', 'Not now', { retryable: true, effect: 'none' });
const refused = (): ExecuteResult => failed('Refused', 'Never', { retryable: false, effect: 'none' });
const foreign = (): ExecuteResult =>
  failed('Foreign', 'It was made under another key', { retryable: false, effect: 'none' });
const broke = (effect: 'none' | 'some'): ReturnType<typeof failed> =>
  failed('Broke', 'After half of it', { retryable: false, effect });

/** Goes on whatever becomes of the signal: as a system that was asked to do something. */
async function execute(ask: Ask, context: CallContext, script: Script): Promise<ExecuteResult> {
  await ask('begin', context);
  if (context.attempt <= script.failures) return busy();
  if (script.fatal === 'before') return refused();
  await sleep(systemClock, script.ms);
  const object = await ask('create', context);
  if (object.kind === 'conflict') return foreign();
  if (script.fatal === 'half') return broke('some');
  await sleep(systemClock, script.ms);
  if ((await ask('complete', context)).kind === 'conflict') return foreign();
  return done({ object: objectOf(callIdOf(context)) });
}

async function startTask(ask: Ask, context: CallContext, script: Script): Promise<ExecuteResult> {
  await ask('begin', context);
  if (context.attempt <= script.failures) return busy();
  if (script.fatal === 'before') return refused();
  const answer = await ask('task', context, { ms: script.ms, breaks: script.fatal === 'half' });
  return answer.kind === 'conflict' ? foreign() : pending(objectOf(callIdOf(context)), 200);
}

async function poll(ask: Ask, context: CallContext, task: string): Promise<PollResult> {
  const answer = await ask('poll', context);
  if (answer.kind !== 'object') throw new Error(`The array answers ${answer.kind}`);
  if (answer.state === 'whole') return done({ object: task });
  return answer.task === 'running' ? pending(task, 200) : broke(answer.state === 'none' ? 'none' : 'some');
}

async function probeMake(ask: Ask, context: CallContext): Promise<ProbeResult> {
  const answer = await ask('probe', context);
  if (answer.kind !== 'object') throw new Error(`The array answers ${answer.kind}`);
  const object = objectOf(callIdOf(context));
  if (answer.state === 'whole') return done({ object });
  if (answer.task === 'running') return pending(object, 200);
  return notDone(answer.state === 'none' ? 'none' : 'some');
}

function askerOf(url: string): Ask {
  return async (op, context, more = {}) => {
    const body = JSON.stringify({ op, call: callIdOf(context), ...more });
    const response = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(askMs) });
    const answer = (await response.json()) as ArrayAnswer;
    if (answer.kind === 'fenced') throw new SteplockError('FENCED', 'A newer attempt owns the step');
    return answer;
  };
}
