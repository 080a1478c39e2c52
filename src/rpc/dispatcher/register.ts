/** Registering remote controllers, for all nodes. */
import { SteplockError } from '../../errors/index.js';
import { ControllerRecord } from '../../gen/store/steplock/store/v1/cluster.js';
import { DescribeResponse } from '../../gen/wire/steplock/v1/controller_service.js';
import {
  RegisterControllerRequest,
  UnregisterControllerRequest,
  type RegisterControllerResponse,
  type UnregisterControllerResponse,
} from '../../gen/wire/steplock/v1/dispatcher_service.js';
import { idPattern } from '../../base/ids.js';
import { invalidField } from '../../errors/index.js';
import { describeRemote } from '../../remote/remote-controller.js';
import { describeRemoteOrchestrator } from '../../remote/remote-orchestrator.js';
import { parseDescription } from '../../remote/description-codec.js';
import { keys } from '../../store/keys.js';
import { decodeRecord, encodeRecord } from '../../store/records.js';
import { isAbsent, isUnchanged } from '../../store/store.js';
import type { Api } from '../context.js';
import { digestOf, findRequest, rememberRequest } from '../requests.js';
import { checkId, checkRequestId } from '../workflow/names.js';
import { controllerNotFound, toController } from './controllers.js';

/** See RegisterController. */
export async function registerController(
  api: Api,
  request: RegisterControllerRequest,
): Promise<RegisterControllerResponse> {
  const { controllerId: id, endpoint, requestId, orchestrator } = request;
  checkRequestId(requestId);
  checkId(id, 'controller_id');
  if (!/^.+:[0-9]{1,5}$/.test(endpoint)) throw invalidField('endpoint', 'must be host:port');
  if (api.controllers.isLocal(id)) throw controllerExists(id);
  const digest = digestOf(api, 'RegisterController', RegisterControllerRequest.toJSON(request));
  const describe = orchestrator ? describeRemoteOrchestrator : describeRemote;
  const response = await describe(endpoint, api.clock);
  const description = parseDescription(response, api.runtime.checker);
  const known = await findRequest(api, requestId, digest);
  if (known === undefined) await commitRegistration(api, request, digest, response);
  return { controller: toController({ id, endpoint, description, isOrchestrator: orchestrator }) };
}

async function commitRegistration(
  api: Api,
  { controllerId: id, endpoint, requestId, orchestrator }: RegisterControllerRequest,
  digest: string,
  description: DescribeResponse,
): Promise<void> {
  const key = keys.controller(id);
  const former = await api.store.get(key);
  // The same endpoint again: its description may have changed.
  if (former !== undefined && decodeRecord(ControllerRecord, former).endpoint !== endpoint)
    throw controllerExists(id);
  const unitId = api.random.hex(8);
  const request = rememberRequest(requestId, {
    unitId,
    digest,
    subject: id,
    timeMs: api.clock.nowMs(),
    consumed: true,
  });
  const record: ControllerRecord = {
    unitId,
    controllerId: id,
    endpoint,
    orchestrator,
    description: Buffer.from(DescribeResponse.encode(description).finish()),
  };
  const result = await api.runtime.commit({
    id: unitId,
    compares: [request.compare, former === undefined ? isAbsent(key) : isUnchanged(key, former.modRevision)],
    ops: [request.op, { type: 'put', key, value: encodeRecord(ControllerRecord, record) }],
    witness: key,
  });
  if (!result.applied && (await findRequest(api, requestId, digest)) === undefined)
    throw controllerExists(id);
}

/** See UnregisterController. */
export async function unregisterController(
  api: Api,
  request: UnregisterControllerRequest,
): Promise<UnregisterControllerResponse> {
  const { name, requestId } = request;
  checkRequestId(requestId);
  const id = /^controllers\/([^/]+)$/.exec(name)?.[1] ?? '';
  if (!idPattern.test(id)) throw invalidField('name', 'must be controllers/{controller}');
  const digest = digestOf(api, 'UnregisterController', UnregisterControllerRequest.toJSON(request));
  if ((await findRequest(api, requestId, digest)) !== undefined) return {};
  const key = keys.controller(id);
  const found = await api.store.get(key);
  if (found === undefined) throw controllerNotFound(name);
  const unitId = api.random.hex(8);
  const record = { unitId, digest, subject: id, timeMs: api.clock.nowMs(), consumed: true };
  const remembered = rememberRequest(requestId, record);
  const result = await api.runtime.commit({
    id: unitId,
    compares: [remembered.compare, isUnchanged(key, found.modRevision)],
    ops: [remembered.op, { type: 'delete', at: key }],
    witness: remembered.key,
  });
  if (!result.applied && (await findRequest(api, requestId, digest)) === undefined)
    throw controllerNotFound(name);
  return {};
}

function controllerExists(id: string): SteplockError {
  const name = `controllers/${id}`;
  return new SteplockError('CONTROLLER_EXISTS', `${name} is registered already; unregister it first`, {
    metadata: { name },
  });
}
