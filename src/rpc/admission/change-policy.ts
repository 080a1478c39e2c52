/** Changes the policy record: read, change, write if nobody else did in between. */
import { SteplockError } from '../../errors/index.js';
import { PolicyRecord } from '../../gen/store/steplock/store/v1/cluster.js';
import { keys } from '../../store/keys.js';
import { decodeRecord, encodeRecord } from '../../store/records.js';
import { isUnchanged } from '../../store/store.js';
import type { Api } from '../context.js';
import { digestOf, findRequest, rememberRequest } from '../requests.js';
import { checkRequestId } from '../workflow/names.js';

const triesMax = 5;

/** What was asked, for telling a repetition from another request. */
export interface PolicyRequest {
  readonly requestId: string;
  readonly method: string;
  /** The request as JSON. */
  readonly body: unknown;
}

/** The policy as it stands. */
export async function readPolicy(api: Api): Promise<{ policy: PolicyRecord; revision: number }> {
  const kv = await api.store.get(keys.policy);
  const policy = kv === undefined ? { unitId: '', limits: [], holds: [] } : decodeRecord(PolicyRecord, kv);
  return { policy, revision: kv?.modRevision ?? 0 };
}

/**
 * Makes the change, once for each request id: a hold must not come back because a call that placed it was repeated late.
 *
 * @throws SteplockError INVALID_FIELD, REQUEST_ID_REUSED; OPERATION_PENDING when others keep changing it.
 */
export async function changePolicy(
  api: Api,
  { requestId, method, body }: PolicyRequest,
  change: (policy: PolicyRecord) => PolicyRecord,
): Promise<void> {
  checkRequestId(requestId);
  const digest = digestOf(api, method, body);
  for (let tries = 0; tries < triesMax; tries++) {
    if ((await findRequest(api, requestId, digest)) !== undefined) return;
    const { policy, revision } = await readPolicy(api);
    const id = api.random.hex(8);
    const record = { unitId: id, digest, subject: 'policy', timeMs: api.clock.nowMs(), consumed: true };
    const request = rememberRequest(requestId, record);
    const value = encodeRecord(PolicyRecord, { ...change(policy), unitId: id });
    const { applied } = await api.runtime.commit({
      id,
      compares: [request.compare, isUnchanged(keys.policy, revision)],
      ops: [request.op, { type: 'put', key: keys.policy, value }],
      witness: keys.policy,
    });
    if (applied) return;
  }
  throw new SteplockError('OPERATION_PENDING', 'Limits and holds are being changed by others; try again', {
    metadata: { name: 'policy' },
    retryAfterMs: 200,
  });
}
