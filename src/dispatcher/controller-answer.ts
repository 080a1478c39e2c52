/**
 * What a controller answered, made sure of: its author may write in plain JavaScript, and what makes no sense must not
 * end the execution that asked. An answer of which nothing can be made throws, which leaves the outcome unknown.
 */
import { isJsonObject } from '../base/json.js';
import type { Effect, ExecuteResult, Pending, PollResult, ProbeResult } from '../contract/contract.js';
import type { PlanAnswer } from '../contract/orchestrator.js';
import { limits } from '../model/limits.js';
import { redactText } from '../model/secret.js';

type Answer = ExecuteResult | PollResult | ProbeResult;

const pollMsDefault = 1_000;
const effects = new Set<unknown>(['none', 'some', 'unknown']);

/**
 * The answer to an execute.
 *
 * @throws TypeError
 */
export function readExecuteAnswer(answer: unknown): ExecuteResult {
  const read = readAnswer(answer);
  if (read.kind === 'not-done' || read.kind === 'unknown') throw senseless(read.kind);
  return read;
}

/**
 * The answer to a poll.
 *
 * @throws TypeError
 */
export function readPollAnswer(answer: unknown): PollResult {
  const read = readAnswer(answer);
  if (read.kind === 'not-done') throw senseless(read.kind);
  return read;
}

/**
 * The answer to a probe.
 *
 * @throws TypeError
 */
export function readProbeAnswer(answer: unknown): ProbeResult {
  const read = readAnswer(answer);
  if (read.kind === 'failed') throw senseless(read.kind);
  return read;
}

/**
 * The answer to a request for a plan. The plan itself is looked at when it is taken in.
 *
 * @throws TypeError
 */
export function readPlanAnswer(answer: unknown): PlanAnswer {
  if (!isJsonObject(answer)) throw senseless(typeof answer);
  const { kind, plan, settings } = answer;
  if (kind === 'planned' && isJsonObject(plan))
    return { kind, plan, ...(isJsonObject(settings) ? { settings } : {}) };
  if (kind !== 'failed') throw senseless(typeof kind === 'string' ? kind : typeof kind);
  return {
    kind,
    reason: textOf(answer['reason'], 'Failed'),
    message: textOf(answer['message'], ''),
    retryable: answer['retryable'] === true,
  };
}

/** The answer with the call's secrets taken out of what is for people; an output is cleared when it is stored. */
export function hideInAnswer<T>(answer: T, secrets: ReadonlySet<string>): T {
  if (typeof answer !== 'object' || answer === null || secrets.size === 0) return answer;
  const shown = ['reason', 'message', 'progressMessage'] as const;
  const hidden = { ...answer } as Record<string, unknown>;
  for (const name of shown) {
    const text = hidden[name];
    if (typeof text === 'string') hidden[name] = redactText(text, secrets);
  }
  return hidden as T;
}

function readAnswer(answer: unknown): Answer {
  if (typeof answer !== 'object' || answer === null) throw senseless(typeof answer);
  const given = answer as Partial<Record<string, unknown>>;
  switch (given['kind']) {
    case 'done':
      // Whether it is JSON, and fits, is seen when it is stored: that it is done is known.
      return {
        kind: 'done',
        output: (given['output'] ?? {}) as never,
        ...((given['steps'] ?? undefined) === undefined ? {} : { steps: given['steps'] as never }),
      };
    case 'pending':
      return readPending(given);
    case 'failed':
      return {
        kind: 'failed',
        reason: textOf(given['reason'], 'Failed'),
        message: textOf(given['message'], ''),
        retryable: given['retryable'] === true,
        effect: effects.has(given['effect']) ? (given['effect'] as Effect) : 'unknown',
      };
    case 'not-done':
      return { kind: 'not-done', effect: given['effect'] === 'none' ? 'none' : 'some' };
    case 'unknown':
      return { kind: 'unknown', message: textOf(given['message'], '') };
    default:
      throw senseless(String(given['kind']));
  }
}

function readPending(given: Partial<Record<string, unknown>>): Pending {
  const { task, pollAfterMs, progressPercent, progressMessage } = given;
  if (typeof task !== 'string' || task === '') throw new TypeError('A pending answer names its task');
  if (Buffer.byteLength(task) > limits.taskBytesMax) {
    throw new TypeError(`The task of a pending answer has at most ${limits.taskBytesMax} bytes`);
  }
  const hasTime = typeof pollAfterMs === 'number' && Number.isFinite(pollAfterMs);
  return {
    kind: 'pending',
    task,
    pollAfterMs: hasTime ? pollAfterMs : pollMsDefault,
    ...(typeof progressPercent === 'number' ? { progressPercent } : {}),
    ...(typeof progressMessage === 'string' ? { progressMessage } : {}),
  };
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

function senseless(what: string): TypeError {
  return new TypeError(`The controller's answer makes no sense: ${what}`);
}
