/** Records as the wire shows them. Pure. */
import { isUndo, undoneOf, undoOf, type StepId } from '../../base/ids.js';
import { msToDate, msToDuration } from '../../base/duration.js';
import { fromUtf8 } from '../../base/bytes.js';
import type { JsonObject } from '../../base/json.js';
import type { Entry } from '../../engine/run.js';
import { UndoKind, type PlanStep } from '../../gen/store/steplock/store/v1/plan.js';
import {
  EffectKind,
  OutcomeState,
  type AttemptRecord,
  type IncidentRecord,
  type QueueItem,
  type StepRecord,
} from '../../gen/store/steplock/store/v1/step.js';
import type {
  ErrorRecord,
  MarkRecord,
  StopRecord,
  WorkflowHead,
} from '../../gen/store/steplock/store/v1/workflow.js';
import type { StepSpec, Undo } from '../../gen/wire/steplock/v1/plan.js';
import {
  Direction,
  Effect,
  StepState,
  StopCause,
  type Attempt,
  type Mark,
  type Step,
  type StepCounts,
  type StepError,
  type Stop,
  type Workflow,
} from '../../gen/wire/steplock/v1/workflow.js';
import { parseArguments } from '../../model/check-arguments.js';
import { needsUndo } from '../../model/attempt.js';
import { findStep, type Plan } from '../../model/plan.js';
import { isFinal, isStopped } from '../../model/workflow-state.js';
import { stepName, workflowName } from './names.js';
import { renderSettings } from './settings.js';

/** A workflow as it stood at a revision. */
export interface WorkflowView {
  readonly head: WorkflowHead;
  readonly headRevision: number;
  readonly plan: Plan;
  readonly records: ReadonlyMap<StepId, Entry<StepRecord>>;
  readonly items: ReadonlyMap<StepId, Entry<QueueItem>>;
  readonly incidents: ReadonlyMap<string, Entry<IncidentRecord>>;
}

const incidentsShown = 20;

/** The workflow, with its counts. */
export function renderWorkflow(view: WorkflowView): Workflow {
  const open = [...view.incidents.values()].filter(({ record }) => record.resolveTimeMs === 0);
  return {
    ...renderHead(view.head, view.headRevision),
    counts: countSteps(view),
    incidents: open.slice(0, incidentsShown).map(({ record }) => `incidents/${record.incidentId}`),
  };
}

/** What the head alone says. */
export function renderHead(head: WorkflowHead, headRevision: number): Workflow {
  return {
    name: workflowName(head.workflowId),
    uid: head.uid,
    etag: String(headRevision),
    state: head.state,
    settings: renderSettings(head),
    createTime: msToDate(head.createTimeMs),
    startTime: msToDate(head.startTimeMs),
    endTime: msToDate(head.endTimeMs),
    stop: head.stop === undefined ? undefined : renderStop(head.stop),
    suspension: head.suspension === undefined ? undefined : renderMark(head.suspension),
    incidents: [],
    planHash: head.plan?.hash ?? '',
    history: head.history.map(renderMark),
    actor: head.actor,
  };
}

/** All steps in the plan's order, then the undos in that order. */
export function stepIdsOf(view: WorkflowView): StepId[] {
  const ids = view.plan.steps.map((step) => step.id as StepId);
  const undos = ids.map(undoOf).filter((id) => view.records.has(id) || view.items.has(id));
  return [...ids, ...undos];
}

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
    waitsFor: isUndo(id) ? [] : [...new Set([...spec.dependsOn, ...spec.impliedDependsOn])],
    ...(record === undefined ? ofItem(item ?? emptyItem) : ofRecord(record)),
  };
}

type Lived = Omit<Step, 'name' | 'id' | 'direction' | 'state' | 'spec' | 'waitsFor'>;
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
function stateOf({ head, records, items }: WorkflowView, id: StepId): StepState {
  const record = records.get(id)?.record;
  if (record !== undefined) return outcomeStates.get(record.state) ?? StepState.UNSPECIFIED;
  const item = items.get(id)?.record;
  if (item !== undefined) {
    if (item.claim !== undefined || item.inDoubt) return StepState.RUNNING;
    return item.notBeforeMs > 0 ? StepState.BACKING_OFF : StepState.QUEUED;
  }
  return isStopped(head.state) || isFinal(head.state) ? StepState.CANCELLED : StepState.PENDING;
}

function countSteps(view: WorkflowView): StepCounts {
  const counts: StepCounts = {
    total: view.plan.steps.length,
    pending: 0,
    queued: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    skipped: 0,
    cancelled: 0,
    unknown: 0,
    undone: 0,
  };
  for (const step of view.plan.steps) {
    const id = step.id as StepId;
    const name = countNames.get(stateOf(view, id));
    if (name !== undefined) counts[name] += 1;
    const undo = view.records.get(undoOf(id))?.record.state;
    const record = view.records.get(id)?.record;
    const hadEffect = record !== undefined && needsUndo(record.state, record.effect);
    if (hadEffect && (undo === OutcomeState.SUCCEEDED || undo === OutcomeState.SKIPPED)) counts.undone += 1;
  }
  return counts;
}

const countNames = new Map<StepState, Exclude<keyof StepCounts, 'total' | 'undone'>>([
  [StepState.PENDING, 'pending'],
  [StepState.WAITING, 'queued'],
  [StepState.QUEUED, 'queued'],
  [StepState.BACKING_OFF, 'queued'],
  [StepState.RUNNING, 'running'],
  [StepState.SUCCEEDED, 'succeeded'],
  [StepState.FAILED, 'failed'],
  [StepState.SKIPPED, 'skipped'],
  [StepState.CANCELLED, 'cancelled'],
  [StepState.UNKNOWN, 'unknown'],
]);

/** A step of the plan as it was submitted, with its defaults filled in. */
export function renderSpec(step: PlanStep): StepSpec {
  return {
    id: step.id,
    description: step.description,
    group: step.group,
    dependsOn: step.dependsOn,
    action: {
      $case: 'call',
      value: {
        controller: step.controller,
        method: step.method,
        system: step.system,
        arguments: parseArguments(step.arguments),
      },
    },
    undo: renderUndo(step),
    retry: {
      maxAttempts: step.maxAttempts,
      initialBackoff: msToDuration(step.initialBackoffMs),
      maxBackoff: msToDuration(step.maxBackoffMs),
      multiplier: step.multiplier,
    },
    timeout: step.timeoutMs === 0 ? undefined : msToDuration(step.timeoutMs),
  };
}

function renderUndo(step: PlanStep): Undo | undefined {
  switch (step.undoKind) {
    case UndoKind.METHOD: {
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

/** An error of a step. */
export function renderError({ reason, message, retryable }: ErrorRecord): StepError {
  return { reason, message, retryable };
}

/** What an operator did. */
export function renderMark({ verb, actor, reason, timeMs, step }: MarkRecord): Mark {
  return { verb, actor, reason, time: msToDate(timeMs), step };
}

const stopCauses = new Map<string, StopCause>(
  Object.entries(StopCause).map(([name, value]) => [name, value]),
);

function renderStop(stop: StopRecord): Stop {
  return {
    cause: stopCauses.get(stop.cause) ?? StopCause.UNSPECIFIED,
    step: stop.step,
    mark: stop.mark === undefined ? undefined : renderMark(stop.mark),
    error: stop.error === undefined ? undefined : renderError(stop.error),
  };
}

/** What a step left. */
export function renderEffect(effect: EffectKind | undefined): Effect {
  switch (effect) {
    case EffectKind.NONE:
      return Effect.NONE;
    case EffectKind.SOME:
      return Effect.SOME;
    case EffectKind.UNKNOWN:
      return Effect.UNKNOWN;
    default:
      return Effect.UNSPECIFIED;
  }
}
