/** Resources as they are shown. */
import { msToDate } from '../../base/duration.js';
import type { JsonObject } from '../../base/json.js';
import {
  ResourceState as StoredState,
  type ResourceRecord,
} from '../../gen/store/steplock/store/v1/inventory.js';
import {
  Protocol,
  ResourceKind,
  ResourceState,
  type Resource,
} from '../../gen/wire/steplock/v1/inventory_service.js';
import {
  bodyOf,
  numberOf,
  partId,
  resourceKinds,
  resourceName,
  textOf,
  type ResourceKind as KindName,
} from '../../inventory/index.js';
import { workflowName } from '../workflow/names.js';

const kinds: Readonly<Record<KindName, ResourceKind>> = {
  system: ResourceKind.SYSTEM,
  pool: ResourceKind.POOL,
  port: ResourceKind.PORT,
  host: ResourceKind.HOST,
  initiator: ResourceKind.INITIATOR,
  volume: ResourceKind.VOLUME,
  snapshot: ResourceKind.SNAPSHOT,
  export: ResourceKind.EXPORT,
};
const protocols = new Map<string, Protocol>([
  ['iscsi', Protocol.ISCSI],
  ['fc', Protocol.FC],
  ['nvme-tcp', Protocol.NVME_TCP],
]);

/** The kind's name in the store; undefined if it is none. */
export function kindName(kind: ResourceKind): KindName | undefined {
  return resourceKinds.find((name) => kinds[name] === kind);
}

/** A record as it stood at that revision; `isLeft`: the workflow that it names has ended. */
export function renderResource(record: ResourceRecord, revision: number, isLeft: boolean): Resource {
  const { kind, uid, labels, tenant, workflow } = record;
  return {
    name: resourceName(record),
    kind: kinds[kind as KindName],
    ...{ uid, labels, tenant },
    state: isLeft ? ResourceState.ERROR : toState(record.state),
    workflow: workflow === '' ? '' : workflowName(workflow),
    createTime: msToDate(record.createTimeMs),
    updateTime: msToDate(record.updateTimeMs),
    etag: String(revision),
    body: renderBody(kind as KindName, bodyOf(record)),
  };
}

/** The state on the wire: the numbers are the same, and the store has no ERROR. */
function toState(state: StoredState): ResourceState {
  switch (state) {
    case StoredState.CREATING:
      return ResourceState.CREATING;
    case StoredState.AVAILABLE:
      return ResourceState.AVAILABLE;
    case StoredState.UPDATING:
      return ResourceState.UPDATING;
    case StoredState.DELETING:
      return ResourceState.DELETING;
    default:
      return ResourceState.UNSPECIFIED;
  }
}

const nameOf = (kind: KindName, id: string): string => (id === '' ? '' : resourceName({ kind, id }));
const int = (body: JsonObject, field: string): string => String(numberOf(body, field));
const flag = (body: JsonObject, field: string): boolean => body[field] === true;
const protocolOf = (body: JsonObject): Protocol =>
  protocols.get(textOf(body, 'protocol')) ?? Protocol.UNSPECIFIED;

function renderBody(kind: KindName, body: JsonObject): Resource['body'] {
  const system = nameOf('system', textOf(body, 'system'));
  switch (kind) {
    case 'system':
      return { $case: 'system', value: renderSystem(body) };
    case 'pool': {
      const [totalBytes, freeBytes, provisionedBytes] = [
        'total_bytes',
        'free_bytes',
        'provisioned_bytes',
      ].map((field) => int(body, field)) as [string, string, string];
      return { $case: 'pool', value: { system, totalBytes, freeBytes, provisionedBytes } };
    }
    case 'port': {
      const value = { address: textOf(body, 'address'), online: flag(body, 'online') };
      return { $case: 'port', value: { system, protocol: protocolOf(body), ...value } };
    }
    case 'host':
      return { $case: 'host', value: { initiators: numberOf(body, 'initiators') } };
    case 'initiator': {
      const value = { address: textOf(body, 'address'), nodeWwn: textOf(body, 'node_wwn') };
      const host = nameOf('host', textOf(body, 'host'));
      return { $case: 'initiator', value: { host, protocol: protocolOf(body), ...value } };
    }
    case 'volume':
      return { $case: 'volume', value: { system, ...renderVolume(body) } };
    case 'snapshot': {
      const value = { serial: textOf(body, 'serial'), nativeId: textOf(body, 'native_id') };
      const volume = nameOf('volume', textOf(body, 'volume'));
      return { $case: 'snapshot', value: { system, volume, sizeBytes: int(body, 'size_bytes'), ...value } };
    }
    case 'export':
      return { $case: 'export', value: renderExport(body) };
  }
}

type BodyOf<Case extends string> = Extract<NonNullable<Resource['body']>, { $case: Case }>['value'];

function renderSystem(body: JsonObject): BodyOf<'system'> {
  const capabilities = (body['capabilities'] ?? {}) as JsonObject;
  const spoken = (capabilities['protocols'] ?? []) as string[];
  return {
    controller: textOf(body, 'controller'),
    model: textOf(body, 'model'),
    version: textOf(body, 'version'),
    capabilities: {
      thin: flag(capabilities, 'thin'),
      thick: flag(capabilities, 'thick'),
      snapshots: textOf(capabilities, 'snapshots'),
      clones: textOf(capabilities, 'clones'),
      revert: flag(capabilities, 'revert'),
      onlineExpand: flag(capabilities, 'online_expand'),
      undoExpand: flag(capabilities, 'undo_expand'),
      protocols: spoken.map((each) => protocols.get(each) ?? Protocol.UNSPECIFIED),
      chap: flag(capabilities, 'chap'),
      sizeGranularityBytes: int(capabilities, 'size_granularity_bytes'),
      sizeBytesMin: int(capabilities, 'size_bytes_min'),
      sizeBytesMax: int(capabilities, 'size_bytes_max'),
    },
  };
}

function renderVolume(body: JsonObject): Omit<BodyOf<'volume'>, 'system'> {
  const [system, pool] = [textOf(body, 'system'), textOf(body, 'pool')];
  return {
    pool: pool === '' ? '' : resourceName({ kind: 'pool', id: partId(system, pool) }),
    sizeBytes: int(body, 'size_bytes'),
    thick: flag(body, 'thick'),
    serial: textOf(body, 'serial'),
    nativeId: textOf(body, 'native_id'),
    source: textOf(body, 'source'),
  };
}

function renderExport(body: JsonObject): BodyOf<'export'> {
  const targets = (body['targets'] ?? []) as JsonObject[];
  return {
    volume: nameOf('volume', textOf(body, 'volume')),
    host: nameOf('host', textOf(body, 'host')),
    protocol: protocolOf(body),
    paths: targets.map((target) => ({ target: textOf(target, 'name'), address: textOf(target, 'address') })),
    lun: int(body, 'lun'),
    initiators: (body['initiators'] ?? []) as string[],
  };
}
