/** The head of a workflow that is new. Pure. */
import type { WorkflowId } from '../base/ids.js';
import type { PlanChunk } from '../gen/store/steplock/store/v1/plan.js';
import {
  HeadState,
  type ParentRecord,
  type PlanExtent,
  type WorkflowHead,
} from '../gen/store/steplock/store/v1/workflow.js';
import type { Plan } from '../model/plan.js';
import { bytesOf } from './plan-intake.js';
import type { SettingFields } from './settings.js';

/** What the plan's records are. */
export function extentOf(plan: Plan, chunks: readonly PlanChunk[], hash: string): PlanExtent {
  return {
    chunks: chunks.length,
    steps: plan.steps.length,
    groups: plan.groups.length,
    bytes: bytesOf(chunks),
    hash,
    graphRevision: 0,
  };
}

/** What a new workflow's head is made of. */
export interface NewHead {
  readonly id: WorkflowId;
  readonly uid: string;
  readonly actor: string;
  readonly requestId: string;
  readonly settings: SettingFields;
  readonly plan: PlanExtent;
  readonly nowMs: number;
  /** W3C traceparent of what asked for it; empty for none. */
  readonly traceParent: string;
  /** Of a child. */
  readonly parent?: ParentRecord;
}

/** The head of a draft. */
export function newHead({ id, uid, settings, nowMs, parent, ...given }: NewHead): WorkflowHead {
  return {
    unitId: '',
    workflowId: id,
    uid,
    state: HeadState.DRAFT,
    ...settings,
    ...given,
    createTimeMs: nowMs,
    startTimeMs: 0,
    endTimeMs: 0,
    elapsedMs: 0,
    history: [],
    cancelRunning: false,
    callbackSequence: 0,
    lateLocks: [],
    locksGranted: false,
    formerChildren: [],
    lastLiveRevision: 0,
    ...(parent === undefined ? {} : { parent }),
  };
}

/** The head as it is when the workflow starts. */
export function begun(head: WorkflowHead, nowMs: number): WorkflowHead {
  // A child's locks are its root's business, and its parent's owner asks for them.
  if (head.parent !== undefined && head.locks.length > 0) return { ...head, state: HeadState.QUEUED };
  // Taking locks is its owner's business.
  if (head.notBeforeMs > nowMs || head.locks.length > 0) return { ...head, state: HeadState.SCHEDULED };
  return { ...head, state: HeadState.RUNNING, startTimeMs: nowMs, elapsedMs: 0 };
}
