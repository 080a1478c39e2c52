/**
 * Which verb is allowed when: asked by the node that receives it, so that a caller hears at once, and again by the
 * workflow's owner, who decides. Pure.
 */
import { isUndo, undoOf, type StepId } from '../base/ids.js';
import { OutcomeState, type QueueItem, type StepRecord } from '../gen/store/steplock/store/v1/step.js';
import { HeadState } from '../gen/store/steplock/store/v1/workflow.js';
import { isFinal, isRollingBack, isStopped, stateName, type State } from './workflow-state.js';

/** The verbs that leave a record for the owner. */
export type Verb =
  | 'suspend'
  | 'resume'
  | 'cancel'
  | 'rollback'
  | 'retry'
  | 'skip'
  | 'delete'
  | 'break'
  | 'resolve'
  | 'mark-done'
  | 'mark-undone'
  | 'release'
  | 'untell'
  | 'approve'
  | 'reject'
  | 'signal';

/** What a verb is judged by. */
export interface VerbView {
  readonly state: State;
  /** Whether a failed or unknown step of the plan stands in the way of resuming. */
  readonly hasFailedStep: boolean;
  /** For break: whether the workflow locks the resource. */
  readonly hasLock: boolean;
  /** Whether it is asked of an incident. */
  readonly isOfIncident: boolean;
  /** If so: whether that is open. */
  readonly isIncidentOpen: boolean;
  /** For untell: whether there is still somebody to be told what the incident is about. */
  readonly isUntold: boolean;
  /** For release: whether it locks something or has permits of steps of which nobody knows what came of them. */
  readonly keepsSomething: boolean;
  /** The workflow that it is a part of; empty for a root. */
  readonly parent: string;
  /** Whether its orchestrator has yet to be told how it ended. */
  readonly hasUntoldEnd: boolean;
  /** Whether its parent holds it back. */
  readonly isHeldByParent: boolean;
  /** For signal: whether a step waits for it, now or later, and whether it has arrived. */
  readonly signal: { readonly isAwaited: boolean; readonly hasArrived: boolean };
  /** Whether an incident is open. */
  readonly hasOpenIncident: boolean;
  /** For retry and skip: the step's outcome, its undone step's outcome, and its queue item. */
  readonly step?: {
    readonly id: StepId;
    /** As in the plan. */
    readonly kind: string;
    readonly record: StepRecord | undefined;
    readonly undone: StepRecord | undefined;
    readonly item: QueueItem | undefined;
    /** The queue item of its undo; undefined for an undo. */
    readonly undoItem: QueueItem | undefined;
    /** Whether there is a method that undoes it. */
    readonly hasUndoMethod: boolean;
  };
}

const S = HeadState;

const allowed: Readonly<
  Record<Extract<Verb, 'suspend' | 'resume' | 'cancel' | 'rollback'>, readonly State[]>
> = {
  suspend: [S.SCHEDULED, S.QUEUED, S.RUNNING, S.ROLLING_BACK],
  resume: [S.SUSPENDING, S.SUSPENDED, S.ROLLBACK_SUSPENDING, S.ROLLBACK_SUSPENDED],
  cancel: [S.SCHEDULED, S.QUEUED, S.RUNNING, S.SUSPENDING, S.SUSPENDED, S.STOPPING],
  rollback: [S.SCHEDULED, S.QUEUED, S.RUNNING, S.SUSPENDING, S.SUSPENDED, S.STOPPING],
};

/** Why the verb is not allowed, or undefined if it is. */
export function refusalOf(verb: Verb, view: VerbView): string | undefined {
  if (view.isOfIncident && !view.isIncidentOpen) return 'the incident is resolved';
  if (isResolution(verb)) return refusalOfResolution(verb, view);
  switch (verb) {
    case 'delete':
      return refusalOfDelete(view);
    case 'retry':
      return refusalOfRetry(view);
    case 'skip':
      return refusalOfSkip(view);
    case 'break':
      if (isFinal(view.state) || view.state === S.DELETING) return `the workflow is ${stateName(view.state)}`;
      return view.hasLock ? undefined : 'the workflow does not lock that resource';
    case 'approve':
    case 'reject':
      return refusalOfDecision(view);
    case 'signal':
      return refusalOfSignal(view);
    case 'resume':
      if (view.isHeldByParent) return 'its parent is suspended: resume that';
      if (view.hasFailedStep && !isRollingBack(view.state)) {
        return 'a step that failed, or of which nobody knows what came of it, stands in the way: retry or skip it first, or roll back';
      }
      break;
    default:
  }
  return allowed[verb].includes(view.state) ? undefined : `the workflow is ${stateName(view.state)}`;
}

function refusalOfDelete({ state, hasOpenIncident, hasUntoldEnd, parent }: VerbView): string | undefined {
  if (parent !== '') return `it is part of workflows/${parent}: delete its root`;
  if (state === S.DRAFT || state === S.DELETING) return undefined;
  if (!isFinal(state)) return `the workflow is ${stateName(state)}: cancel it first`;
  if (hasUntoldEnd) return 'its orchestrator has not been told yet how it ended';
  return hasOpenIncident ? 'an incident of it is open' : undefined;
}

function refusalOfDecision({ step }: VerbView): string | undefined {
  if (step === undefined) return 'it names no step';
  if (isUndo(step.id) || step.kind !== 'approval') return 'the step is no approval';
  return step.item === undefined ? 'the step does not wait for an approval' : undefined;
}

function refusalOfSignal({ state, signal }: VerbView): string | undefined {
  if (isStopped(state)) return `the workflow is ${stateName(state)}`;
  if (signal.hasArrived) return 'a signal of that name has arrived';
  return signal.isAwaited ? undefined : 'no step waits for a signal of that name';
}

/** Whether steps of the plan can still be given another chance. */
function isForward(state: State): boolean {
  return state === S.RUNNING || state === S.SUSPENDING || state === S.SUSPENDED;
}

function hasFailed(record: StepRecord | undefined): boolean {
  const { FAILED, CANCELLED, UNKNOWN } = OutcomeState;
  return record !== undefined && ([FAILED, CANCELLED, UNKNOWN] as OutcomeState[]).includes(record.state);
}

function refusalOfRetry({ state, step }: VerbView): string | undefined {
  if (step === undefined) return 'it names no step';
  if (step.item !== undefined) return 'the step is queued or running';
  if (isUndo(step.id)) {
    if (!isRollingBack(state)) return `the workflow is ${stateName(state)}`;
    if (!step.hasUndoMethod)
      return 'no method undoes the step; once it is undone by hand say so, or skip the undo, to go on';
    const isUndecided = step.record === undefined && step.undone?.state === OutcomeState.UNKNOWN;
    return hasFailed(step.record) || isUndecided ? undefined : 'the undo did not fail';
  }
  if (isRollingBack(state) && hasFailed(step.record))
    return `the workflow is ${stateName(state)}: retry or skip its undo, ${undoOf(step.id)}`;
  if (!isForward(state)) return `the workflow is ${stateName(state)}`;
  return hasFailed(step.record) ? undefined : 'the step did not fail';
}

type ResolutionOnly = 'resolve' | 'mark-done' | 'mark-undone' | 'release' | 'untell';

function isResolution(verb: Verb): verb is ResolutionOnly {
  return ['resolve', 'mark-done', 'mark-undone', 'release', 'untell'].includes(verb);
}

function refusalOfResolution(verb: ResolutionOnly, view: VerbView): string | undefined {
  switch (verb) {
    case 'resolve':
      if (isFinal(view.state)) return undefined;
      return `the workflow is ${stateName(view.state)}: say what is to become of the step`;
    case 'mark-done':
      return refusalOfDone(view);
    case 'mark-undone':
      return refusalOfUndone(view);
    case 'release':
      return refusalOfRelease(view);
    case 'untell':
      return view.isUntold ? undefined : 'its orchestrator was told';
  }
}

/** Facts about a step can be told wherever its workflow stands, but for a step whose undo goes by another account. */
function refusalOfFact({ state, step }: VerbView): string | undefined {
  if (step === undefined) return 'it names no step';
  if (state === S.DELETING) return `the workflow is ${stateName(state)}`;
  if (step.item !== undefined) return 'the step is queued or running';
  if (step.undoItem !== undefined) return `its undo is queued or running: wait for that, ${undoOf(step.id)}`;
  return undefined;
}

function refusalOfDone(view: VerbView): string | undefined {
  const refusal = refusalOfFact(view);
  if (refusal !== undefined || view.step === undefined) return refusal;
  if (isUndo(view.step.id))
    return 'it is about an undo: say undone if nothing of the step is left, or skip the undo';
  return view.step.record?.state === OutcomeState.UNKNOWN ? undefined : 'what came of the step is known';
}

function refusalOfUndone(view: VerbView): string | undefined {
  const refusal = refusalOfFact(view);
  if (refusal !== undefined || view.step === undefined) return refusal;
  const { id, record } = view.step;
  if (!isUndo(id))
    return record?.state === OutcomeState.UNKNOWN ? undefined : 'what came of the step is known';
  if (!isRollingBack(view.state)) return `the workflow is ${stateName(view.state)}`;
  return hasFailed(record) ? undefined : 'the undo did not fail';
}

function refusalOfRelease({ state, keepsSomething, parent }: VerbView): string | undefined {
  if (isFinal(state)) return undefined;
  if (state !== S.ROLLBACK_BLOCKED) {
    const instead = 'what it keeps is in use; roll it back, or break a single lock';
    return `the workflow is ${stateName(state)}, and only a blocked rollback has a quarantine: ${instead}`;
  }
  if (keepsSomething) return undefined;
  const locks = parent === '' ? '' : '; what it locks is kept by its root: break those locks';
  return `it keeps no locks and no permits${locks}`;
}

function refusalOfSkip({ state, step }: VerbView): string | undefined {
  if (step === undefined) return 'it names no step';
  const { item, record } = step;
  if (item !== undefined && (item.inDoubt || item.claim !== undefined)) return 'the step is running';
  if (isUndo(step.id)) {
    if (!isRollingBack(state)) return `the workflow is ${stateName(state)}`;
    if (record !== undefined && !hasFailed(record)) return 'the undo has ended';
    return record === undefined && step.undone === undefined ? 'its step never ran' : undefined;
  }
  if (isForward(state)) return record === undefined || hasFailed(record) ? undefined : 'the step has ended';
  if (!isRollingBack(state)) return `the workflow is ${stateName(state)}`;
  // It would end with a call of the undo under way.
  if (step.undoItem !== undefined) return `its undo is queued or running: skip that, ${undoOf(step.id)}`;
  return hasFailed(record) ? undefined : 'the step did not fail';
}
