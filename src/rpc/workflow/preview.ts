/** What a plan would do, without doing it. */
import { SteplockError } from '../../errors/index.js';
import { UndoKind } from '../../gen/store/steplock/store/v1/plan.js';
import { HeadState } from '../../gen/store/steplock/store/v1/workflow.js';
import type {
  PlanWorkflowRequest,
  PlanWorkflowResponse,
  Wave,
} from '../../gen/wire/steplock/v1/workflow_service.js';
import { invalidField } from '../../errors/index.js';
import { wavesOf } from '../../model/graph.js';
import type { Plan } from '../../model/plan.js';
import { stateName } from '../../model/workflow-state.js';
import type { Api } from '../context.js';
import { parseWorkflowName } from './names.js';
import { freezeDraft, parseDraft, type FrozenPlan } from '../../intake/plan-intake.js';
import { readSnapshot } from './read.js';

/** Where steps and groups stand in a draft. */
const draftPlaces = { steps: 'steps', groups: 'groups' };

/** See PlanWorkflow. */
export async function planWorkflow(api: Api, request: PlanWorkflowRequest): Promise<PlanWorkflowResponse> {
  const { plan, hash } = await freezeSource(api, request);
  const calls: Record<string, number> = {};
  for (const { system } of plan.steps) calls[system] = (calls[system] ?? 0) + 1;
  const undoable = plan.steps.filter((step) => step.undoKind === UndoKind.METHOD);
  return {
    waves: toWaves(plan),
    planHash: hash,
    irreversibleSteps: plan.steps
      .filter((step) => step.undoKind === UndoKind.IRREVERSIBLE)
      .map((step) => step.id),
    undoMethods: Object.fromEntries(undoable.map((step) => [step.id, step.undoMethod])),
    callsBySystem: calls,
  };
}

async function freezeSource(api: Api, { source }: PlanWorkflowRequest): Promise<FrozenPlan> {
  switch (source?.$case) {
    case 'plan': {
      const places = { steps: 'plan.steps', groups: 'plan.groups' };
      const { steps, groups, output } = source.value;
      return freezeDraft(api.intake, parseDraft(steps, groups, places, output), places);
    }
    case 'name': {
      const { head, plan } = await readSnapshot(api, parseWorkflowName(api, source.value, 'source.name'));
      if (head.state === HeadState.DRAFT) return freezeDraft(api.intake, plan, draftPlaces, true);
      const metadata = { name: source.value, state: stateName(head.state) };
      throw new SteplockError('ILLEGAL_TRANSITION', `${source.value} is no draft`, { metadata });
    }
    case undefined:
      throw invalidField('source', 'must be given: plan or name');
  }
}

function toWaves(plan: Plan): Wave[] {
  const waves: Wave[] = [];
  for (const [index, wave] of wavesOf(plan.graph).entries()) {
    while (waves.length <= wave) waves.push({ steps: [] });
    waves[wave]?.steps.push(plan.steps[index]?.id ?? '');
  }
  return waves;
}
