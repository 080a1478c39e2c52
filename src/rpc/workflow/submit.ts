/** Creating, filling and starting workflows. */
import { newUuid, type WorkflowId } from '../../base/ids.js';
import { invalidField, isReason, SteplockError } from '../../errors/index.js';
import { PlanChunk } from '../../gen/store/steplock/store/v1/plan.js';
import { LiveRecord, WorkflowHead, type RequestRecord } from '../../gen/store/steplock/store/v1/workflow.js';
import {
  SubmitWorkflowRequest,
  type SubmitWorkflowResponse,
} from '../../gen/wire/steplock/v1/workflow_service.js';
import type { Orchestration } from '../../gen/wire/steplock/v1/plan.js';
import type { Workflow, WorkflowSettings } from '../../gen/wire/steplock/v1/workflow.js';
import type { CallInfo } from '../../grpc/adapter.js';
import { uniteLocks } from '../../model/locks.js';
import { orchestrate } from './orchestrate.js';
import { liveRecordOf } from '../../engine/commit.js';
import type { Plan } from '../../model/plan.js';
import { keys, ranges, type ChunkKind, type WorkflowKey } from '../../store/keys.js';
import { encodeRecord } from '../../store/records.js';
import { isAbsent, isUnchanged, type Compare } from '../../store/store.js';
import type { UnitOp } from '../../store/unit.js';
import type { Api } from '../context.js';
import { digestOf, findRequest, rememberRequest } from '../requests.js';
import { checkActor, checkId, checkRequestId, workflowKey, workflowName } from './names.js';
import {
  checkPlanHash,
  freezeDraft,
  locksOf,
  parseDraft,
  sealPlan,
  toChunks,
} from '../../intake/plan-intake.js';
import { readWorkflow } from './read.js';
import { renderWorkflow } from './render.js';
import { begun, extentOf, newHead } from '../../intake/new-head.js';
import { parseSettings, type SettingFields } from '../../intake/settings.js';

/** Where the plan stands in a SubmitWorkflowRequest. */
const places = { steps: 'plan.steps', groups: 'plan.groups' };
/** A plan up to this size goes into the same transaction as the head. */
const inlineBytesMax = 256 * 1024;

/** See SubmitWorkflow. */
export async function submitWorkflow(
  api: Api,
  request: SubmitWorkflowRequest,
  { signal, traceParent }: CallInfo,
): Promise<SubmitWorkflowResponse> {
  const { requestId, workflowId } = request;
  checkRequestId(requestId);
  if (workflowId !== '') checkId(workflowId, 'workflow_id');
  const actor = checkActor(request.actor);
  const settings = parseSettings(request.settings);
  const digest = digestOf(api, 'SubmitWorkflow', SubmitWorkflowRequest.toJSON(request));
  // An orchestrator is not asked twice. Else a new request is the rule, and one that is not is found by its commit, or
  // below, when something is wrong with it now that was not then.
  const isPlanned = request.orchestration !== undefined;
  const known = isPlanned ? await findRequest(api, requestId, digest) : undefined;
  if (known !== undefined) return { workflow: await readSubject(api, known) };
  let submission: Submission;
  try {
    submission = await prepareSubmission(api, { request, settings, actor, digest, signal, traceParent });
  } catch (error) {
    const earlier = isPlanned ? undefined : await findRequest(api, requestId, digest);
    if (earlier === undefined) throw error;
    return { workflow: await readSubject(api, earlier) };
  }
  return { workflow: await commitSubmission(api, submission) };
}

interface Asked {
  readonly request: SubmitWorkflowRequest;
  readonly settings: SettingFields;
  readonly actor: string;
  readonly digest: string;
  readonly signal: AbortSignal;
  readonly traceParent: string;
}

async function readSubject(api: Api, { subject }: RequestRecord): Promise<Workflow> {
  return await readWorkflow(api, workflowKey(api, subject as WorkflowId));
}

async function prepareSubmission(
  api: Api,
  { request, actor, digest, signal, traceParent, ...asked }: Asked,
): Promise<Submission> {
  const { requestId, workflowId, planHash } = request;
  let { settings } = asked;
  checkCallback(api, settings.callback);
  let spec = request.plan;
  if (request.orchestration !== undefined) {
    if (spec !== undefined) throw invalidField('orchestration', 'must not be given with a plan');
    const planned = await orchestrate(api, request.orchestration, settings.tenant, signal);
    spec = planned.plan;
    settings = withPlanned(
      settings,
      request.settings,
      parseSettings(planned.settings),
      request.orchestration,
    );
  }
  const draft = parseDraft(spec?.steps ?? [], spec?.groups ?? [], places, spec?.output);
  const frozen = freezeDraft(api.intake, draft, places);
  checkPlanHash(planHash, frozen.hash);
  const uid = newUuid(api.random);
  const plan = sealPlan(api.intake, frozen.plan, uid);
  const id = (workflowId === '' ? newWorkflowId(api) : workflowId) as WorkflowId;
  const chunks = toChunks(plan, 'plan');
  const extent = extentOf(plan, chunks, frozen.hash);
  api.space.checkRoom(extent.bytes);
  const locks = locksOf(settings.locks, plan, places.steps);
  const nowMs = api.clock.nowMs();
  const all = { ...settings, locks };
  const head = newHead({ id, uid, actor, requestId, settings: all, plan: extent, nowMs, traceParent });
  return { head: begun(head, nowMs), plan, chunks, digest };
}

/** What the caller has not said, the orchestrator says; of locks and labels both count. */
function withPlanned(
  own: SettingFields,
  said: WorkflowSettings | undefined,
  planned: SettingFields,
  { orchestrator }: Orchestration,
): SettingFields {
  const isSaid = (name: 'deadlineAction' | 'onFailure' | 'runningSteps'): boolean =>
    said !== undefined && said[name] !== 0;
  return {
    ...own,
    labels: { ...planned.labels, ...own.labels },
    locks: uniteLocks([own.locks, planned.locks]),
    description: own.description === '' ? planned.description : own.description,
    deadlineMs: own.deadlineMs === 0 ? planned.deadlineMs : own.deadlineMs,
    deadlineAction: isSaid('deadlineAction') ? own.deadlineAction : planned.deadlineAction,
    onFailure: isSaid('onFailure') ? own.onFailure : planned.onFailure,
    cancelRunningOnFailure: isSaid('runningSteps')
      ? own.cancelRunningOnFailure
      : planned.cancelRunningOnFailure,
    callback: own.callback === '' ? orchestrator : own.callback,
  };
}

/** @throws SteplockError INVALID_FIELD when there is no such orchestrator. */
export function checkCallback(api: Api, callback: string): void {
  if (callback === '' || api.controllers.describeOrchestrator(callback) !== undefined) return;
  throw invalidField('settings.callback', `there is no orchestrator "${callback}"`);
}

/** A new id, roughly in the order of time so that people can tell older from newer. */
export function newWorkflowId(api: Api): string {
  return `wf-${Math.floor(api.clock.nowMs() / 1_000).toString(36)}-${api.random.hex(4)}`;
}

interface Submission {
  readonly head: WorkflowHead;
  readonly plan: Plan;
  readonly chunks: readonly PlanChunk[];
  readonly digest: string;
}

/** Chunks first, head last: a workflow without its plan never shows. */
async function commitSubmission(api: Api, submission: Submission): Promise<Workflow> {
  const { head, plan, chunks, digest } = submission;
  const key = workflowKey(api, head.workflowId as WorkflowId);
  const unitId = api.random.hex(8);
  const isInline = (head.plan?.bytes ?? 0) <= inlineBytesMax;
  const written: ChunksToWrite = { kind: 'plan', chunks, first: 0 };
  let planGuards: readonly Compare[] = [];
  if (!isInline) {
    // A second time there would be chunks without a head.
    const known = await findRequest(api, head.requestId, digest);
    if (known !== undefined) return await readSubject(api, known);
  }
  try {
    if (!isInline) planGuards = await writeChunks(api, key, written, isAbsent(keys.head(key)));
  } catch (error) {
    if (!isReason(error, 'OPERATION_PENDING')) throw error;
    return await onRefused(api, key, head.requestId, digest);
  }
  const planOps = isInline ? chunks.flatMap((_chunk, index) => chunkOp(written, key, index, unitId)) : [];
  const named = { ...head, unitId };
  const record = { unitId, digest, subject: key.id, timeMs: head.createTimeMs, consumed: true };
  const request = rememberRequest(head.requestId, record);
  api.runtime.plans.put(head.uid, 0, plan);
  const result = await api.runtime.commit({
    id: unitId,
    compares: [request.compare, isAbsent(keys.head(key)), isAbsent(keys.live(key)), ...planGuards],
    ops: [request.op, ...planOps, ...headOps(key, named)],
    witness: keys.head(key),
  });
  if (result.applied) {
    const snapshot = { head: named, plan, headRevision: result.revision };
    return renderWorkflow({ ...snapshot, records: new Map(), items: new Map(), incidents: new Map() });
  }
  return await onRefused(api, key, head.requestId, digest);
}

/** Another call of the same request was first, somebody has taken the id, or is about to. */
async function onRefused(api: Api, key: WorkflowKey, requestId: string, digest: string): Promise<Workflow> {
  const known = await findRequest(api, requestId, digest);
  if (known !== undefined) return await readWorkflow(api, workflowKey(api, known.subject as WorkflowId));
  const isTaken = (await api.store.get(keys.head(key))) !== undefined;
  throw isTaken ? workflowExists(key.id) : operationPending(key.id);
}

/** The error for an id that is taken. */
export function workflowExists(id: string): SteplockError {
  const name = `workflows/${id}`;
  return new SteplockError('WORKFLOW_EXISTS', `There is a workflow ${name} already`, { metadata: { name } });
}

/** The writes of a head and its live record. */
export function headOps(key: WorkflowKey, head: WorkflowHead): UnitOp[] {
  return [
    { type: 'put', key: keys.head(key), value: encodeRecord(WorkflowHead, head) },
    { type: 'put', key: keys.live(key), value: encodeRecord(LiveRecord, liveRecordOf(head)) },
  ];
}

/** Chunks to be written: of which kind, and from which number on. */
export interface ChunksToWrite {
  readonly kind: ChunkKind;
  readonly chunks: readonly PlanChunk[];
  readonly first: number;
}

function chunkOp(
  { kind, chunks, first }: ChunksToWrite,
  key: WorkflowKey,
  index: number,
  unitId: string,
): UnitOp[] {
  const chunk = chunks[index];
  if (chunk === undefined) return [];
  const value = encodeRecord(PlanChunk, { ...chunk, unitId });
  return [{ type: 'put', key: keys.chunk(kind, key, first + index), value }];
}

/**
 * Writes chunks one by one, before the head that counts them. Gives the conditions that they still stand: chunks that
 * another attempt left, whose head never followed, are written over, and of two attempts at once only one has its head
 * accepted. `guard` must hold while they are written.
 *
 * @throws SteplockError OPERATION_PENDING when somebody else writes the same ones.
 */
export async function writeChunks(
  api: Api,
  key: WorkflowKey,
  written: ChunksToWrite,
  guard: Compare,
): Promise<Compare[]> {
  const left = await api.store.list(ranges.chunks(written.kind, key), { keysOnly: true });
  const revisions = new Map(left.kvs.map((kv) => [kv.key, kv.modRevision]));
  const guards: Compare[] = [];
  for (let index = 0; index < written.chunks.length; index++) {
    const unitId = api.random.hex(8);
    const at = keys.chunk(written.kind, key, written.first + index);
    const ops = chunkOp(written, key, index, unitId);
    const compares = [isUnchanged(at, revisions.get(at) ?? 0), guard];
    const result = await api.runtime.commit({ id: unitId, compares, ops, witness: at });
    if (!result.applied) throw operationPending(key.id);
    guards.push(isUnchanged(at, result.revision));
  }
  return guards;
}

/** The error for a workflow that keeps changing under a call. */
export function operationPending(id: string): SteplockError {
  const name = workflowName(id);
  return new SteplockError('OPERATION_PENDING', `${name} is being changed by another call; try again`, {
    metadata: { name },
    retryAfterMs: 200,
  });
}
