/** Reads a workflow from the store, all of it as of one revision. */
import type { Revision, StepId } from '../base/ids.js';
import { IncidentRecord, QueueItem, StepRecord } from '../gen/store/steplock/store/v1/step.js';
import {
  HeadState,
  SignalRecord,
  VerbRecord,
  WorkflowHead,
} from '../gen/store/steplock/store/v1/workflow.js';
import type { LockNeed } from '../gen/store/steplock/store/v1/plan.js';
import { lockOf } from '../model/locks.js';
import { createPlan } from '../model/plan.js';
import { keys, ranges, workflowOfKey, type WorkflowKey } from '../store/keys.js';
import { decodeRecord, type RecordType } from '../store/records.js';
import type { KeyValue, Store } from '../store/store.js';
import type { PlanCache } from './plan-cache.js';
import { readAt, readNow, type WorkflowKeys } from './read-keys.js';
import type { Entry, LoadedWorkflow } from './run.js';

/** A workflow as it stood at a revision. */
export interface WorkflowSnapshot extends LoadedWorkflow {
  /** The revision. */
  readonly revision: Revision;
  /** Mod revision of the head. */
  readonly headRevision: Revision;
  /** Create revision of the head. */
  readonly createRevision: Revision;
}

/**
 * Reads a workflow, or gives undefined if there is none; `at`: as of that revision, by default as of now.
 *
 * @throws CorruptRecordError when one of its records cannot be read.
 * @throws SteplockError REVISION_COMPACTED when that took so long that the revision is gone: read again.
 */
export async function loadWorkflow(
  store: Store,
  plans: PlanCache,
  key: WorkflowKey,
  at?: Revision,
): Promise<WorkflowSnapshot | undefined> {
  const read = at === undefined ? (await readNow(store, [{ key }]))[0] : await readAt(store, key, at);
  return read === undefined ? undefined : await toSnapshot(store, plans, key, read);
}

/**
 * A workflow of whose keys the most was read; gives undefined if there is none. What is still missing is read as of the
 * same revision.
 *
 * @throws CorruptRecordError, SteplockError as {@link loadWorkflow}.
 */
export async function toSnapshot(
  store: Store,
  plans: PlanCache,
  key: WorkflowKey,
  { headKv, liveKv, revision, records, items, verbs, incidents, signals, firstChunks }: WorkflowKeys,
): Promise<WorkflowSnapshot | undefined> {
  if (headKv === undefined) return undefined;
  const head = decodeRecord(WorkflowHead, headKv);
  const extent = head.plan ?? { chunks: 0, steps: 0, groups: 0, bytes: 0, hash: '', graphRevision: 0 };
  return {
    key,
    head,
    revision,
    headRevision: headKv.modRevision,
    createRevision: headKv.createRevision,
    liveRevision: liveKv?.modRevision ?? 0,
    // A draft's plan is still changing, and nothing that is driven needs it.
    plan:
      head.state === HeadState.DRAFT
        ? createPlan([], [], [])
        : await plans.load(store, key, head.uid, extent, { revision, firstChunks }),
    records: toEntries(StepRecord, records),
    items: toEntries(QueueItem, items),
    verbs: toEntries<VerbRecord, string>(VerbRecord, verbs),
    incidents: toIncidents(incidents),
    signals: toEntries<SignalRecord, string>(SignalRecord, signals),
    callbacks: await readCallbacks(store, key, head, revision),
    ticket: await readTicket(store, key, head, revision),
    lateTickets: await readLateTickets(store, key, head, revision),
  };
}

/**
 * A workflow that has just been submitted: nothing of it can have begun, so that its head is all there is to know.
 */
export async function freshWorkflow(
  store: Store,
  plans: PlanCache,
  key: WorkflowKey,
  head: WorkflowHead,
  liveRevision: number,
): Promise<LoadedWorkflow> {
  const extent = head.plan ?? { chunks: 0, steps: 0, groups: 0, bytes: 0, hash: '', graphRevision: 0 };
  const plan = await plans.load(store, key, head.uid, extent);
  const none = new Map<never, never>();
  const nothing = {
    records: none,
    items: none,
    verbs: none,
    incidents: none,
    signals: none,
    lateTickets: none,
    callbacks: new Set<string>(),
  };
  return { key, head, liveRevision, plan, ticket: 0, ...nothing };
}

/** All tickets of a workflow were written together: one of them that is still there tells. */
async function readTicket(
  store: Store,
  key: WorkflowKey,
  head: WorkflowHead,
  revision: Revision,
): Promise<number> {
  for (const need of head.locks) {
    const ticket = await readTicketFor(store, key, need, revision);
    if (ticket !== 0) return ticket;
  }
  return 0;
}

async function readCallbacks(
  store: Store,
  key: WorkflowKey,
  head: WorkflowHead,
  revision: Revision,
): Promise<Set<string>> {
  if (head.callbackSequence === 0) return new Set();
  const { kvs } = await store.list(ranges.callbacks(key), { revision, keysOnly: true });
  return new Set(kvs.map((kv) => workflowOfKey(kv.key)?.rest ?? ''));
}

async function readLateTickets(
  store: Store,
  key: WorkflowKey,
  head: WorkflowHead,
  revision: Revision,
): Promise<Map<string, number>> {
  const tickets = new Map<string, number>();
  for (const need of head.lateLocks.flatMap(({ needs }) => needs)) {
    const ticket = await readTicketFor(store, key, need, revision);
    if (ticket !== 0) tickets.set(need.resource, ticket);
  }
  return tickets;
}

async function readTicketFor(
  store: Store,
  key: WorkflowKey,
  need: LockNeed,
  revision: Revision,
): Promise<number> {
  const at = keys.lock({ ...lockOf(need), workflow: key });
  const { kvs } = await store.list({ start: at, end: `${at}\0` }, { revision, keysOnly: true });
  return kvs[0]?.createRevision ?? 0;
}

function toEntries<T, Id extends string = StepId>(
  type: RecordType<T>,
  kvs: readonly KeyValue[],
): Map<Id, Entry<T>> {
  return new Map(
    kvs.map((kv) => {
      const id = workflowOfKey(kv.key)?.rest as Id;
      return [id, { record: decodeRecord(type, kv), revision: kv.modRevision }];
    }),
  );
}

function toIncidents(kvs: readonly KeyValue[]): Map<string, Entry<IncidentRecord>> {
  return new Map(
    kvs.map((kv) => {
      const record = decodeRecord(IncidentRecord, kv);
      return [record.incidentId, { record, revision: kv.modRevision }];
    }),
  );
}
