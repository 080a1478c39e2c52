/**
 * A turn as a unit: the guards and writes of its changes. Every unit of an owner compares its shard's epoch, so that
 * a former owner's late decision is refused, and the live record, so that none rests on a state that is over.
 */
import { assert } from '../base/assert.js';
import type { StepId } from '../base/ids.js';
import { PlanChunk } from '../gen/store/steplock/store/v1/plan.js';
import { PermitRecord } from '../gen/store/steplock/store/v1/cluster.js';
import { IncidentRecord, QueueItem, StepRecord } from '../gen/store/steplock/store/v1/step.js';
import {
  CallbackRecord,
  EndedRecord,
  LiveRecord,
  LockRecord,
  RequestRecord,
  SignalRecord,
  VerbRecord,
  WorkflowHead,
} from '../gen/store/steplock/store/v1/workflow.js';
import { lockOf } from '../model/locks.js';
import { isFinal } from '../model/workflow-state.js';
import { keys, ranges, type WorkflowKey } from '../store/keys.js';
import { encodeRecord } from '../store/records.js';
import { isAbsent, isSameCreation, isUnchanged, type Compare } from '../store/store.js';
import type { Unit, UnitOp } from '../store/unit.js';
import { incidentKeyName, webhookNote } from './incident.js';
import type { Entry, Run } from './run.js';
import { isTreeVerb } from './tree-verbs.js';
import type { Change, Turn } from './turn.js';

interface UnitDraft {
  readonly id: string;
  readonly compares: Compare[];
  readonly ops: UnitOp[];
  witness: string | undefined;
}

/** The unit that commits the turn. The turn must not be empty. */
export function unitOfTurn(run: Run, turn: Turn, epoch: number, unitId: string): Unit {
  const { key } = run;
  const draft: UnitDraft = {
    id: unitId,
    compares: [isSameCreation(keys.shard(key.shard), epoch), isUnchanged(keys.live(key), run.liveRevision)],
    ops: [],
    witness: undefined,
  };
  for (const change of turn.changes) addChange(draft, run, change);
  if (turn.headChanged) addHead(draft, run);
  return draft;
}

/** Whether the turn, once committed, has written the live record. */
export function writesHead(unit: Unit, key: WorkflowKey): boolean {
  return unit.ops.some((op) => op.type === 'put' && op.key === keys.head(key));
}

function addHead(draft: UnitDraft, run: Run): void {
  // What has ended already has no live record any more, and keeps its key: its revision tells when that was.
  // A child goes with its root.
  const isRoot = run.head.parent === undefined;
  const endsNow = isFinal(run.head.state) && run.liveRevision > 0 && isRoot;
  const lastLiveRevision = endsNow ? run.liveRevision : run.head.lastLiveRevision;
  const head: WorkflowHead = { ...run.head, unitId: draft.id, lastLiveRevision };
  run.head = head;
  put(draft, keys.head(run.key), encodeRecord(WorkflowHead, head));
  const liveKey = keys.live(run.key);
  if (isFinal(head.state)) draft.ops.push({ type: 'delete', at: liveKey });
  else draft.ops.push({ type: 'put', key: liveKey, value: encodeRecord(LiveRecord, liveRecordOf(head)) });
  const endedKey = keys.ended(run.key, lastLiveRevision);
  if (endsNow) put(draft, endedKey, encodeRecord(EndedRecord, { unitId: draft.id }));
}

/** What every node is to know of a workflow. */
export function liveRecordOf(head: WorkflowHead): LiveRecord {
  const { unitId, state, cancelRunning, priority, tenant, uid } = head;
  return { unitId, state, cancelRunning, priority, tenant, uid };
}

function addChange(draft: UnitDraft, run: Run, change: Change): void {
  const { key } = run;
  switch (change.kind) {
    case 'enqueue':
      addQueued(draft, key, change);
      return;
    case 'withdraw':
      dropItem(draft, key, change.step, change.item);
      return;
    case 'record': {
      const stepKey = keys.step(key, change.step);
      draft.compares.push(isUnchanged(stepKey, change.former?.revision ?? 0));
      if (change.item !== undefined) dropItem(draft, key, change.step, change.item);
      freePermits(draft, change);
      putEntry(draft, stepKey, StepRecord, change.entry);
      return;
    }
    case 'extend':
      addChunk(draft, key, change);
      return;
    case 'consume':
      addConsumed(draft, key, change);
      return;
    case 'rewrite': {
      const at = keys.queue(key, change.step);
      draft.compares.push(isUnchanged(at, change.former));
      putEntry(draft, at, QueueItem, change.entry);
      return;
    }
    case 'tell':
    case 'callback':
    case 'untell':
    case 'signal':
    case 'incident':
      addNews(draft, key, change);
      return;
    case 'ticket':
      addTicket(draft, run, change);
      return;
    case 'grant':
      draft.compares.push(...change.guards);
      return;
    case 'unlock':
      draft.ops.push({ type: 'delete', at: keys.lock({ ...lockOf(change.need), workflow: key }) });
      return;
  }
}

function addQueued(draft: UnitDraft, key: WorkflowKey, change: Extract<Change, { kind: 'enqueue' }>): void {
  const stepKey = keys.step(key, change.step);
  draft.compares.push(
    isAbsent(keys.queue(key, change.step)),
    isUnchanged(stepKey, change.former?.revision ?? 0),
  );
  if (change.former !== undefined) draft.ops.push({ type: 'delete', at: stepKey });
  draft.compares.push(...change.guards);
  putEntry(draft, keys.queue(key, change.step), QueueItem, change.entry);
  addPermits(draft, keys.queue(key, change.step), change);
}

/** What others are told, people among them, and what was said to the workflow. */
function addNews(
  draft: UnitDraft,
  key: WorkflowKey,
  change: Extract<Change, { kind: 'tell' | 'callback' | 'untell' | 'signal' | 'incident' }>,
): void {
  switch (change.kind) {
    case 'tell': {
      const record = { ...change.record, unitId: draft.id };
      // Never the unit's witness: whom it is for takes it away.
      const at = keys.verb(change.to, record.requestId);
      draft.ops.push({ type: 'put', key: at, value: encodeRecord(VerbRecord, record) });
      return;
    }
    case 'callback':
      putEntry(draft, keys.callback(key, change.entry.record.sequence), CallbackRecord, change.entry);
      return;
    case 'untell':
      draft.ops.push({ type: 'delete', at: keys.callback(key, change.sequence) });
      return;
    case 'signal': {
      const signalKey = keys.signal(key, change.entry.record.name);
      draft.compares.push(isAbsent(signalKey));
      putEntry(draft, signalKey, SignalRecord, change.entry);
      return;
    }
    case 'incident': {
      const incidentKey = keys.incident(key, incidentKeyName(change.entry.record));
      draft.compares.push(isUnchanged(incidentKey, change.former));
      putEntry(draft, incidentKey, IncidentRecord, change.entry);
      draft.ops.push(...webhookNote(key, change.entry.record));
    }
  }
}

/** Whatever stands there was left by a submission that came to nothing. */
function addChunk(
  draft: UnitDraft,
  key: WorkflowKey,
  { index, chunk }: Extract<Change, { kind: 'extend' }>,
): void {
  put(draft, keys.chunk('plan', key, index), encodeRecord(PlanChunk, { ...chunk, unitId: draft.id }));
}

/** The permits of a step that is claimed at once; what it holds from before is there already. */
function addPermits(
  draft: UnitDraft,
  step: string,
  { entry, former }: Extract<Change, { kind: 'enqueue' }>,
): void {
  for (const permit of entry.record.permits) {
    if (former?.record.permits.includes(permit) === true) continue;
    const record: PermitRecord = { unitId: draft.id, step, timeMs: entry.record.attemptTimeMs };
    put(draft, permit, encodeRecord(PermitRecord, record));
  }
}

/** Permits go with the item or the record that named them, unless the new record still does. */
function freePermits(draft: UnitDraft, { entry, item, former }: Extract<Change, { kind: 'record' }>): void {
  const held = new Set([...(item?.record.permits ?? []), ...(former?.record.permits ?? [])]);
  for (const permit of held) {
    if (!entry.record.permits.includes(permit)) draft.ops.push({ type: 'delete', at: permit });
  }
}

function addTicket(
  draft: UnitDraft,
  { key, head }: Run,
  { need, timeMs }: Extract<Change, { kind: 'ticket' }>,
): void {
  const { resource, kind } = need;
  const at = keys.lock({ ...lockOf(need), workflow: key });
  const record: LockRecord = {
    unitId: draft.id,
    resource,
    kind,
    workflowId: key.id,
    tenant: head.tenant,
    timeMs,
  };
  // Always true; but it reads what others write who want the same, so that no transaction holds two tickets for one
  // resource: theirs would have the same revision, and each would think that it comes first.
  const anyRevision = { target: 'create', relation: '<', revision: Number.MAX_SAFE_INTEGER } as const;
  draft.compares.push(isAbsent(at), { at: ranges.locks(resource), ...anyRevision });
  put(draft, at, encodeRecord(LockRecord, record));
}

function addConsumed(draft: UnitDraft, key: WorkflowKey, change: Extract<Change, { kind: 'consume' }>): void {
  const { record, revision } = change.verb;
  const verbKey = keys.verb(key, record.requestId);
  draft.compares.push(isUnchanged(verbKey, revision));
  draft.ops.push({ type: 'delete', at: verbKey });
  // Nobody asks what became of what workflows say to each other.
  if (isTreeVerb(record.verb)) return;
  // Left by a node of its own accord: nobody waits for the answer.
  if (record.digest === '') return;
  const request: RequestRecord = {
    unitId: draft.id,
    digest: record.digest,
    subject: key.id,
    timeMs: record.timeMs,
    consumed: true,
    ...(change.refusal === undefined ? {} : { refusal: change.refusal }),
  };
  put(draft, keys.request(record.requestId), encodeRecord(RequestRecord, request));
}

function dropItem(draft: UnitDraft, key: WorkflowKey, step: StepId, item: Entry<QueueItem>): void {
  assert(item.revision > 0, 'An item leaves the queue after its commit was answered');
  draft.compares.push(isUnchanged(keys.queue(key, step), item.revision));
  draft.ops.push({ type: 'delete', at: keys.queue(key, step) });
}

function putEntry<T extends { unitId: string }>(
  draft: UnitDraft,
  key: string,
  type: { encode(record: T): { finish(): Uint8Array } },
  entry: Entry<T>,
): void {
  // The entry is the run's own and was made for this turn: nobody else has seen it yet.
  entry.record.unitId = draft.id;
  put(draft, key, type.encode(entry.record).finish());
}

function put(draft: UnitDraft, key: string, value: Uint8Array): void {
  draft.ops.push({ type: 'put', key, value });
  draft.witness ??= key;
}

/** Tells the run's entries at which revision the turn was committed. */
export function confirmTurn(run: Run, turn: Turn, unit: Unit, revision: number): void {
  for (const change of turn.changes) {
    if ('entry' in change) {
      change.entry.revision = revision;
    }
  }
  for (const change of turn.changes) {
    if (change.kind !== 'ticket') continue;
    if (change.isLate) run.lateTickets.set(change.need.resource, revision);
    else run.ticket = revision;
  }
  if (writesHead(unit, run.key)) run.liveRevision = isFinal(run.head.state) ? 0 : revision;
}
