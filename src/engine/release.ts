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
import { HeadState, type ChildRef, type SignalRecord } from '../gen/store/steplock/store/v1/workflow.js';
import { errorRecord } from '../model/attempt.js';
import { callOf, stepOf } from '../model/plan.js';
import { isAwaited, isWaiting } from '../model/waiting.js';
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

/** What time it is for a workflow. */
export interface Now {
  /** By wall clock. */
  readonly nowMs: number;
  /** How long it has been running. */
  readonly elapsedMs: number;
}

interface ReleaseInputs extends Now {
  readonly reserve: Reserve;
}

/** Queues the steps that wait for nothing any more, as many as fit into the turn. */
export function releaseSteps(run: Run, inputs: ReleaseInputs, turn: Turn): void {
  for (const node of [...run.ready]) {
    if (!turn.hasRoom) {
      turn.hasMore = true;
      return;
    }
    const step = present(run.plan.steps[node], 'A ready step');
    const id = step.id as StepId;
    const signal = step.kind === 'signal' ? run.signals.get(step.prompt)?.record : undefined;
    if (signal !== undefined) satisfy(run, id, signal, inputs.nowMs, turn);
    else enqueue(run, newItem(run, id, inputs), undefined, inputs, turn);
  }
}

/** The message that the step waits for is there. */
export function satisfy(run: Run, step: StepId, signal: SignalRecord, nowMs: number, turn: Turn): void {
  endWaiting(run, step, { state: OutcomeState.SUCCEEDED, output: signal.payload }, nowMs, turn);
}

/** Ends a step that waits, or that would. */
export function endWaiting(
  run: Run,
  step: StepId,
  end: Partial<StepRecord>,
  nowMs: number,
  turn: Turn,
): void {
  const item = run.items.get(step);
  const { queueTimeMs, series } = item?.record ?? { queueTimeMs: nowMs, series: 0 };
  const record = { ...emptyRecord(step, nowMs), queueTimeMs, startTimeMs: queueTimeMs, series, ...end };
  const entry = { record, revision: 0 };
  turn.add({ kind: 'record', step, entry, item, former: run.records.get(step) });
  run.end(step, entry);
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
    else if (step.kind === 'child') undoChild(run, id, inputs, turn);
    else enqueue(run, newItem(run, undoOf(id), inputs), undefined, inputs, turn);
  }
}

/** The child goes back itself, and after it those of earlier tries; the undo waits for them, each is asked in a turn. */
function undoChild(run: Run, step: StepId, inputs: ReleaseInputs, turn: Turn): void {
  const [last] = run.childrenOf(step);
  if (last === undefined) {
    endWaiting(run, undoOf(step), { state: OutcomeState.SUCCEEDED }, inputs.nowMs, turn);
    return;
  }
  const item = { ...newItem(run, undoOf(step), inputs), ...awaiting(last), inDoubt: true };
  enqueue(run, item, run.records.get(undoOf(step)), inputs, turn);
}

/** What of an item says that it waits for that child to go back. */
export function awaiting({ id, shard }: ChildRef): Partial<QueueItem> {
  return { child: id, childShard: shard, childState: HeadState.ROLLING_BACK, childAsked: '' };
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
  const reservation = isWaiting(item) ? undefined : inputs.reserve(item);
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
export function newItem(run: Run, step: StepId, { nowMs, elapsedMs }: Now): QueueItem {
  const spec = stepOf(run.plan, step);
  return {
    kind: spec.kind === 'call' ? '' : spec.kind,
    waitUntilElapsedMs: isAwaited(spec.kind) && spec.timeoutMs > 0 ? elapsedMs + spec.timeoutMs : 0,
    child: '',
    childShard: 0,
    childState: HeadState.UNSPECIFIED,
    childAsked: '',
    secretScope: run.head.parent?.rootUid ?? '',
    traceParent: run.head.traceParent,
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
    child: '',
    childShard: 0,
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
