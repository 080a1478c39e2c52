/** The hosts of a cluster, and what a host sees of a disk. */
import { callOptions, type Call } from './answers.js';
import { findObjects, readObjects, type VimObject } from './inventory.js';
import { Refusal } from './refusal.js';
import type { MoRef, Value } from './soap/types.js';
import { refOf } from './vcenter.js';
import type {
  FibreChannelHba,
  HostConfigManager,
  InternetScsiHba,
  ScsiDisk,
  StorageDeviceInfo,
} from './vim/host.js';

/** A host, ready to work on its storage. */
export interface Host {
  readonly ref: MoRef;
  readonly name: string;
  /** Stays when the host is taken out of the vCenter and added again. */
  readonly uuid: string;
  readonly storageSystem: MoRef;
  readonly datastoreSystem: MoRef;
  readonly device: StorageDeviceInfo;
}

const pathSet = [
  'name',
  'parent',
  'runtime.connectionState',
  'runtime.inMaintenanceMode',
  'hardware.systemInfo.uuid',
  'configManager',
  'config.storageDevice',
];

/**
 * The hosts of a cluster by its name. All of them must be connected and not in maintenance: a host that cannot be asked
 * cannot be proven to see the disk.
 *
 * @throws Refusal ClusterNotFound, HostNotReady.
 */
export async function hostsOfCluster(call: Call, cluster: string): Promise<Host[]> {
  const { session } = call.vcenter;
  const { rootFolder } = (await session.state()).content;
  const clusters = await findObjects(
    session,
    rootFolder,
    'ClusterComputeResource',
    ['name', 'host'],
    callOptions(call),
  );
  const named = clusters.filter(({ properties }) => properties.get('name') === cluster);
  const [found] = named;
  if (found === undefined || named.length > 1)
    throw new Refusal('ClusterNotFound', `${named.length} clusters are named "${cluster}": it must be one`);
  const refs = (found.properties.get('host') ?? []) as readonly MoRef[];
  return await readHosts(call, refs);
}

/** Hosts by their ids, as an earlier step has found them. @throws Refusal HostNotReady */
export async function hostsById(call: Call, ids: readonly string[]): Promise<Host[]> {
  return await readHosts(
    call,
    ids.map((id) => refOf('HostSystem', id)),
  );
}

async function readHosts(call: Call, refs: readonly MoRef[]): Promise<Host[]> {
  const objects = await readObjects(call.vcenter.session, refs, pathSet, callOptions(call));
  const missing = refs.find(({ value }) => !objects.some(({ ref }) => ref.value === value));
  if (missing !== undefined)
    throw new Refusal('HostNotReady', `Host ${missing.value} is not in the vCenter any more`);
  return objects.map(hostOf).sort((left, right) => left.name.localeCompare(right.name));
}

function hostOf({ ref, properties }: VimObject): Host {
  const name = properties.get('name') as string;
  const state = properties.get('runtime.connectionState');
  if (state !== 'connected') throw new Refusal('HostNotReady', `Host ${name} is ${String(state)}`, true);
  if (properties.get('runtime.inMaintenanceMode') === true)
    throw new Refusal('HostNotReady', `Host ${name} is in maintenance mode`, true);
  const manager = properties.get('configManager') as Value<typeof HostConfigManager>;
  const { storageSystem, datastoreSystem } = manager;
  if (storageSystem === undefined || datastoreSystem === undefined)
    throw new Refusal('HostNotReady', `Host ${name} has no storage system`);
  return {
    ref,
    name,
    uuid: properties.get('hardware.systemInfo.uuid') as string,
    storageSystem,
    datastoreSystem,
    device: properties.get('config.storageDevice') as StorageDeviceInfo,
  };
}

type Adapter = StorageDeviceInfo['hostBusAdapter'][number];

/** The iSCSI adapters of a host. */
export function iscsiAdapters({ device }: Host): Value<typeof InternetScsiHba>[] {
  return device.hostBusAdapter
    .filter((hba: Adapter) => hba.$type === 'HostInternetScsiHba')
    .map((hba) => hba as Value<typeof InternetScsiHba>);
}

/** Port names of the FC adapters of a host: 16 hexadecimal digits. */
export function portNames({ device }: Host): string[] {
  return device.hostBusAdapter
    .filter((hba: Adapter) => hba.$type === 'HostFibreChannelHba')
    .map((hba) => {
      const { portWorldWideName } = hba as Value<typeof FibreChannelHba>;
      return BigInt.asUintN(64, portWorldWideName).toString(16).padStart(16, '0');
    });
}

/** The disk with that identity as the host sees it. */
export function diskOf({ device }: Host, naa: string): ScsiDisk | undefined {
  return device.scsiLun
    .filter((lun) => lun.$type === 'HostScsiDisk')
    .map((lun) => lun as unknown as ScsiDisk)
    .find(({ canonicalName }) => canonicalName?.toLowerCase() === naa.toLowerCase());
}

/** Whether I/O to the disk is possible: it was not detached, and a path is left. */
export function isUsable({ operationalState }: ScsiDisk): boolean {
  return operationalState.includes('ok') && !operationalState.includes('off');
}

/** How large the host takes the disk to be. */
export function bytesOf({ capacity }: ScsiDisk): bigint {
  return capacity.block * BigInt(capacity.blockSize);
}
