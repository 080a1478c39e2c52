/** A step's records as the wire shows them. Pure. */
import { fromUtf8 } from '../../base/bytes.js';
import { msToDate, msToDuration } from '../../base/duration.js';
import { isUndo, undoneOf, type StepId } from '../../base/ids.js';
import type { JsonObject } from '../../base/json.js';
import { UndoKind, type PlanStep } from '../../gen/store/steplock/store/v1/plan.js';
import {
  EffectKind,
  OutcomeState,
  type AttemptRecord,
  type QueueItem,
  type StepRecord,
} from '../../gen/store/steplock/store/v1/step.js';
import type { StepSpec, Undo } from '../../gen/wire/steplock/v1/plan.js';
import { Direction, StepState, type Attempt, type Step } from '../../gen/wire/steplock/v1/workflow.js';
import { renderLocks } from '../../model/parse-locks.js';
import { parseArguments } from '../../model/check-arguments.js';
import { findStep } from '../../model/plan.js';
import { isWaiting } from '../../model/waiting.js';
import { isFinal, isStopped } from '../../model/workflow-state.js';
import { stepName, workflowName } from './names.js';
import { renderEffect, renderError } from './render-parts.js';
import type { WorkflowView } from './view.js';

/** One step, or undo; undefined if there is none of that id. */
export function renderStep(view: WorkflowView, id: StepId): Step | undefined {
  const spec = findStep(view.plan, id);
  const record = view.records.get(id)?.record;
  const item = view.items.get(id)?.record;
  if (spec === undefined || (isUndo(id) && record === undefined && item === undefined)) return undefined;
  return {
    name: stepName(view.head.workflowId, id),
    id: undoneOf(id),
    direction: isUndo(id) ? Direction.UNDO : Direction.FORWARD,
    state: stateOf(view, id),
    spec: renderSpec(spec),
    addedBy: spec.addedBy,
    waitsFor: isUndo(id) ? [] : [...new Set([...spec.dependsOn, ...spec.impliedDependsOn])],
    ...(record === undefined ? ofItem(item ?? emptyItem) : ofRecord(record)),
  };
}

type Lived = Omit<Step, 'name' | 'id' | 'direction' | 'state' | 'spec' | 'waitsFor' | 'addedBy'>;
type ShownItem = Pick<
  QueueItem,
  | 'attempt'
  | 'lastAttempts'
  | 'progressPercent'
  | 'progressMessage'
  | 'error'
  | 'effect'
  | 'task'
  | 'claim'
  | 'queueTimeMs'
  | 'startTimeMs'
  | 'notBeforeMs'
  | 'child'
>;

/** Of a step that is not queued. */
const emptyItem: ShownItem = {
  attempt: 0,
  lastAttempts: [],
  progressPercent: 0,
  progressMessage: '',
  effect: EffectKind.UNSPECIFIED,
  task: '',
  queueTimeMs: 0,
  startTimeMs: 0,
  notBeforeMs: 0,
  child: '',
};

function ofItem(item: ShownItem): Lived {
  return {
    attempts: item.attempt,
    lastAttempts: item.lastAttempts.map(renderAttempt),
    progressPercent: item.progressPercent,
    progressMessage: item.progressMessage,
    error: item.error === undefined ? undefined : renderError(item.error),
    effect: renderEffect(item.effect),
    task: item.task,
    node: item.claim?.node ?? '',
    queueTime: msToDate(item.queueTimeMs),
    startTime: msToDate(item.startTimeMs),
    nextAttemptTime: item.claim === undefined ? msToDate(item.notBeforeMs) : undefined,
    child: item.child === '' ? '' : workflowName(item.child),
  };
}

function ofRecord(record: StepRecord): Lived {
  return {
    attempts: record.attempts,
    lastAttempts: record.lastAttempts.map(renderAttempt),
    progressPercent: record.state === OutcomeState.SUCCEEDED ? 100 : 0,
    progressMessage: '',
    output: renderOutput(record),
    error: record.error === undefined ? undefined : renderError(record.error),
    effect: renderEffect(record.effect),
    task: record.task,
    node: record.claim?.node ?? '',
    queueTime: msToDate(record.queueTimeMs),
    startTime: msToDate(record.startTimeMs),
    endTime: msToDate(record.endTimeMs),
    child: record.child === '' ? '' : workflowName(record.child),
  };
}

const outcomeStates = new Map<OutcomeState, StepState>([
  [OutcomeState.SUCCEEDED, StepState.SUCCEEDED],
  [OutcomeState.FAILED, StepState.FAILED],
  [OutcomeState.SKIPPED, StepState.SKIPPED],
  [OutcomeState.CANCELLED, StepState.CANCELLED],
  [OutcomeState.UNKNOWN, StepState.UNKNOWN],
]);

/** Where a step stands: its outcome, else its place in the queue, else what its workflow says. */
export function stateOf({ head, records, items }: WorkflowView, id: StepId): StepState {
  const record = records.get(id)?.record;
  if (record !== undefined) return outcomeStates.get(record.state) ?? StepState.UNSPECIFIED;
  const item = items.get(id)?.record;
  if (item !== undefined) {
    if (isWaiting(item)) return StepState.WAITING;
    if (item.claim !== undefined || item.inDoubt) return StepState.RUNNING;
    return item.notBeforeMs > 0 ? StepState.BACKING_OFF : StepState.QUEUED;
  }
  return isStopped(head.state) || isFinal(head.state) ? StepState.CANCELLED : StepState.PENDING;
}

/** A step of the plan as it was submitted, with its defaults filled in. */
export function renderSpec(step: PlanStep): StepSpec {
  return {
    id: step.id,
    description: step.description,
    group: step.group,
    dependsOn: step.dependsOn,
    action: renderAction(step),
    undo: renderUndo(step),
    retry: {
      maxAttempts: step.maxAttempts,
      initialBackoff: msToDuration(step.initialBackoffMs),
      maxBackoff: msToDuration(step.maxBackoffMs),
      multiplier: step.multiplier,
    },
    timeout: step.timeoutMs === 0 ? undefined : msToDuration(step.timeoutMs),
    locks: renderLocks(step.locks),
    nodes: isSelective(step) ? { neighborhood: step.neighborhood, labels: step.nodeLabels } : undefined,
  };
}

function renderAction({ kind, controller, method, system, prompt, ...step }: PlanStep): StepSpec['action'] {
  const args = parseArguments(step.arguments);
  switch (kind) {
    case 'approval':
      return { $case: 'approval', value: { message: prompt } };
    case 'signal':
      return { $case: 'signal', value: { name: prompt } };
    case 'child':
      return { $case: 'child', value: { orchestrator: controller, operation: method, arguments: args } };
    default:
      return { $case: 'call', value: { controller, method, system, arguments: args } };
  }
}

function renderUndo(step: PlanStep): Undo | undefined {
  switch (step.undoKind) {
    case UndoKind.METHOD: {
      // A child is undone by rolling it back.
      if (step.undoMethod === '') return undefined;
      const args = step.undoArguments.length === 0 ? undefined : parseArguments(step.undoArguments);
      return { way: { $case: 'call', value: { method: step.undoMethod, arguments: args } } };
    }
    case UndoKind.NONE_NEEDED:
      return { way: { $case: 'noneNeeded', value: {} } };
    case UndoKind.IRREVERSIBLE:
      return { way: { $case: 'irreversible', value: {} } };
    default:
      return undefined;
  }
}

function renderOutput(record: StepRecord): JsonObject | undefined {
  if (record.output.length === 0) return undefined;
  return JSON.parse(fromUtf8(record.output)) as JsonObject;
}

function renderAttempt(attempt: AttemptRecord): Attempt {
  return {
    number: attempt.number,
    node: attempt.node,
    startTime: msToDate(attempt.startTimeMs),
    endTime: msToDate(attempt.endTimeMs),
    result: attempt.result,
    error: attempt.error === undefined ? undefined : renderError(attempt.error),
  };
}

function isSelective({ neighborhood, nodeLabels }: PlanStep): boolean {
  return neighborhood !== '' || Object.keys(nodeLabels).length > 0;
}
