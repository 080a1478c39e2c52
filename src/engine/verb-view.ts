/** How a workflow looks to a verb: to the node that is asked, and again to the workflow's owner. Pure. */
import { isUndo, undoneOf, undoOf, type StepId } from '../base/ids.js';
import { UndoKind } from '../gen/store/steplock/store/v1/plan.js';
import { OutcomeState } from '../gen/store/steplock/store/v1/step.js';
import { findStep } from '../model/plan.js';
import { untoldOf } from '../model/resolutions.js';
import type { VerbView } from '../model/verbs.js';
import { isHeldByParent } from './child.js';
import type { LoadedWorkflow } from './run.js';

/** What a verb is about, beside the workflow. */
export interface VerbTarget {
  readonly step: StepId | undefined;
  /** For break. */
  readonly resource: string;
  /** Of which incident it is asked; empty for none. */
  readonly incidentId: string;
  readonly signal: string;
}

type Looked = Pick<
  LoadedWorkflow,
  'head' | 'plan' | 'records' | 'items' | 'incidents' | 'signals' | 'callbacks'
>;

/** See the head of this file. */
export function verbView(workflow: Looked, { step, resource, incidentId, signal }: VerbTarget): VerbView {
  const { head, plan, records, items, incidents, callbacks } = workflow;
  const view = {
    state: head.state,
    hasLock: head.locks.some((need) => need.resource === resource),
    isOfIncident: incidentId !== '',
    isIncidentOpen: incidents.get(incidentId)?.record.resolveTimeMs === 0,
    isUntold: [...callbacks].some(
      (sequence) => Number(sequence) === untoldOf({ workflowId: head.workflowId, incidentId }),
    ),
    keepsSomething:
      (head.parent === undefined && head.locks.length > 0) ||
      [...records.values()].some(({ record }) => record.permits.length > 0),
    parent: head.parent?.workflowId ?? '',
    hasUntoldEnd: callbacks.size > 0,
    isHeldByParent: isHeldByParent(head),
    signal: {
      isAwaited: signal !== '' && plan.steps.some((each) => each.kind === 'signal' && each.prompt === signal),
      hasArrived: workflow.signals.has(signal),
    },
    hasFailedStep: [...records].some(([id, { record }]) => !isUndo(id) && standsInTheWay(record.state)),
    hasOpenIncident: [...incidents.values()].some(({ record }) => record.resolveTimeMs === 0),
  };
  if (step === undefined) return view;
  return {
    ...view,
    step: {
      id: step,
      kind: findStep(plan, step)?.kind ?? '',
      record: records.get(step)?.record,
      undone: isUndo(step) ? records.get(undoneOf(step))?.record : undefined,
      item: items.get(step)?.record,
      undoItem: isUndo(step) ? undefined : items.get(undoOf(step))?.record,
      hasUndoMethod: findStep(plan, step)?.undoKind === UndoKind.METHOD,
    },
  };
}

function standsInTheWay(state: OutcomeState): boolean {
  const { FAILED, CANCELLED, UNKNOWN } = OutcomeState;
  return state === FAILED || state === CANCELLED || state === UNKNOWN;
}
