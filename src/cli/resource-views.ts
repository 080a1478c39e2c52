/** Resources of storage as tables: the columns of each kind. */
import {
  Protocol,
  ResourceKind,
  ResourceState,
  type Resource,
} from '../gen/wire/steplock/v1/inventory_service.js';
import { formatBytes } from './sizes.js';

/** The columns of a kind, beside its name and state. */
interface View {
  readonly head: readonly string[];
  readonly row: (resource: Resource) => readonly string[];
}

const states = new Map<ResourceState, string>([
  [ResourceState.CREATING, 'creating'],
  [ResourceState.AVAILABLE, 'available'],
  [ResourceState.UPDATING, 'updating'],
  [ResourceState.DELETING, 'deleting'],
  [ResourceState.ERROR, 'error'],
]);
const protocols = new Map<Protocol, string>([
  [Protocol.ISCSI, 'iscsi'],
  [Protocol.FC, 'fc'],
  [Protocol.NVME_TCP, 'nvme-tcp'],
]);

type Case = NonNullable<Resource['body']>['$case'];
type BodyOf<C extends Case> = Extract<NonNullable<Resource['body']>, { $case: C }>['value'];

function view<C extends Case>(kind: C, columns: Readonly<Record<string, (body: BodyOf<C>) => string>>): View {
  return {
    head: Object.keys(columns),
    row: ({ body }) => {
      if (body?.$case !== kind) return Object.keys(columns).map(() => '');
      return Object.values(columns).map((cell) => cell(body.value as BodyOf<C>));
    },
  };
}

/** The last part of a name. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

const protocolOf = ({ protocol }: { protocol: Protocol }): string => protocols.get(protocol) ?? '';
const size = ({ sizeBytes }: { sizeBytes: string }): string => formatBytes(Number(sizeBytes));

const views = new Map<ResourceKind, View>([
  [
    ResourceKind.SYSTEM,
    view('system', { CONTROLLER: ({ controller }) => controller, MODEL: ({ model }) => model }),
  ],
  [
    ResourceKind.POOL,
    view('pool', {
      SYSTEM: ({ system }) => shortName(system),
      TOTAL: ({ totalBytes }) => formatBytes(Number(totalBytes)),
      FREE: ({ freeBytes }) => formatBytes(Number(freeBytes)),
      PROVISIONED: ({ provisionedBytes }) => formatBytes(Number(provisionedBytes)),
    }),
  ],
  [
    ResourceKind.PORT,
    view('port', {
      SYSTEM: ({ system }) => shortName(system),
      PROTOCOL: protocolOf,
      ADDRESS: ({ address }) => address,
      ONLINE: ({ online }) => (online ? 'yes' : 'no'),
    }),
  ],
  [ResourceKind.HOST, view('host', { INITIATORS: ({ initiators }) => String(initiators) })],
  [
    ResourceKind.INITIATOR,
    view('initiator', {
      HOST: ({ host }) => shortName(host),
      PROTOCOL: protocolOf,
      'NODE WWN': ({ nodeWwn }) => nodeWwn,
    }),
  ],
  [
    ResourceKind.VOLUME,
    view('volume', {
      SYSTEM: ({ system }) => shortName(system),
      POOL: ({ pool }) => shortName(pool),
      SIZE: size,
      SERIAL: ({ serial }) => serial,
    }),
  ],
  [
    ResourceKind.SNAPSHOT,
    view('snapshot', {
      VOLUME: ({ volume }) => shortName(volume),
      SIZE: size,
      SERIAL: ({ serial }) => serial,
    }),
  ],
  [
    ResourceKind.EXPORT,
    view('export', {
      VOLUME: ({ volume }) => shortName(volume),
      HOST: ({ host }) => shortName(host),
      LUN: ({ lun }) => lun,
      PATHS: ({ paths }) => paths.map(({ target, address }) => `${target} ${address}`.trim()).join(', '),
    }),
  ],
]);

/** Resources of one kind as a table. */
export function resourceTable(
  kind: ResourceKind,
  resources: readonly Resource[],
): { readonly head: readonly string[]; readonly body: readonly (readonly string[])[] } {
  const columns = views.get(kind);
  return {
    head: ['NAME', 'STATE', ...(columns?.head ?? []), 'WORKFLOW', 'LABELS'],
    body: resources.map((resource) => [
      shortName(resource.name),
      states.get(resource.state) ?? '',
      ...(columns?.row(resource) ?? []),
      shortName(resource.workflow),
      Object.entries(resource.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    ]),
  };
}

/** The states that `--state` takes. */
export const stateNames = new Map([...states].map(([state, name]) => [name, state]));
