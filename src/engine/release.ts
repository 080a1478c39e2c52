/** Puts into the queue what can start, and takes out of it what no longer should. Part of the decision; no I/O. */
import { isUndo, undoOf, type StepId } from '../base/ids.js';
import { present } from '../base/assert.js';
import { UndoKind } from '../gen/store/steplock/store/v1/plan.js';
import {
  EffectKind,
  OutcomeState,
  type ClaimRecord,
  type QueueItem,
  type StepRecord,
} from '../gen/store/steplock/store/v1/step.js';
import { errorRecord } from '../model/attempt.js';
import { callOf, stepOf } from '../model/plan.js';
import { incidentFor } from './incident.js';
import { openIncident } from './moves.js';
import type { Entry, Run } from './run.js';
import type { Compare } from '../store/store.js';
import type { Turn } from './turn.js';

/** Claims a slot of this node for a step that is about to be queued, if one is free; see dispatcher. */
export type Reserve = (item: QueueItem) => Reservation | undefined;

/** A slot of this node, with what the step starts under. */
export interface Reservation {
  readonly claim: ClaimRecord;
  /** Keys of the permits that the claim takes. */
  readonly permits: readonly string[];
  /** What must hold for that. */
  readonly guards: readonly Compare[];
}

interface ReleaseInputs {
  readonly nowMs: number;
  readonly reserve: Reserve;
}

/** Queues the steps that wait for nothing any more, as many as fit into the turn. */
export function releaseSteps(run: Run, inputs: ReleaseInputs, turn: Turn): void {
  for (const node of [...run.ready]) {
    if (!turn.hasRoom) {
      turn.hasMore = true;
      return;
    }
    const step = present(run.plan.steps[node], 'A ready step').id as StepId;
    enqueue(run, newItem(run, step, inputs.nowMs), undefined, inputs, turn);
  }
}

/** Queues the undos that wait for nothing any more, as many as fit into the turn. */
export function releaseUndos(run: Run, inputs: ReleaseInputs, turn: Turn): void {
  for (const node of [...run.undoReady]) {
    if (!turn.hasRoom) {
      turn.hasMore = true;
      return;
    }
    const step = present(run.plan.steps[node], 'A step to undo');
    const id = step.id as StepId;
    if (step.undoKind === UndoKind.IRREVERSIBLE) refuseUndo(run, id, inputs.nowMs, turn);
    else enqueue(run, newItem(run, undoOf(id), inputs.nowMs), undefined, inputs, turn);
  }
}

/** A step that cannot be undone has taken effect: a person decides. */
function refuseUndo(run: Run, step: StepId, nowMs: number, turn: Turn): void {
  const undo = undoOf(step);
  const error = errorRecord('IRREVERSIBLE', `Step ${step} has taken effect and cannot be undone`, false);
  const incident = incidentFor(run.key, undo, { error, effect: EffectKind.SOME, task: '', number: 1, nowMs });
  const record: StepRecord = {
    ...emptyRecord(undo, nowMs),
    state: OutcomeState.FAILED,
    effect: EffectKind.NONE,
    error,
    incidentId: incident.incidentId,
  };
  const entry = { record, revision: 0 };
  turn.add({ kind: 'record', step: undo, entry, item: undefined, former: undefined });
  openIncident(run, incident, turn);
  run.end(undo, entry);
}

/** Puts a step, or an undo, into the queue; claimed by this node at once if it has a free slot. */
export function enqueue(
  run: Run,
  item: QueueItem,
  former: Entry<StepRecord> | undefined,
  inputs: ReleaseInputs,
  turn: Turn,
): void {
  const step = item.stepId as StepId;
  const reservation = inputs.reserve(item);
  const record = reservation === undefined ? item : beginAttempt(item, reservation, inputs.nowMs);
  const entry = { record, revision: 0 };
  turn.add({ kind: 'enqueue', step, entry, former, guards: reservation?.guards ?? [] });
  run.queue(step, entry);
}

/** The item with a new attempt begun under the claim: the intent, recorded before the call. */
export function beginAttempt(
  item: QueueItem,
  { claim, permits }: Pick<Reservation, 'claim' | 'permits'>,
  nowMs: number,
): QueueItem {
  return {
    ...item,
    claim,
    permits: [...permits],
    attempt: item.attempt + 1,
    inDoubt: true,
    notBeforeMs: 0,
    delayMs: 0,
    task: '',
    progressPercent: 0,
    progressMessage: '',
    startTimeMs: item.startTimeMs === 0 ? nowMs : item.startTimeMs,
    attemptTimeMs: nowMs,
  };
}

/** The queue item of a step, or an undo, that has not begun. */
export function newItem(run: Run, step: StepId, nowMs: number): QueueItem {
  const spec = stepOf(run.plan, step);
  return {
    unitId: '',
    workflowId: run.key.id,
    uid: run.head.uid,
    shard: run.key.shard,
    stepId: step,
    controller: spec.controller,
    method: isUndo(step) ? spec.undoMethod : spec.method,
    system: spec.system,
    limitClass: callOf(run.plan, step).description.limitClass,
    permits: [],
    neighborhood: spec.neighborhood,
    nodeLabels: spec.nodeLabels,
    tenant: run.head.tenant,
    priority: run.head.priority,
    attempt: 0,
    inDoubt: false,
    failures: 0,
    lostClaims: 0,
    unknownProbes: 0,
    series: 0,
    task: '',
    notBeforeMs: 0,
    delayMs: 0,
    progressPercent: 0,
    progressMessage: '',
    lastAttempts: [],
    queueTimeMs: nowMs,
    startTimeMs: 0,
    attemptTimeMs: 0,
    effect: EffectKind.NONE,
  };
}

/**
 * In a workflow that was stopped: takes out of the queue what is of the plan and has no call under way. What never
 * began leaves no trace; what failed and was to be tried again ends as cancelled, with what it left.
 */
export function tidyStopped(run: Run, nowMs: number, turn: Turn): void {
  for (const [step, item] of run.items) {
    if (isUndo(step) || item.record.inDoubt) continue;
    if (!turn.hasRoom) {
      turn.hasMore = true;
      return;
    }
    if (item.record.attempt === 0) {
      turn.add({ kind: 'withdraw', step, item });
      run.withdraw(step);
      continue;
    }
    const entry = { record: cancelledRecord(item.record, nowMs), revision: 0 };
    turn.add({ kind: 'record', step, entry, item, former: run.records.get(step) });
    run.end(step, entry);
  }
}

function cancelledRecord(item: QueueItem, nowMs: number): StepRecord {
  return {
    ...emptyRecord(item.stepId as StepId, nowMs),
    state: OutcomeState.CANCELLED,
    effect: item.effect,
    error: item.error ?? errorRecord('STEP_CANCELLED', 'Stopped with its workflow', false),
    attempts: item.attempt,
    lastAttempts: item.lastAttempts,
    series: item.series,
    queueTimeMs: item.queueTimeMs,
    startTimeMs: item.startTimeMs,
  };
}

/** The record of a step that ends now and of which nothing else is known. */
export function emptyRecord(step: StepId, nowMs: number): StepRecord {
  return {
    unitId: '',
    stepId: step,
    state: OutcomeState.UNSPECIFIED,
    effect: EffectKind.NONE,
    output: Buffer.alloc(0),
    attempts: 0,
    lastAttempts: [],
    task: '',
    series: 0,
    queueTimeMs: nowMs,
    startTimeMs: 0,
    endTimeMs: nowMs,
    incidentId: '',
    permits: [],
  };
}
