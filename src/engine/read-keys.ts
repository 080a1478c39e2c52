/** Reads the keys of workflows from the store, those of one workflow as of one revision. */
import type { Revision } from '../base/ids.js';
import { keys, ranges, type WorkflowKey } from '../store/keys.js';
import type { KeyRange, KeyValue, Op, OpResult, Store } from '../store/store.js';

const pageSize = 500;
/** Of each kind of record so many come with the head, in one answer; most workflows have no more. */
const firstPageSize = 100;
/** The same when several workflows are read together: all of the answer is in memory at once. */
const sharedPageSize = 32;
/** A plan is in one chunk but for very large ones. */
const firstChunksMax = 1;

/** So many workflows fit into one transaction: it has at most 128 operations, and each takes eight. */
export const readTogetherMax = 15;

/** A workflow's keys as of a revision. */
export interface WorkflowKeys {
  readonly headKv: KeyValue | undefined;
  readonly liveKv: KeyValue | undefined;
  readonly revision: Revision;
  readonly records: readonly KeyValue[];
  readonly items: readonly KeyValue[];
  readonly verbs: readonly KeyValue[];
  readonly incidents: readonly KeyValue[];
  readonly signals: readonly KeyValue[];
  /** The first chunks of its plan, if they were asked for; not always all. */
  readonly firstChunks: readonly KeyValue[];
}

/** Which workflow is to be read. */
export interface ReadRequest {
  readonly key: WorkflowKey;
  /** Whether its plan is wanted too; default: no. */
  readonly needsPlan?: boolean;
}

const kindsOf = (key: WorkflowKey): readonly KeyRange[] => [
  ranges.steps(key),
  ranges.queue(key),
  ranges.verbs(key),
  ranges.incidents(key),
  ranges.signals(key),
];

/**
 * The workflows as they stand, at most {@link readTogetherMax} of them. One transaction reads all of most; of the others
 * what is left is read as of its revision.
 */
export async function readNow(store: Store, requests: readonly ReadRequest[]): Promise<WorkflowKeys[]> {
  const limit = requests.length === 1 ? firstPageSize : sharedPageSize;
  const ops = requests.map((request) => opsOf(request, limit));
  const { results, revision } = await store.txn({ compares: [], then: ops.flat(), otherwise: [] });
  let from = 0;
  return await Promise.all(
    requests.map(async ({ key }, index) => {
      const count = ops[index]?.length ?? 0;
      const own = results.slice(from, (from += count)).map(kvsOf);
      return await wholeOf(store, key, { pages: own, limit, revision });
    }),
  );
}

function opsOf({ key, needsPlan = false }: ReadRequest, limit: number): Op[] {
  const ops: Op[] = [
    { type: 'get', at: keys.head(key) },
    { type: 'get', at: keys.live(key) },
    ...kindsOf(key).map((at): Op => ({ type: 'get', at, limit })),
  ];
  if (needsPlan) ops.push({ type: 'get', at: ranges.chunks('plan', key), limit: firstChunksMax });
  return ops;
}

function kvsOf(result: OpResult): readonly KeyValue[] {
  return result.type === 'get' ? result.kvs : [];
}

interface Pages {
  readonly pages: readonly (readonly KeyValue[])[];
  readonly limit: number;
  readonly revision: Revision;
}

async function wholeOf(store: Store, key: WorkflowKey, read: Pages): Promise<WorkflowKeys> {
  const { limit, revision } = read;
  const [head, live, ...pages] = read.pages;
  const kinds = kindsOf(key);
  const whole = kinds.map(async ({ end }, index) => {
    const page = pages[index] ?? [];
    const last = page.at(-1);
    if (page.length < limit || last === undefined) return page;
    return [...page, ...(await listAll(store, { start: `${last.key}\0`, end }, revision))];
  });
  const [records = [], items = [], verbs = [], incidents = [], signals = []] = await Promise.all(whole);
  const firstChunks = pages[kinds.length] ?? [];
  const kinded = { records, items, verbs, incidents, signals };
  return { headKv: head?.[0], liveKv: live?.[0], revision, ...kinded, firstChunks };
}

/** The workflow as it stood at a revision. */
export async function readAt(store: Store, key: WorkflowKey, revision: Revision): Promise<WorkflowKeys> {
  const getAt = async (at: string): Promise<KeyValue | undefined> => {
    const { kvs } = await store.list({ start: at, end: `${at}\0` }, { revision });
    return kvs[0];
  };
  return {
    headKv: await getAt(keys.head(key)),
    liveKv: await getAt(keys.live(key)),
    revision,
    records: await listAll(store, ranges.steps(key), revision),
    items: await listAll(store, ranges.queue(key), revision),
    verbs: await listAll(store, ranges.verbs(key), revision),
    incidents: await listAll(store, ranges.incidents(key), revision),
    signals: await listAll(store, ranges.signals(key), revision),
    firstChunks: [],
  };
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
