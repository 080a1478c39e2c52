/**
 * Starts the child of a step: asks the orchestrator for a plan, and writes the child in the transaction that makes the
 * step wait for it. Planning has no effect, so whatever cuts it off, it is done again.
 */
import { sha256Hex } from '../base/bytes.js';
import { newUuid, type WorkflowId } from '../base/ids.js';
import type { PlanAnswer } from '../contract/orchestrator.js';
import { errorText, SteplockError } from '../errors/index.js';
import { PlanChunk } from '../gen/store/steplock/store/v1/plan.js';
import { EffectKind } from '../gen/store/steplock/store/v1/step.js';
import {
  HeadState,
  LiveRecord,
  VerbRecord,
  WorkflowHead,
  type ParentRecord,
} from '../gen/store/steplock/store/v1/workflow.js';
import { liveRecordOf } from '../engine/commit.js';
import { treeVerb } from '../engine/tree-verbs.js';
import { takeChild, type NewChild } from '../intake/planned-workflow.js';
import { afterFailure, afterUnsent, errorRecord, type Next } from '../model/attempt.js';
import { limits } from '../model/limits.js';
import { startsSteps } from '../model/workflow-state.js';
import { keys, shardOf, type WorkflowKey } from '../store/keys.js';
import { decodeRecord, encodeRecord } from '../store/records.js';
import { isAbsent, isUnchanged } from '../store/store.js';
import type { UnitOp } from '../store/unit.js';
import { withAttempt } from './outcome.js';
import type { RunningStep } from './running-step.js';

/** Starts the child; gives what follows if that did not come about. */
export async function startChild(step: RunningStep): Promise<Next | undefined> {
  const end = await step.caller.plan(step.known, {
    deadlineMs: step.deadlineMs,
    cancel: step.cancel.signal,
  });
  switch (end.kind) {
    case 'answered':
      return end.answer.kind === 'planned'
        ? await adoptPlan(step, end.answer)
        : failPlanning(step, `${end.answer.reason}: ${end.answer.message}`, end.answer.retryable);
    case 'unsent':
      return afterUnsent(errorRecord('CONTROLLER_UNAVAILABLE', end.message, true), false, step.context());
    case 'broken':
      return afterFailure(
        errorRecord(end.broken.reason, end.broken.message, true),
        EffectKind.NONE,
        step.context(),
      );
    case 'fenced':
      return failPlanning(step, 'The orchestrator refused the call as fenced', true);
  }
}

function failPlanning(step: RunningStep, message: string, isRetryable: boolean): Next {
  const error = errorRecord('CONTROLLER_FAILED', message, isRetryable);
  return afterFailure(error, EffectKind.NONE, step.context());
}

async function adoptPlan(
  step: RunningStep,
  planned: Extract<PlanAnswer, { kind: 'planned' }>,
): Promise<Next | undefined> {
  const kv = await step.untilStoreAnswers(async () => await step.options.store.get(keys.head(step.workflow)));
  // Its records are being deleted: whoever does that takes the item with it.
  if (kv === undefined) return undefined;
  const parent = decodeRecord(WorkflowHead, kv);
  let child: NewChild;
  try {
    child = newChild(step, planned, parent);
  } catch (error) {
    if (!(error instanceof SteplockError)) throw error;
    const record = errorRecord('INVALID_CHILD_PLAN', errorText(error), false);
    return afterFailure(record, EffectKind.NONE, step.context());
  }
  step.progress.stop();
  await step.held.settled();
  return await commitChild(step, child);
}

function newChild(
  step: RunningStep,
  planned: Extract<PlanAnswer, { kind: 'planned' }>,
  parent: WorkflowHead,
): NewChild {
  const { intake, random, clock } = step.options;
  const { item } = step.held;
  const above = parentRecord(step, parent);
  if (above.depth > limits.childDepthMax) {
    const message = `Children go ${limits.childDepthMax} levels deep at most`;
    throw new SteplockError('INVALID_FIELD', message, { metadata: { field: 'depth', rule: message } });
  }
  return takeChild(intake, planned, {
    // Derived: whoever starts the child of this attempt starts the same one.
    id: `c-${sha256Hex(`${item.uid}/${step.id}/${item.attempt}`).slice(0, 20)}` as WorkflowId,
    uid: newUuid(random),
    parent: above,
    tenant: item.tenant,
    priority: item.priority,
    actor: parent.actor,
    callback: item.controller,
    nowMs: clock.nowMs(),
    traceParent: step.span.traceParent,
  });
}

function parentRecord(step: RunningStep, { uid, parent }: WorkflowHead): ParentRecord {
  const { id, shard } = step.workflow;
  return {
    workflowId: id,
    shard,
    step: step.id,
    rootId: parent?.rootId ?? id,
    rootShard: parent?.rootShard ?? shard,
    rootUid: parent?.rootUid ?? uid,
    depth: (parent?.depth ?? 0) + 1,
  };
}

/** One transaction: the child is there, and the step waits for it and holds nothing. */
async function commitChild(step: RunningStep, { head, plan, chunks }: NewChild): Promise<Next | undefined> {
  const { clock, live, plans, random, shards } = step.options;
  const key: WorkflowKey = {
    id: head.workflowId as WorkflowId,
    shard: shardOf(head.workflowId as WorkflowId, shards),
  };
  const workflow = live(step.workflow.id);
  const { item } = step.held;
  if (workflow === undefined || !startsSteps(workflow.record.state)) {
    await step.held.write({ claim: undefined, inDoubt: false, permits: [] });
    return undefined;
  }
  const unitId = random.hex(8);
  const patch = {
    claim: undefined,
    permits: [],
    lostClaims: 0,
    child: key.id,
    childShard: key.shard,
    childState: head.state,
    childAsked: 'run',
    lastAttempts: withAttempt(item, 'done', undefined, clock.nowMs()),
  };
  const guards = [
    isUnchanged(keys.live(step.workflow), workflow.revision),
    isAbsent(keys.head(key)),
    isAbsent(keys.live(key)),
  ];
  plans.put(head.uid, 0, plan);
  if (await step.held.write(patch, guards, childOps(key, { head, plan, chunks }, unitId))) {
    step.log.info({ child: key.id }, 'child started');
    return undefined;
  }
  // The parent moved, or the claim is lost, which the next write finds out; planned once more, it is up to date.
  await step.held.write({ claim: undefined, inDoubt: false, permits: [], notBeforeMs: 0, delayMs: 0 });
  return undefined;
}

function childOps(key: WorkflowKey, { head, chunks }: NewChild, unitId: string): UnitOp[] {
  const named = { ...head, unitId };
  const put = (at: string, value: Uint8Array): UnitOp => ({ type: 'put', key: at, value });
  const ops = chunks.map((chunk, index) =>
    put(keys.chunk('plan', key, index), encodeRecord(PlanChunk, { ...chunk, unitId })),
  );
  ops.push(put(keys.head(key), encodeRecord(WorkflowHead, named)));
  ops.push(put(keys.live(key), encodeRecord(LiveRecord, liveRecordOf(named))));
  if (head.state === HeadState.QUEUED && head.parent !== undefined) {
    const root = { id: head.parent.rootId as WorkflowId, shard: head.parent.rootShard };
    const wants = treeVerb('want-locks', key, { unitId, locks: head.locks, timeMs: head.createTimeMs });
    ops.push(put(keys.verb(root, wants.requestId), encodeRecord(VerbRecord, wants)));
  }
  return ops;
}
