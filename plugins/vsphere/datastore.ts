/** Datastores as they stand: by the disk that they lie on, never by name alone. */
import { callOptions, type Call } from './answers.js';
import { findObjects } from './inventory.js';
import type { MoRef } from './soap/types.js';
import { disks } from './vim/disk.js';
import type { DatastoreHostMount, DatastoreSummary, VmfsDatastoreInfo } from './vim/host.js';

/** A VMFS datastore. */
export interface VmfsDatastore {
  readonly ref: MoRef;
  readonly name: string;
  /** The file system's own identity. */
  readonly uuid: string;
  /** The disks that it lies on, the first first. */
  readonly naas: readonly string[];
  readonly bytes: bigint;
  readonly mounts: readonly DatastoreHostMount[];
  readonly machines: readonly MoRef[];
}

/** All VMFS datastores of the vCenter. */
export async function vmfsDatastores(call: Call): Promise<VmfsDatastore[]> {
  const { rootFolder } = (await call.vcenter.session.state()).content;
  const found = await findObjects(
    call.vcenter.session,
    rootFolder,
    'Datastore',
    ['name', 'summary', 'info', 'host', 'vm'],
    callOptions(call),
  );
  return found.flatMap(({ ref, properties }) => {
    const info = properties.get('info') as VmfsDatastoreInfo | undefined;
    const vmfs = info?.vmfs;
    if (vmfs === undefined) return [];
    const summary = properties.get('summary') as DatastoreSummary;
    return [
      {
        ref,
        name: properties.get('name') as string,
        uuid: vmfs.uuid,
        naas: vmfs.extent.map(({ diskName }) => diskName),
        bytes: summary.capacity,
        mounts: (properties.get('host') ?? []) as readonly DatastoreHostMount[],
        machines: (properties.get('vm') ?? []) as readonly MoRef[],
      },
    ];
  });
}

/** The one that lies on that disk. */
export async function datastoreOn(call: Call, naa: string): Promise<VmfsDatastore | undefined> {
  const all = await vmfsDatastores(call);
  return all.find(({ naas }) => naas.some((one) => one.toLowerCase() === naa.toLowerCase()));
}

/** What is on it: machines, and first-class disks that no machine has. */
export async function contentOf(call: Call, { ref, machines }: VmfsDatastore): Promise<string[]> {
  const { vStorageObjectManager } = (await call.vcenter.session.state()).content;
  const ids =
    vStorageObjectManager === undefined
      ? []
      : await call.vcenter.session.call(
          vStorageObjectManager,
          disks.list,
          { datastore: ref },
          callOptions(call),
        );
  return [...machines.map(({ value }) => `machine ${value}`), ...ids.map(({ id }) => `disk ${id}`)];
}

/** Whether the host has it mounted, and reaches it. */
export function isMounted({ mounts }: VmfsDatastore, host: string): boolean {
  const info = mounts.find(({ key }) => key.value === host)?.mountInfo;
  return info !== undefined && info.mounted !== false && info.accessible !== false;
}
