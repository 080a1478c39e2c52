/** Listing workflows, newest first, all pages as of one revision. */
import { WorkflowHead } from '../../gen/store/steplock/store/v1/workflow.js';
import type {
  ListWorkflowsRequest,
  ListWorkflowsResponse,
  WorkflowFilter,
} from '../../gen/wire/steplock/v1/workflow_service.js';
import { WorkflowFilter as WorkflowFilterType } from '../../gen/wire/steplock/v1/workflow_service.js';
import type { Workflow } from '../../gen/wire/steplock/v1/workflow.js';
import type { JsonValue } from '../../base/json.js';
import { prefixes } from '../../store/keys.js';
import { decodeRecord } from '../../store/records.js';
import { prefixRange, type KeyValue } from '../../store/store.js';
import type { Api } from '../context.js';
import { pageOf, parsePage, type PageCursor } from '../pages.js';
import { renderHead } from './render.js';

/** How many heads are read in one go; more than one transaction can create. */
const readSize = 500;

/** See ListWorkflows. */
export async function listWorkflows(api: Api, request: ListWorkflowsRequest): Promise<ListWorkflowsResponse> {
  const filter = WorkflowFilterType.toJSON(
    request.filter ?? { states: [], tenant: '', labels: {} },
  ) as JsonValue;
  const { size, after } = parsePage(request, filter, prefixes.head);
  const workflows: Workflow[] = [];
  for await (const { kv, cursor } of headsAfter(api, after)) {
    if (workflows.length === size) {
      // There is at least one more: the page ends with the one before it.
      const last = workflows.at(-1);
      return { workflows, nextPageToken: last === undefined ? '' : pageOf(cursor.before, filter) };
    }
    const head = decodeRecord(WorkflowHead, kv);
    if (request.filter === undefined || matches(head, request.filter)) {
      workflows.push(renderHead(head, kv.modRevision));
      cursor.shown();
    }
  }
  return { workflows, nextPageToken: '' };
}

interface Walked {
  readonly kv: KeyValue;
  readonly cursor: { before: PageCursor; shown: () => void };
}

/** All heads, newest first, from behind a cursor on. */
async function* headsAfter(api: Api, after: PageCursor | undefined): AsyncGenerator<Walked> {
  let revision = after?.revision;
  let created = after?.created;
  let lastKey = after?.key;
  const cursor = { before: after ?? { key: '', revision: 0 as never }, shown: (): void => undefined };
  for (;;) {
    const page = await api.store.list(prefixRange(prefixes.head), {
      order: 'newest',
      limit: readSize,
      ...(revision === undefined ? {} : { revision }),
      ...(created === undefined ? {} : { createdUpTo: created }),
    });
    revision ??= page.revision;
    // Heads created by one transaction share a revision, and a page may end among them, in no particular order: those
    // of its oldest revision are left for the next page, which has all of them.
    const oldest = page.more ? page.kvs.at(-1)?.createRevision : undefined;
    for (const kv of inOrder(page.kvs)) {
      if (kv.createRevision === oldest || wasSeen(kv, created, lastKey)) continue;
      const at = { key: kv.key, revision, created: kv.createRevision };
      cursor.shown = () => {
        cursor.before = at;
      };
      yield { kv, cursor };
      created = kv.createRevision;
      lastKey = kv.key;
    }
    if (oldest === undefined) return;
    if (created !== oldest) lastKey = undefined;
    created = oldest;
  }
}

function inOrder(kvs: readonly KeyValue[]): KeyValue[] {
  return [...kvs].sort(
    (left, right) => right.createRevision - left.createRevision || (left.key < right.key ? -1 : 1),
  );
}

function wasSeen(kv: KeyValue, created: number | undefined, lastKey: string | undefined): boolean {
  if (created === undefined || lastKey === undefined) return false;
  return kv.createRevision > created || (kv.createRevision === created && kv.key <= lastKey);
}

function matches(head: WorkflowHead, filter: WorkflowFilter): boolean {
  if (filter.states.length > 0 && !filter.states.some((state) => state === head.state)) return false;
  if (filter.tenant !== '' && head.tenant !== filter.tenant) return false;
  return Object.entries(filter.labels).every(([key, value]) => head.labels[key] === value);
}
