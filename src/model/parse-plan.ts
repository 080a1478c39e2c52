/**
 * From the wire to a draft: the form of each step and group by itself. What they mean together, and against the
 * controllers, is checked by freeze-plan when the workflow starts.
 */
import { durationToMs } from '../base/duration.js';
import { idPattern, idRule } from '../base/ids.js';
import { isDeeperThan, isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';
import { toUtf8 } from '../base/bytes.js';
import {
  UndoKind,
  type LockNeed,
  type PlanGroup,
  type PlanStep,
} from '../gen/store/steplock/store/v1/plan.js';
import type {
  GroupSpec,
  LockSpec,
  NodeSelector,
  RetryPolicy,
  StepSpec,
  Undo,
} from '../gen/wire/steplock/v1/plan.js';
import { problemOfLabels, sortLabels } from './labels.js';
import { limits } from './limits.js';
import { parseLocks } from './parse-locks.js';
import type { Violations } from './violations.js';

const noBytes = Buffer.alloc(0);

/** A step as a draft holds it. What is wrong with it goes to `violations`; the result is then of no use. */
export function parseStep(spec: StepSpec, at: string, violations: Violations): PlanStep {
  checkId(spec.id, `${at}.id`, violations);
  checkText(spec.description, limits.descriptionBytesMax, `${at}.description`, violations);
  if (spec.group !== '') checkId(spec.group, `${at}.group`, violations);
  checkDependencies(spec.dependsOn, `${at}.depends_on`, violations);
  return {
    id: spec.id,
    description: spec.description,
    group: spec.group,
    dependsOn: spec.dependsOn,
    impliedDependsOn: [],
    ...parseAction(spec, at, violations),
    ...parseUndo(spec.undo, `${at}.undo`, violations),
    ...parseRetry(spec.retry, `${at}.retry`, violations),
    timeoutMs: parseMs(spec.timeout, limits.timeoutMsMin, limits.timeoutMsMax, `${at}.timeout`, violations),
    ...parseNodes(spec.nodes, `${at}.nodes`, violations),
    locks: parseStepLocks(spec.locks, `${at}.locks`, violations),
    addedBy: '',
  };
}

function parseNodes(
  nodes: NodeSelector | undefined,
  at: string,
  violations: Violations,
): Pick<PlanStep, 'neighborhood' | 'nodeLabels'> {
  const { neighborhood = '', labels = {} } = nodes ?? {};
  if (neighborhood !== '') checkId(neighborhood, `${at}.neighborhood`, violations);
  const problem = problemOfLabels(labels, limits.nodeLabelsMax);
  if (problem !== undefined) violations.add('INVALID_VALUE', `${at}.labels${problem.at}`, problem.rule);
  return { neighborhood, nodeLabels: sortLabels(labels) };
}

function parseStepLocks(specs: readonly LockSpec[], at: string, violations: Violations): LockNeed[] {
  const parsed = parseLocks(specs);
  if (Array.isArray(parsed)) return parsed;
  violations.add(parsed.at === '' ? 'TOO_MANY' : 'INVALID_ID', `${at}${parsed.at}`, parsed.rule);
  return [];
}

/** The workflow's own output as a draft holds it: JSON, empty for none. */
export function parseOutput(output: JsonObject | undefined, at: string, violations: Violations): Buffer {
  if (output === undefined) return noBytes;
  const bytes = encodeArguments(output, at, violations);
  if (bytes.length > limits.workflowOutputBytesMax) {
    const rule = `has ${bytes.length} bytes; at most ${limits.workflowOutputBytesMax} are allowed`;
    violations.add('TOO_LARGE', at, rule);
  }
  return bytes;
}

/** A group as a draft holds it. */
export function parseGroup(spec: GroupSpec, at: string, violations: Violations): PlanGroup {
  checkId(spec.id, `${at}.id`, violations);
  checkDependencies(spec.dependsOn, `${at}.depends_on`, violations);
  return { id: spec.id, dependsOn: spec.dependsOn };
}

type ActionFields = Pick<PlanStep, 'kind' | 'controller' | 'method' | 'system' | 'arguments' | 'prompt'>;

function parseAction(spec: StepSpec, at: string, violations: Violations): ActionFields {
  const none = { controller: '', method: '', system: '', arguments: noBytes, prompt: '' };
  switch (spec.action?.$case) {
    case 'call': {
      const { controller, method, system, arguments: args } = spec.action.value;
      checkId(controller, `${at}.call.controller`, violations);
      checkId(method, `${at}.call.method`, violations);
      if (system !== '') checkId(system, `${at}.call.system`, violations);
      const bytes = encodeArguments(args ?? {}, `${at}.call.arguments`, violations);
      // Empty for {}, as most steps have it.
      const stored = bytes.length === 2 ? noBytes : bytes;
      return { kind: 'call', controller, method, system, arguments: stored, prompt: '' };
    }
    case 'approval':
      checkText(spec.action.value.message, limits.descriptionBytesMax, `${at}.approval.message`, violations);
      return { ...none, kind: 'approval', prompt: spec.action.value.message };
    case 'signal':
      checkId(spec.action.value.name, `${at}.signal.name`, violations);
      return { ...none, kind: 'signal', prompt: spec.action.value.name };
    case 'child': {
      const { orchestrator, operation, arguments: args } = spec.action.value;
      return {
        kind: 'child',
        ...parseOrchestration({ orchestrator, operation, args }, `${at}.child`, violations),
      };
    }
    case undefined:
      violations.add(
        'REQUIRED',
        `${at}.call`,
        `step "${spec.id}" needs one of call, approval, signal and child`,
      );
      return { ...none, kind: '' };
  }
}

/** What is asked of an orchestrator, in the fields of a step that asks it. */
export function parseOrchestration(
  {
    orchestrator,
    operation,
    args,
  }: { orchestrator: string; operation: string; args: JsonObject | undefined },
  at: string,
  violations: Violations,
): Omit<ActionFields, 'kind'> {
  checkId(orchestrator, `${at}.orchestrator`, violations);
  checkId(operation, `${at}.operation`, violations);
  const bytes = encodeArguments(args ?? {}, `${at}.arguments`, violations);
  const stored = bytes.length === 2 ? noBytes : bytes;
  return { controller: orchestrator, method: operation, system: '', arguments: stored, prompt: '' };
}

type UndoFields = Pick<PlanStep, 'undoKind' | 'undoMethod' | 'undoArguments'>;

function parseUndo(undo: Undo | undefined, at: string, violations: Violations): UndoFields {
  const none = { undoMethod: '', undoArguments: noBytes };
  switch (undo?.way?.$case) {
    case 'call': {
      const { method, arguments: args } = undo.way.value;
      checkId(method, `${at}.call.method`, violations);
      return {
        undoKind: UndoKind.METHOD,
        undoMethod: method,
        // Without arguments it gets those of the step, with {} none.
        undoArguments:
          args === undefined ? noBytes : encodeArguments(args, `${at}.call.arguments`, violations),
      };
    }
    case 'noneNeeded':
      return { ...none, undoKind: UndoKind.NONE_NEEDED };
    case 'irreversible':
      return { ...none, undoKind: UndoKind.IRREVERSIBLE };
    case undefined:
      if (undo !== undefined)
        violations.add('REQUIRED', at, 'needs one of call, none_needed and irreversible');
      return { ...none, undoKind: UndoKind.UNSPECIFIED };
  }
}

type RetryFields = Pick<PlanStep, 'maxAttempts' | 'initialBackoffMs' | 'maxBackoffMs' | 'multiplier'>;

/** 0 stands for what the method says. */
function parseRetry(retry: RetryPolicy | undefined, at: string, violations: Violations): RetryFields {
  if (retry === undefined) return { maxAttempts: 0, initialBackoffMs: 0, maxBackoffMs: 0, multiplier: 0 };
  if (retry.maxAttempts > limits.attemptsMax) {
    violations.add('OUT_OF_RANGE', `${at}.max_attempts`, `must be 1 to ${limits.attemptsMax}`);
  }
  if (!(retry.multiplier === 0 || (retry.multiplier >= 1 && retry.multiplier <= 10))) {
    violations.add('OUT_OF_RANGE', `${at}.multiplier`, 'must be 1 to 10');
  }
  const { initialBackoff, maxBackoff } = retry;
  return {
    maxAttempts: retry.maxAttempts,
    initialBackoffMs: parseMs(
      initialBackoff,
      1,
      limits.initialBackoffMsMax,
      `${at}.initial_backoff`,
      violations,
    ),
    maxBackoffMs: parseMs(maxBackoff, 1, limits.backoffMsMax, `${at}.max_backoff`, violations),
    multiplier: retry.multiplier,
  };
}

/** A duration within its bounds; 0 where there is none. */
export function parseMs(
  duration: { seconds: string; nanos: number } | undefined,
  msMin: number,
  msMax: number,
  at: string,
  violations: Violations,
): number {
  if (duration === undefined) return 0;
  const ms = durationToMs(duration);
  if (!(ms >= msMin && ms <= msMax)) {
    violations.add('OUT_OF_RANGE', at, `must be ${msMin / 1_000} s to ${msMax / 1_000} s`);
  }
  return ms;
}

/** Checks an id. */
export function checkId(id: string, at: string, violations: Violations): void {
  if (id === '') violations.add('REQUIRED', at, 'is missing');
  else if (!idPattern.test(id)) violations.add('INVALID_ID', at, `"${shorten(id)}" ${idRule}`);
}

/** Checks the length of a text for people. */
export function checkText(text: string, bytesMax: number, at: string, violations: Violations): void {
  if (Buffer.byteLength(text) > bytesMax) {
    violations.add('TOO_LARGE', at, `has ${Buffer.byteLength(text)} bytes; at most ${bytesMax} are allowed`);
  }
}

function checkDependencies(ids: readonly string[], at: string, violations: Violations): void {
  if (ids.length > limits.dependenciesMax) {
    violations.add('TOO_MANY', at, `has ${ids.length} ids; at most ${limits.dependenciesMax} are allowed`);
    return;
  }
  for (const [index, id] of ids.entries()) checkId(id, `${at}[${index}]`, violations);
}

/** Arguments as JSON. */
function encodeArguments(args: JsonObject, at: string, violations: Violations): Buffer {
  const { jsonDepthMax } = limits;
  const problem = isDeeperThan(args, jsonDepthMax)
    ? `is nested deeper than ${jsonDepthMax} levels`
    : problemOfJson(args);
  if (problem !== undefined) {
    violations.add('INVALID_VALUE', at, problem);
    return noBytes;
  }
  const bytes = Buffer.from(toUtf8(JSON.stringify(args)));
  if (bytes.length > limits.argumentsBytesMax) {
    violations.add(
      'TOO_LARGE',
      at,
      `has ${bytes.length} bytes; at most ${limits.argumentsBytesMax} are allowed`,
    );
    return noBytes;
  }
  return bytes;
}

/** What of a value that came as a Struct cannot stand in JSON. */
function problemOfJson(value: JsonValue): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return 'holds a number that is not finite';
  if (Array.isArray(value)) {
    return firstDefined(value, problemOfJson);
  }
  if (!isJsonObject(value)) return undefined;
  if (Object.hasOwn(value, '__proto__')) return 'holds a property named "__proto__"';
  return firstDefined(Object.values(value), problemOfJson);
}

function firstDefined<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** For showing what a caller sent without repeating all of it. */
export function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`;
}
