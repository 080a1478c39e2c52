/**
 * Plans as people write them, in YAML or JSON, and the places of a refusal as lines and columns of that file.
 */
import { LineCounter, parseDocument, isMap, isNode, isPair, visit, type Document, type Node } from 'yaml';
import { msToDuration } from '../base/duration.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';
import { parseDurationMs } from '../config/settings.js';
import {
  LockMode,
  type GroupSpec,
  type LockSpec,
  type NodeSelector,
  type Plan,
  type RetryPolicy,
  type StepSpec,
  type Undo,
} from '../gen/wire/steplock/v1/plan.js';
import { OnFailure, RunningSteps, type WorkflowSettings } from '../gen/wire/steplock/v1/workflow.js';
import { createSchemaChecker } from '../model/schema.js';
import { toFilePath, unescapePointer } from './plan-file-path.js';
import { planFileSchema } from './plan-file-schema.js';

/** What a plan file says. */
export interface PlanFile {
  readonly workflowId: string;
  readonly settings: WorkflowSettings;
  readonly plan: Plan;
  /** Where in the file something of the request stands: `line:column`, or undefined. */
  readonly placeOf: (field: string) => string | undefined;
}

/** A plan file that cannot be read; each line names a place. */
export class PlanFileError extends Error {
  override readonly name = 'PlanFileError';
}

/**
 * Reads a plan file.
 *
 * @throws PlanFileError
 */
export function parsePlanFile(text: string, file: string): PlanFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new PlanFileError(`${file}:${line}:${col}: ${problem.message.split('\n')[0] ?? ''}`);
  }
  const content = toContent(document, lines, file);
  const place = (path: readonly (string | number)[]): string => placeIn(document, lines, path);
  const violations = createSchemaChecker().check(JSON.stringify(planFileSchema), content);
  if (violations.length > 0 || !isJsonObject(content)) {
    const messages = violations.map(({ at, description }) => {
      const path = at.split('/').slice(1).map(unescapePointer);
      return `${file}:${place(path)}: ${path.length === 0 ? 'the plan' : path.join('.')} ${description}`;
    });
    throw new PlanFileError(messages.join('\n'));
  }
  return toPlanFile(content, place);
}

/** The file's content with its aliases in place. */
function toContent(document: Document, lines: LineCounter, file: string): JsonValue {
  try {
    const content: unknown = document.toJS();
    // An alias within what it stands for makes a circle, of which there is no JSON.
    JSON.stringify(content);
    return content as JsonValue;
  } catch (error) {
    let place = '1:1';
    visit(document, {
      Alias: (_, alias) => {
        const { line, col } = lines.linePos(alias.range?.[0] ?? 0);
        place = `${line}:${col}`;
        return visit.BREAK;
      },
    });
    throw new PlanFileError(`${file}:${place}: ${aliasProblem(error)}`, { cause: error });
  }
}

function aliasProblem(error: unknown): string {
  return error instanceof ReferenceError
    ? `aliases cannot be resolved: ${error.message}`
    : 'an alias stands within what it stands for';
}

function toPlanFile(content: JsonObject, place: (path: readonly string[]) => string): PlanFile {
  const steps = objectOf(content['steps']);
  const groups = objectOf(content['groups']);
  const workflow = objectOf(content['workflow']);
  const stepIds = Object.keys(steps);
  return {
    workflowId: textOf(workflow['id']),
    settings: toSettings(workflow),
    plan: {
      steps: stepIds.map((id) => toStep(id, objectOf(steps[id]))),
      groups: Object.entries(groups).map(([id, group]): GroupSpec => ({
        id,
        dependsOn: textsOf(objectOf(group)['needs']),
      })),
      output: isJsonObject(content['output']) ? content['output'] : undefined,
    },
    placeOf: (field) => {
      const path = toFilePath(field, content);
      return path === undefined ? undefined : place(path);
    },
  };
}

function toAction(step: JsonObject): StepSpec['action'] {
  const args = objectOf(step['with']);
  if (step['approval'] !== undefined)
    return { $case: 'approval', value: { message: textOf(step['approval']) } };
  if (step['signal'] !== undefined) return { $case: 'signal', value: { name: textOf(step['signal']) } };
  const [first = '', second = ''] = textOf(step['call'] ?? step['child']).split('/');
  return step['child'] === undefined
    ? {
        $case: 'call',
        value: { controller: first, method: second, system: textOf(step['system']), arguments: args },
      }
    : { $case: 'child', value: { orchestrator: first, operation: second, arguments: args } };
}

function toStep(id: string, step: JsonObject): StepSpec {
  const timeout = textOf(step['timeout']);
  return {
    id,
    description: textOf(step['description']),
    group: textOf(step['group']),
    dependsOn: textsOf(step['needs']),
    action: toAction(step),
    undo: toUndo(step['undo']),
    nodes: toNodes(step['nodes']),
    locks: toLocks(step['locks']),
    retry: toRetry(step['retry']),
    timeout: timeout === '' ? undefined : msToDuration(parseDurationMs(timeout, `steps.${id}.timeout`)),
  };
}

function toLocks(locks: JsonValue | undefined): LockSpec[] {
  return Object.entries(objectOf(locks)).map(([resource, mode]) => ({
    resource,
    mode: mode === 'shared' ? LockMode.SHARED : LockMode.EXCLUSIVE,
  }));
}

function toNodes(nodes: JsonValue | undefined): NodeSelector | undefined {
  if (!isJsonObject(nodes)) return undefined;
  return {
    neighborhood: textOf(nodes['neighborhood']),
    labels: objectOf(nodes['labels']) as Record<string, string>,
  };
}

function toUndo(undo: JsonValue | undefined): Undo | undefined {
  if (undo === undefined) return undefined;
  if (undo === 'none') return { way: { $case: 'noneNeeded', value: {} } };
  if (undo === 'irreversible') return { way: { $case: 'irreversible', value: {} } };
  const call = objectOf(undo);
  const args = isJsonObject(call['with']) ? call['with'] : undefined;
  return { way: { $case: 'call', value: { method: textOf(call['method']), arguments: args } } };
}

function toRetry(value: JsonValue | undefined): RetryPolicy | undefined {
  if (value === undefined) return undefined;
  const retry = objectOf(value);
  const duration = (name: string): RetryPolicy['initialBackoff'] => {
    const text = textOf(retry[name]);
    return text === '' ? undefined : msToDuration(parseDurationMs(text, `retry.${name}`));
  };
  return {
    maxAttempts: Number(retry['max_attempts'] ?? 0),
    initialBackoff: duration('initial_backoff'),
    maxBackoff: duration('max_backoff'),
    multiplier: Number(retry['multiplier'] ?? 0),
  };
}

const onFailures: Readonly<Record<string, OnFailure>> = {
  rollback: OnFailure.ROLL_BACK,
  suspend: OnFailure.SUSPEND,
  keep: OnFailure.KEEP,
};

function toSettings(workflow: JsonObject): WorkflowSettings {
  const deadline = textOf(workflow['deadline']);
  const startTime = textOf(workflow['start_time']);
  const { priority } = workflow;
  return {
    tenant: textOf(workflow['tenant']),
    labels: objectOf(workflow['labels']) as Record<string, string>,
    priority: typeof priority === 'number' ? priority : undefined,
    startTime: startTime === '' ? undefined : new Date(startTime),
    deadline: deadline === '' ? undefined : msToDuration(parseDurationMs(deadline, 'workflow.deadline')),
    deadlineAction: onFailures[textOf(workflow['deadline_action'])] ?? OnFailure.UNSPECIFIED,
    onFailure: onFailures[textOf(workflow['on_failure'])] ?? OnFailure.UNSPECIFIED,
    runningSteps: workflow['running_steps'] === 'cancel' ? RunningSteps.CANCEL : RunningSteps.UNSPECIFIED,
    description: textOf(workflow['description']),
    locks: toLocks(workflow['locks']),
    callback: textOf(workflow['callback']),
  };
}

/** The place of the value at the path, or of the nearest one around it. */
function placeIn(document: Document, lines: LineCounter, path: readonly (string | number)[]): string {
  for (let length = path.length; length >= 0; length--) {
    const offset = offsetOf(document, path.slice(0, length));
    if (offset === undefined) continue;
    const { line, col } = lines.linePos(offset);
    return `${line}:${col}`;
  }
  return '1:1';
}

/** Where the key stands if it has one: people look for names. */
function offsetOf(document: Document, path: readonly (string | number)[]): number | undefined {
  const last = path.at(-1);
  const parent: unknown = path.length <= 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (isMap(parent) && last !== undefined) {
    const pair = parent.items.find(
      (item) => isPair(item) && isNode(item.key) && String(item.key) === String(last),
    );
    return (pair?.key as Node | undefined)?.range?.[0];
  }
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
