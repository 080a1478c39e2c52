/** Reading workflows and steps, each as of one revision. */
import type { Revision, StepId } from '../../base/ids.js';
import { loadWorkflow, type WorkflowSnapshot } from '../../engine/load.js';
import { readPlan, type PlanCache } from '../../engine/plan-cache.js';
import { isReason, SteplockError, workflowNotFound } from '../../errors/index.js';
import { HeadState } from '../../gen/store/steplock/store/v1/workflow.js';
import { Step, type StepState, type Workflow } from '../../gen/wire/steplock/v1/workflow.js';
import type {
  GetStepRequest,
  GetStepResponse,
  GetWorkflowRequest,
  GetWorkflowResponse,
  ListStepsRequest,
  ListStepsResponse,
} from '../../gen/wire/steplock/v1/workflow_service.js';
import { messageBytesMax } from '../../grpc/channel.js';
import type { WorkflowKey } from '../../store/keys.js';
import type { Store } from '../../store/store.js';
import type { Api } from '../context.js';
import { invalidToken, pageOf, parsePage } from '../pages.js';
import { parseStepName, parseWorkflowName, stepName, workflowName } from './names.js';
import { lockWaitsOf } from './lock-waits.js';
import { renderStep } from './render-step.js';
import { renderWorkflow, stepIdsOf } from './render.js';

const readsMax = 3;

/**
 * The workflow as it stands.
 *
 * @throws SteplockError WORKFLOW_NOT_FOUND.
 */
export async function readSnapshot(api: Api, key: WorkflowKey): Promise<WorkflowSnapshot> {
  const { reader } = api.runtime;
  return await unlessCompacted(async () => {
    return await withDraft(api.store, key, await reader.read(key));
  });
}

/**
 * As {@link readSnapshot}, by itself and with that memory of plans.
 *
 * @throws SteplockError WORKFLOW_NOT_FOUND.
 */
export async function readSnapshotWith(
  store: Store,
  plans: PlanCache,
  key: WorkflowKey,
): Promise<WorkflowSnapshot> {
  return await unlessCompacted(async () => await readSnapshotAt({ store, plans }, key, undefined));
}

async function unlessCompacted(read: () => Promise<WorkflowSnapshot>): Promise<WorkflowSnapshot> {
  for (let reads = 1; ; reads++) {
    try {
      return await read();
    } catch (error) {
      // The revision was compacted between two of its pages: begin with a new one.
      if (!isReason(error, 'REVISION_COMPACTED') || reads >= readsMax) throw error;
    }
  }
}

/**
 * The workflow as it stood at a revision, or as it stands.
 *
 * @throws SteplockError WORKFLOW_NOT_FOUND, REVISION_COMPACTED.
 */
async function readSnapshotAt(
  { store, plans }: { readonly store: Store; readonly plans: PlanCache },
  key: WorkflowKey,
  at: Revision | undefined,
): Promise<WorkflowSnapshot> {
  return await withDraft(store, key, await loadWorkflow(store, plans, key, at));
}

/** With the plan of a draft, which is still changing. */
async function withDraft(
  store: Store,
  key: WorkflowKey,
  snapshot: WorkflowSnapshot | undefined,
): Promise<WorkflowSnapshot> {
  if (snapshot === undefined) throw workflowNotFound(workflowName(key.id));
  if (snapshot.head.state !== HeadState.DRAFT) return snapshot;
  const chunks = snapshot.head.plan?.chunks ?? 0;
  return { ...snapshot, plan: await readPlan(store, 'draft', key, chunks, { revision: snapshot.revision }) };
}

/** The workflow as the wire shows it. */
export async function readWorkflow(api: Api, key: WorkflowKey): Promise<Workflow> {
  const snapshot = await readSnapshot(api, key);
  return { ...renderWorkflow(snapshot), lockWaits: lockWaitsOf(api, snapshot) };
}

/** See GetWorkflow. */
export async function getWorkflow(api: Api, request: GetWorkflowRequest): Promise<GetWorkflowResponse> {
  return { workflow: await readWorkflow(api, parseWorkflowName(api, request.name)) };
}

/** See GetStep. */
export async function getStep(api: Api, request: GetStepRequest): Promise<GetStepResponse> {
  const { workflow, step } = parseStepName(api, request.name);
  const found = renderStep(await readSnapshot(api, workflow), step);
  if (found === undefined) throw stepNotFound(workflow.id, step);
  return { step: found };
}

/** The error for a step that is not there. */
export function stepNotFound(workflow: string, step: StepId): SteplockError {
  const name = stepName(workflow, step);
  return new SteplockError('STEP_NOT_FOUND', `No step ${name}`, { metadata: { name } });
}

/** Bytes of steps in one message: the transport's limit, less what goes with them. */
const answerBytesMax = messageBytesMax - 512 * 1024;

function bytesOfStep(step: Step): number {
  return Step.encode(step).finish().length;
}

/** How many of the steps from that one on fit into one message; at least one if there is one. */
export function countThatFit(steps: readonly Step[], from: number): number {
  let bytes = 0;
  for (let index = from; index < steps.length; index++) {
    const step = steps[index];
    bytes += step === undefined ? 0 : bytesOfStep(step);
    if (bytes > answerBytesMax && index > from) return index - from;
  }
  return steps.length - from;
}

/** See ListSteps. */
export async function listSteps(api: Api, request: ListStepsRequest): Promise<ListStepsResponse> {
  const key = parseWorkflowName(api, request.parent, 'parent');
  const filter = { parent: request.parent, states: [...request.states].sort() };
  const { size, after } = parsePage(request, filter, '');
  const { store } = api;
  const { plans } = api.runtime;
  const view =
    after === undefined
      ? await readSnapshot(api, key)
      : await readSnapshotAt({ store, plans }, key, after.revision);
  const ids = stepIdsOf(view);
  const wanted = new Set<StepState>(request.states);
  const steps: Step[] = [];
  const first = after === undefined ? 0 : ids.indexOf(after.key as StepId) + 1;
  if (after !== undefined && first === 0) throw invalidToken('it names no step');
  let index = first;
  let bytes = 0;
  for (; index < ids.length && steps.length < size; index++) {
    const id = ids[index];
    const step = id === undefined ? undefined : renderStep(view, id);
    if (step === undefined || (wanted.size > 0 && !wanted.has(step.state))) continue;
    bytes += bytesOfStep(step);
    if (steps.length > 0 && bytes > answerBytesMax) break;
    steps.push(step);
  }
  const last = ids[index - 1];
  const isCut = index < ids.length && last !== undefined;
  return { steps, nextPageToken: isCut ? pageOf({ key: last, revision: view.revision }, filter) : '' };
}
