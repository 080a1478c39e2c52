/** A workflow's records as the wire shows them. Pure. */
import { msToDate } from '../../base/duration.js';
import { undoOf, type StepId } from '../../base/ids.js';
import type { JsonObject } from '../../base/json.js';
import { resolveOutput } from '../../engine/output.js';
import { OutcomeState } from '../../gen/store/steplock/store/v1/step.js';
import { HeadState, type StopRecord, type WorkflowHead } from '../../gen/store/steplock/store/v1/workflow.js';
import {
  StepState,
  StopCause,
  type StepCounts,
  type Stop,
  type Workflow,
} from '../../gen/wire/steplock/v1/workflow.js';
import { renderLocks } from '../../model/parse-locks.js';
import { needsUndo } from '../../model/attempt.js';
import { stepName, workflowName } from './names.js';
import { renderError, renderMark } from './render-parts.js';
import { stateOf } from './render-step.js';
import { renderSettings } from '../../intake/settings.js';
import type { WorkflowView } from './view.js';

const incidentsShown = 20;

/** The workflow, with its counts. */
export function renderWorkflow(view: WorkflowView): Workflow {
  const open = [...view.incidents.values()].filter(({ record }) => record.resolveTimeMs === 0);
  return {
    ...renderHead(view.head, view.headRevision),
    counts: countSteps(view),
    output: outputOf(view),
    incidents: open.slice(0, incidentsShown).map(({ record }) => `incidents/${record.incidentId}`),
  };
}

/** What the head alone says. */
export function renderHead(head: WorkflowHead, headRevision: number): Workflow {
  const { parent } = head;
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
    locks: renderLocks(head.locks),
    lockWaits: [],
    parent: parent === undefined ? '' : stepName(parent.workflowId, parent.step),
    root: parent === undefined ? '' : workflowName(parent.rootId),
    graphRevision: head.plan?.graphRevision ?? 0,
  };
}

/** What it returns; nothing of a workflow that has not succeeded. */
function outputOf({ head, plan, records }: WorkflowView): JsonObject | undefined {
  return head.state === HeadState.SUCCEEDED ? resolveOutput(plan, records) : undefined;
}

/** All steps in the plan's order, then the undos in that order. */
export function stepIdsOf(view: WorkflowView): StepId[] {
  const ids = view.plan.steps.map((step) => step.id as StepId);
  const undos = ids.map(undoOf).filter((id) => view.records.has(id) || view.items.has(id));
  return [...ids, ...undos];
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
