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
import type { KeyRange, KeyValue, Store } from '../store/store.js';
import type { PlanCache } from './plan-cache.js';
import type { Entry, LoadedWorkflow } from './run.js';

const pageSize = 500;

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
  const { result, revision } = await (at === undefined ? readHead(store, key) : readHeadAt(store, key, at));
  const [headKv, liveKv] = result;
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
        : await plans.load(store, key, head.uid, extent, revision),
    records: toEntries(StepRecord, await listAll(store, ranges.steps(key), revision)),
    items: toEntries(QueueItem, await listAll(store, ranges.queue(key), revision)),
    verbs: toEntries<VerbRecord, string>(VerbRecord, await listAll(store, ranges.verbs(key), revision)),
    signals: toEntries<SignalRecord, string>(
      SignalRecord,
      await listAll(store, ranges.signals(key), revision),
    ),
    incidents: toIncidents(await listAll(store, ranges.incidents(key), revision)),
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

async function readHead(
  store: Store,
  key: WorkflowKey,
): Promise<{ result: readonly [KeyValue | undefined, KeyValue | undefined]; revision: Revision }> {
  const { results, revision } = await store.txn({
    compares: [],
    then: [
      { type: 'get', at: keys.head(key) },
      { type: 'get', at: keys.live(key) },
    ],
    otherwise: [],
  });
  const [head, live] = results.map((result) => (result.type === 'get' ? result.kvs[0] : undefined));
  return { result: [head, live], revision };
}

async function readHeadAt(
  store: Store,
  key: WorkflowKey,
  revision: Revision,
): Promise<{ result: readonly [KeyValue | undefined, KeyValue | undefined]; revision: Revision }> {
  const getAt = async (at: string): Promise<KeyValue | undefined> => {
    const { kvs } = await store.list({ start: at, end: `${at}\0` }, { revision });
    return kvs[0];
  };
  return { result: [await getAt(keys.head(key)), await getAt(keys.live(key))], revision };
}

/** All keys of a range as of a revision, page by page. */
export async function listAll(store: Store, range: KeyRange, revision: Revision): Promise<KeyValue[]> {
  const kvs: KeyValue[] = [];
  let start = range.start;
  for (;;) {
    const page = await store.list({ start, end: range.end }, { revision, limit: pageSize });
    kvs.push(...page.kvs);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return kvs;
    start = `${last.key}\0`;
  }
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
