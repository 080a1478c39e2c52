/** LockService: who has locked what, who waits for it, and breaking a lock. */
import { msToDate } from '../../base/duration.js';
import { invalidField } from '../../errors/index.js';
import { LockRecord } from '../../gen/store/steplock/store/v1/workflow.js';
import {
  BreakLockRequest,
  ListLocksRequest,
  type Lock,
  type ListLocksResponse,
  type LockServiceService,
} from '../../gen/wire/steplock/v1/lock_service.js';
import { unary, type Handler } from '../../grpc/adapter.js';
import { lockOfKey, prefixes, ranges, type LockKey } from '../../store/keys.js';
import { readRecord } from '../../store/records.js';
import { prefixRange, type KeyValue } from '../../store/store.js';
import type { Api } from '../context.js';
import { pageOf, parsePage } from '../pages.js';
import { lockState, toLockMode } from './lock-state.js';
import { parseWorkflowName, workflowName } from '../workflow/names.js';
import { askOwner } from '../workflow/verbs.js';

/** See above. */
export function lockHandlers(api: Api): { readonly [Name in keyof LockServiceService]: Handler } {
  return {
    listLocks: unary(ListLocksRequest, async (request) => await listLocks(api, request)),
    breakLock: unary(BreakLockRequest, async (request, info) => {
      const { requestId, actor, reason, resource } = request;
      if (reason === '') throw invalidField('reason', 'is missing');
      const workflow = parseWorkflowName(api, request.workflow, 'workflow');
      const call = { verb: 'break', workflow, requestId, actor, reason, resource } as const;
      await askOwner(api, { ...call, body: BreakLockRequest.toJSON(request) }, info);
      return {};
    }),
  };
}

async function listLocks(api: Api, request: ListLocksRequest): Promise<ListLocksResponse> {
  const filter = { resource: request.resource };
  const { size, after } = parsePage(request, filter, prefixes.lock);
  const options = after === undefined ? {} : { revision: after.revision };
  const range = request.resource === '' ? prefixRange(prefixes.lock) : ranges.locks(request.resource);
  const { kvs, revision } = await api.store.list(range, options);
  const sorted = kvs
    .flatMap((kv) => {
      const place = lockOfKey(kv.key);
      return place === undefined ? [] : [{ kv, place }];
    })
    .sort(
      (left, right) =>
        compareText(left.place.resource, right.place.resource) ||
        left.kv.createRevision - right.kv.createRevision ||
        compareText(left.kv.key, right.kv.key),
    );
  const first = after === undefined ? 0 : sorted.findIndex(({ kv }) => kv.key === after.key) + 1;
  const shown = sorted.slice(first, first + size);
  const last = shown.at(-1);
  const isCut = first + size < sorted.length && last !== undefined;
  return {
    locks: shown.map(({ kv, place }) => toLock(api, kv, place)),
    nextPageToken: isCut ? pageOf({ key: last.kv.key, revision }, filter) : '',
  };
}

function toLock(api: Api, kv: KeyValue, { resource, mode, workflow }: LockKey): Lock {
  const record = readRecord(LockRecord, kv);
  return {
    resource,
    mode: toLockMode(mode),
    workflow: workflowName(workflow.id),
    state: lockState(api, { resource, mode, workflow }),
    since: msToDate(record?.timeMs ?? 0),
    tenant: record?.tenant ?? '',
  };
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
