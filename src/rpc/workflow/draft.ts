/** Drafts: workflows to which steps are added until they are started. Any node changes them, under their live record. */
import { newUuid, type WorkflowId } from '../../base/ids.js';
import { SteplockError, workflowNotFound } from '../../errors/index.js';
import { HeadState, WorkflowHead } from '../../gen/store/steplock/store/v1/workflow.js';
import {
  AddStepsRequest,
  CreateWorkflowRequest,
  StartWorkflowRequest,
  type AddStepsResponse,
  type CreateWorkflowResponse,
  type StartWorkflowResponse,
} from '../../gen/wire/steplock/v1/workflow_service.js';
import type { Workflow } from '../../gen/wire/steplock/v1/workflow.js';
import type { Plan } from '../../model/plan.js';
import { limits } from '../../model/limits.js';
import { Violations } from '../../model/violations.js';
import { stateName } from '../../model/workflow-state.js';
import { readPlan } from '../../engine/plan-cache.js';
import { keys, ranges, type WorkflowKey } from '../../store/keys.js';
import { decodeRecord } from '../../store/records.js';
import { isAbsent, isUnchanged, type Compare } from '../../store/store.js';
import type { UnitOp } from '../../store/unit.js';
import type { Api } from '../context.js';
import { digestOf, findRequest, rememberRequest } from '../requests.js';
import {
  checkActor,
  checkId,
  checkRequestId,
  parseWorkflowName,
  workflowKey,
  workflowName,
} from './names.js';
import type { DraftPlaces } from '../../model/freeze-plan.js';
import {
  bytesOf,
  checkPlanBytes,
  checkPlanHash,
  checkSteps,
  freezeDraft,
  locksOf,
  parseDraft,
  sealDraft,
  toChunks,
  type Draft,
} from '../../intake/plan-intake.js';
import { readWorkflow } from './read.js';
import {
  checkCallback,
  headOps,
  newWorkflowId,
  operationPending,
  workflowExists,
  writeChunks,
} from './submit.js';
import type { CallInfo } from '../../grpc/adapter.js';
import { begun, extentOf, newHead } from '../../intake/new-head.js';
import { parseSettings } from '../../intake/settings.js';

const emptyExtent = { chunks: 0, steps: 0, groups: 0, bytes: 0, hash: '', graphRevision: 0 };

/** See CreateWorkflow. */
export async function createWorkflow(
  api: Api,
  request: CreateWorkflowRequest,
  { traceParent }: CallInfo,
): Promise<CreateWorkflowResponse> {
  const { requestId, workflowId } = request;
  checkRequestId(requestId);
  if (workflowId !== '') checkId(workflowId, 'workflow_id');
  const actor = checkActor(request.actor);
  const settings = parseSettings(request.settings);
  const digest = digestOf(api, 'CreateWorkflow', CreateWorkflowRequest.toJSON(request));
  const known = await findRequest(api, requestId, digest);
  if (known !== undefined)
    return { workflow: await readWorkflow(api, workflowKey(api, known.subject as WorkflowId)) };
  api.space.checkRoom();
  const id = (workflowId === '' ? newWorkflowId(api) : workflowId) as WorkflowId;
  const uid = newUuid(api.random);
  checkCallback(api, settings.callback);
  const nowMs = api.clock.nowMs();
  const head = newHead({ id, uid, actor, requestId, settings, plan: emptyExtent, nowMs, traceParent });
  const key = workflowKey(api, id);
  const result = await commitHead(api, {
    key,
    head,
    digest,
    requestId,
    guards: [isAbsent(keys.head(key))],
    ops: [],
  });
  if (result === 'refused') throw workflowExists(id);
  return { workflow: await readWorkflow(api, workflowKey(api, result)) };
}

/** See AddSteps. */
export async function addSteps(api: Api, request: AddStepsRequest): Promise<AddStepsResponse> {
  const key = parseWorkflowName(api, request.name);
  checkRequestId(request.requestId);
  const digest = digestOf(api, 'AddSteps', AddStepsRequest.toJSON(request));
  const places = { steps: 'steps', groups: 'groups' };
  const draft = parseDraft(request.steps, request.groups, places);
  const call = { key, digest, requestId: request.requestId, etag: request.etag };
  const workflow = await changeDraft(api, call, async (head, guard) => {
    const extent = head.plan ?? emptyExtent;
    checkNewIds(await readPlan(api.store, 'draft', key, extent.chunks), draft, places);
    checkSteps(api.intake, draft, places);
    const chunks = toChunks({ ...sealDraft(api.intake, draft, head.uid), methods: [] }, 'steps');
    const bytes = extent.bytes + bytesOf(chunks);
    checkPlanBytes(bytes, 'steps');
    api.space.checkRoom(bytesOf(chunks));
    const guards = await writeChunks(api, key, { kind: 'draft', chunks, first: extent.chunks }, guard);
    const plan = {
      ...extent,
      bytes,
      chunks: extent.chunks + chunks.length,
      steps: extent.steps + draft.steps.length,
      groups: extent.groups + draft.groups.length,
    };
    return { head: { ...head, plan }, guards, ops: [] };
  });
  return { workflow };
}

/** See StartWorkflow. */
export async function startWorkflow(api: Api, request: StartWorkflowRequest): Promise<StartWorkflowResponse> {
  const key = parseWorkflowName(api, request.name);
  checkRequestId(request.requestId);
  const digest = digestOf(api, 'StartWorkflow', StartWorkflowRequest.toJSON(request));
  const call = { key, digest, requestId: request.requestId, etag: request.etag };
  const workflow = await changeDraft(api, call, async (head, guard) => {
    const draft = await readPlan(api.store, 'draft', key, head.plan?.chunks ?? 0);
    const frozen = freezeDraft(api.intake, draft, { steps: 'steps', groups: 'groups' }, true);
    checkPlanHash(request.planHash, frozen.hash);
    const chunks = toChunks(frozen.plan, 'steps');
    api.space.checkRoom(bytesOf(chunks));
    const guards = await writeChunks(api, key, { kind: 'plan', chunks, first: 0 }, guard);
    const plan = extentOf(frozen.plan, chunks, frozen.hash);
    const locks = locksOf(head.locks, frozen.plan, 'steps');
    // What the draft was made of is not needed any more.
    return {
      head: begun({ ...head, plan, locks }, api.clock.nowMs()),
      guards,
      ops: [{ type: 'delete', at: ranges.chunks('draft', key) }],
    };
  });
  return { workflow };
}

/** Ids that the draft has already. Dependencies may come later; ids may not come twice. */
function checkNewIds(present: Plan, draft: Draft, places: DraftPlaces): void {
  const violations = new Violations();
  const known = new Set<string>([
    ...present.steps.map(({ id }) => id),
    ...present.groups.map(({ id }) => id),
  ]);
  const declare = (id: string, at: string): void => {
    if (known.has(id)) violations.add('DUPLICATE_ID', `${at}.id`, `"${id}" is there already`);
    known.add(id);
  };
  for (const [index, { id }] of draft.steps.entries()) declare(id, `${places.steps}[${index}]`);
  for (const [index, { id }] of draft.groups.entries()) declare(id, `${places.groups}[${index}]`);
  const total = present.steps.length + draft.steps.length;
  if (total > limits.stepsMax) {
    violations.add('TOO_MANY', places.steps, `makes ${total} steps; at most ${limits.stepsMax} are allowed`);
  }
  violations.throwIfAny();
}

interface DraftCall {
  readonly key: WorkflowKey;
  readonly requestId: string;
  readonly digest: string;
  readonly etag: string;
}

interface DraftChange {
  readonly head: WorkflowHead;
  readonly guards: readonly Compare[];
  readonly ops: readonly UnitOp[];
}

/** Changes a draft's head; `change` may write chunks under the guard that the draft has not moved. */
async function changeDraft(
  api: Api,
  call: DraftCall,
  change: (head: WorkflowHead, guard: Compare) => Promise<DraftChange>,
): Promise<Workflow> {
  const { key, requestId, digest } = call;
  const known = await findRequest(api, requestId, digest);
  if (known !== undefined) return await readWorkflow(api, key);
  const { head, guard } = await readDraft(api, key, call.etag);
  const { head: changed, guards, ops } = await change(head, guard);
  const outcome = await commitHead(api, {
    key,
    head: changed,
    digest,
    requestId,
    guards: [guard, ...guards],
    ops,
  });
  if (outcome === 'refused') throw operationPending(key.id);
  return await readWorkflow(api, key);
}

async function readDraft(
  api: Api,
  key: WorkflowKey,
  etag: string,
): Promise<{ head: WorkflowHead; guard: Compare }> {
  const { results } = await api.store.txn({
    compares: [],
    then: [
      { type: 'get', at: keys.head(key) },
      { type: 'get', at: keys.live(key) },
    ],
    otherwise: [],
  });
  const [headKv, liveKv] = results.map((result) => (result.type === 'get' ? result.kvs[0] : undefined));
  const name = workflowName(key.id);
  if (headKv === undefined) throw workflowNotFound(name);
  const head = decodeRecord(WorkflowHead, headKv);
  if (head.state !== HeadState.DRAFT || liveKv === undefined) {
    const state = stateName(head.state);
    throw new SteplockError('ILLEGAL_TRANSITION', `${name} is no draft: it is ${state}`, {
      metadata: { name, state },
    });
  }
  if (etag !== '' && etag !== String(headKv.modRevision)) {
    throw new SteplockError('STALE_ETAG', `${name} has changed since it was read`, { metadata: { name } });
  }
  return { head, guard: isUnchanged(keys.live(key), liveKv.modRevision) };
}

interface HeadCommit {
  readonly key: WorkflowKey;
  readonly head: WorkflowHead;
  readonly requestId: string;
  readonly digest: string;
  readonly guards: readonly Compare[];
  readonly ops: readonly UnitOp[];
}

/** Writes a draft's head with its request; gives the workflow that the request is about, or that it was refused. */
async function commitHead(api: Api, commit: HeadCommit): Promise<WorkflowId | 'refused'> {
  const { key, requestId, digest, guards, ops } = commit;
  const unitId = api.random.hex(8);
  const record = { unitId, digest, subject: key.id, timeMs: api.clock.nowMs(), consumed: true };
  const request = rememberRequest(requestId, record);
  const result = await api.runtime.commit({
    id: unitId,
    compares: [request.compare, ...guards],
    ops: [request.op, ...headOps(key, { ...commit.head, unitId }), ...ops],
    witness: keys.head(key),
  });
  if (result.applied) return key.id;
  const known = await findRequest(api, requestId, digest);
  return known === undefined ? 'refused' : (known.subject as WorkflowId);
}
