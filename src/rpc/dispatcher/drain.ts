/** DrainNode: any node writes it into the record of the one that is meant, which sees it there. */
import type { NodeId } from '../../base/ids.js';
import { drainingUnit } from '../../cluster/drain.js';
import { invalidField, SteplockError } from '../../errors/index.js';
import { NodeRecord } from '../../gen/store/steplock/store/v1/cluster.js';
import { DrainNodeRequest } from '../../gen/wire/steplock/v1/dispatcher_service.js';
import { keys } from '../../store/keys.js';
import { decodeRecord } from '../../store/records.js';
import type { Api } from '../context.js';
import { digestOf, findRequest, rememberRequest } from '../requests.js';
import { checkActor, checkRequestId } from '../workflow/names.js';

/** See DrainNode. Gives the node's id. */
export async function drainNode(api: Api, request: DrainNodeRequest): Promise<NodeId> {
  const { name, requestId, reason } = request;
  checkRequestId(requestId);
  const actor = checkActor(request.actor);
  if (reason === '') throw invalidField('reason', 'is missing');
  const node = /^nodes\/(.+)$/.exec(name)?.[1] as NodeId | undefined;
  if (node === undefined) throw invalidField('name', 'must be nodes/{node}');
  const digest = digestOf(api, 'DrainNode', DrainNodeRequest.toJSON(request));
  if ((await findRequest(api, requestId, digest)) !== undefined) return node;
  for (;;) {
    const kv = await api.store.get(keys.node(node));
    if (kv?.lease === undefined) throw nodeNotFound(name);
    const { lease, modRevision } = kv;
    const unit = drainingUnit(
      { record: decodeRecord(NodeRecord, kv), lease, revision: modRevision },
      api.random,
    );
    const record = { unitId: unit.id, digest, subject: node, timeMs: api.clock.nowMs(), consumed: true };
    const remembered = rememberRequest(requestId, record);
    const compares = [remembered.compare, ...unit.compares];
    const result = await api.runtime.commit({ ...unit, compares, ops: [remembered.op, ...unit.ops] });
    if (result.applied || (await findRequest(api, requestId, digest)) !== undefined) {
      api.log.info({ node, actor, reason }, 'node is to drain');
      return node;
    }
    // It changed, or went, in between: look again.
  }
}

function nodeNotFound(name: string): SteplockError {
  return new SteplockError('NODE_NOT_FOUND', `No living node ${name}`, { metadata: { name } });
}
