/** From what an orchestrator answered to what is stored: the same door as for a submitted plan. Pure but for the sealer. */
import type { WorkflowId } from '../base/ids.js';
import type { PlanAnswer } from '../contract/orchestrator.js';
import { errorText, SteplockError } from '../errors/index.js';
import type { PlanChunk } from '../gen/store/steplock/store/v1/plan.js';
import type { ParentRecord, WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';
import { PlannedWorkflow } from '../gen/wire/steplock/v1/orchestrator_service.js';
import type { Plan as WirePlan } from '../gen/wire/steplock/v1/plan.js';
import { WorkflowSettings } from '../gen/wire/steplock/v1/workflow.js';
import { limits } from '../model/limits.js';
import type { Plan } from '../model/plan.js';
import { begun, extentOf, newHead } from './new-head.js';
import { freezeDraft, locksOf, parseDraft, sealPlan, toChunks, type Intake } from './plan-intake.js';
import { parseSettings } from './settings.js';

type Planned = Extract<PlanAnswer, { kind: 'planned' }>;

/** What an orchestrator answered, as messages of the wire: of the settings only what it may say. */
export interface ReadAnswer {
  readonly plan: WirePlan | undefined;
  readonly settings: WorkflowSettings;
}

/**
 * Reads the answer.
 *
 * @throws SteplockError INVALID_PLAN when it is no message of that form.
 */
export function readPlanned({ plan, settings }: Planned): ReadAnswer {
  try {
    const planned = PlannedWorkflow.fromJSON({ plan, settings: settings ?? {} });
    const said = planned.settings ?? WorkflowSettings.fromPartial({});
    const { description, labels, locks, deadline, deadlineAction, onFailure, runningSteps } = said;
    const own = { description, labels, locks, deadline, deadlineAction, onFailure, runningSteps };
    return { plan: planned.plan, settings: { ...WorkflowSettings.fromPartial({}), ...own } };
  } catch (error) {
    throw new SteplockError('INVALID_PLAN', `The plan is no steplock.v1.Plan: ${errorText(error)}`, {
      metadata: { field: 'plan', rule: 'INVALID_VALUE', violations: '1' },
    });
  }
}

/** What a child has from its parent. */
export interface ChildFacts {
  readonly id: WorkflowId;
  readonly uid: string;
  readonly parent: ParentRecord;
  readonly tenant: string;
  readonly priority: number;
  readonly actor: string;
  /** The orchestrator. */
  readonly callback: string;
  readonly nowMs: number;
  /** W3C traceparent of the step that starts it. */
  readonly traceParent: string;
}

/** A child as it is to be stored. */
export interface NewChild {
  readonly head: WorkflowHead;
  readonly plan: Plan;
  readonly chunks: readonly PlanChunk[];
}

/**
 * The child.
 *
 * @throws SteplockError INVALID_PLAN, INVALID_FIELD or SECRET_KEY_MISSING.
 */
export function takeChild(intake: Intake, planned: Planned, facts: ChildFacts): NewChild {
  const { id, uid, parent, tenant, priority, actor, callback, nowMs, traceParent } = facts;
  const { plan: spec, settings: said } = readPlanned(planned);
  const places = { steps: 'plan.steps', groups: 'plan.groups' };
  const settings = { ...parseSettings(said), tenant, priority, callback };
  const draft = parseDraft(spec?.steps ?? [], spec?.groups ?? [], places, spec?.output);
  // Sealed secrets of its parent it may pass on.
  const frozen = freezeDraft(intake, draft, places, true);
  const plan = sealPlan(intake, frozen.plan, parent.rootUid);
  const chunks = toChunks(plan, 'plan');
  const extent = extentOf(plan, chunks, frozen.hash);
  if (extent.bytes > limits.childPlanBytesMax) throw tooLarge(extent.bytes);
  const locks = locksOf(settings.locks, plan, places.steps);
  const given = { id, uid, actor, requestId: '', plan: extent, nowMs, parent, traceParent };
  return { head: begun(newHead({ ...given, settings: { ...settings, locks } }), nowMs), plan, chunks };
}

function tooLarge(bytes: number): SteplockError {
  const rule = `has ${bytes} bytes as stored; at most ${limits.childPlanBytesMax} are allowed in a child`;
  return new SteplockError('INVALID_PLAN', `Plan refused: plan: ${rule}`, {
    metadata: { field: 'plan', rule: 'TOO_LARGE', violations: '1' },
  });
}
