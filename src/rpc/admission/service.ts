/** AdmissionService: limits of systems and holds, all in one record that every new call compares. */
import { msToDate } from '../../base/duration.js';
import { idPattern, idRule } from '../../base/ids.js';
import { invalidField } from '../../errors/index.js';
import { PermitRecord, type HoldRecord } from '../../gen/store/steplock/store/v1/cluster.js';
import {
  HoldKind,
  ListHoldsRequest,
  ListLimitsRequest,
  PlaceHoldRequest,
  ReleaseHoldRequest,
  SetLimitRequest,
  type AdmissionServiceService,
  type Hold,
  type Limit,
} from '../../gen/wire/steplock/v1/admission_service.js';
import { unary, type Handler } from '../../grpc/adapter.js';
import { limits } from '../../model/limits.js';
import { prefixes, workflowOfKey } from '../../store/keys.js';
import { readRecord } from '../../store/records.js';
import { prefixRange } from '../../store/store.js';
import type { Api } from '../context.js';
import { checkActor, stepName } from '../workflow/names.js';
import { changePolicy, readPolicy } from './change-policy.js';

const stepsShown = 100;
const kindNames = new Map<HoldKind, string>([
  [HoldKind.SYSTEM, 'system'],
  [HoldKind.CONTROLLER, 'controller'],
  [HoldKind.CLUSTER, 'cluster'],
]);

/** See above. */
export function admissionHandlers(api: Api): { readonly [Name in keyof AdmissionServiceService]: Handler } {
  return {
    listLimits: unary(ListLimitsRequest, async () => ({ limits: await listLimits(api) })),
    setLimit: unary(SetLimitRequest, async (request) => {
      await setLimit(api, request);
      return {};
    }),
    listHolds: unary(ListHoldsRequest, async () => ({
      holds: (await readPolicy(api)).policy.holds.map(toHold),
    })),
    placeHold: unary(PlaceHoldRequest, async (request) => {
      await placeHold(api, request);
      return {};
    }),
    releaseHold: unary(ReleaseHoldRequest, async (request) => {
      const { kind, name } = parseTarget(request);
      const { actor } = parseWho(request);
      const asked = {
        requestId: request.requestId,
        method: 'ReleaseHold',
        body: ReleaseHoldRequest.toJSON(request),
      };
      await changePolicy(api, asked, (policy) => ({
        ...policy,
        holds: policy.holds.filter((hold) => hold.kind !== kind || hold.name !== name),
      }));
      api.log.info({ kind, name, actor, reason: request.reason }, 'hold released');
      return {};
    }),
  };
}

async function listLimits(api: Api): Promise<Limit[]> {
  const { policy } = await readPolicy(api);
  const { kvs } = await api.store.list(prefixRange(prefixes.permit));
  const stepsBy = new Map<string, string[]>();
  for (const kv of kvs) {
    const [, system = '', limitClass = ''] = kv.key.split('/');
    const place = workflowOfKey(readRecord(PermitRecord, kv)?.step ?? '');
    const step = place === undefined ? '' : stepName(place.workflow.id, place.rest);
    stepsBy.set(`${system}/${limitClass}`, [...(stepsBy.get(`${system}/${limitClass}`) ?? []), step]);
  }
  return policy.limits.map(({ system, limitClass, max }) => {
    const steps = stepsBy.get(`${system}/${limitClass}`) ?? [];
    return { system, limitClass, max, inUse: steps.length, steps: steps.slice(0, stepsShown) };
  });
}

async function setLimit(api: Api, request: SetLimitRequest): Promise<void> {
  const { requestId, system, limitClass, max } = request;
  if (!idPattern.test(system)) throw invalidField('system', idRule);
  if (limitClass !== '' && !idPattern.test(limitClass)) throw invalidField('limit_class', idRule);
  if (max > limits.limitMax) throw invalidField('max', `must be 0 to ${limits.limitMax}`);
  const asked = { requestId, method: 'SetLimit', body: SetLimitRequest.toJSON(request) };
  await changePolicy(api, asked, (policy) => {
    const others = policy.limits.filter(
      (limit) => limit.system !== system || limit.limitClass !== limitClass,
    );
    const all = max === 0 ? others : [...others, { system, limitClass, max }];
    return { ...policy, limits: all.sort((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1)) };
  });
  api.log.info({ system, limitClass, max }, 'limit set');
}

function nameOf({ system, limitClass }: { system: string; limitClass: string }): string {
  return `${system}/${limitClass}`;
}

async function placeHold(api: Api, request: PlaceHoldRequest): Promise<void> {
  const { kind, name } = parseTarget(request);
  const { actor, reason } = parseWho(request);
  const timeMs = api.clock.nowMs();
  const asked = { requestId: request.requestId, method: 'PlaceHold', body: PlaceHoldRequest.toJSON(request) };
  await changePolicy(api, asked, (policy) => {
    const known = policy.holds.find((hold) => hold.kind === kind && hold.name === name);
    const others = policy.holds.filter((hold) => hold !== known);
    return { ...policy, holds: [...others, { kind, name, actor, reason, timeMs: known?.timeMs ?? timeMs }] };
  });
  api.log.info({ kind, name, actor, reason }, 'hold placed');
}

function parseTarget(request: { readonly kind: HoldKind; readonly name: string }): {
  kind: string;
  name: string;
} {
  const kind = kindNames.get(request.kind);
  if (kind === undefined) throw invalidField('kind', 'must be SYSTEM, CONTROLLER or CLUSTER');
  const { name } = request;
  if (kind === 'cluster' ? name !== '' : !idPattern.test(name)) {
    throw invalidField('name', kind === 'cluster' ? 'must be empty for the cluster' : idRule);
  }
  return { kind, name };
}

function parseWho({ actor, reason }: { readonly actor: string; readonly reason: string }): {
  actor: string;
  reason: string;
} {
  if (reason === '') throw invalidField('reason', 'is missing');
  if (Buffer.byteLength(reason) > limits.reasonBytesMax) {
    throw invalidField('reason', `must have at most ${limits.reasonBytesMax} bytes`);
  }
  return { actor: checkActor(actor), reason };
}

function toHold({ kind, name, actor, reason, timeMs }: HoldRecord): Hold {
  const [wire = HoldKind.UNSPECIFIED] = [...kindNames].find(([, text]) => text === kind) ?? [];
  return { kind: wire, name, actor, reason, since: msToDate(timeMs) };
}
