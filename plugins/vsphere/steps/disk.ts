/**
 * First-class disks. Names are not unique in a vCenter, so a disk that a step makes has the step's key in its name: by
 * that, and by nothing else, a later attempt finds it again.
 */
import { createHash } from 'node:crypto';
import { done, type CallContext } from '../../../src/controller.js';
import { callOptions, type Call, type Work } from '../answers.js';
import { bytes, text } from '../arguments.js';
import { findObjects, readObjects } from '../inventory.js';
import { Refusal } from '../refusal.js';
import { isFault } from '../soap/faults.js';
import type { MoRef, Value } from '../soap/types.js';
import { refOf, type VCenter } from '../vcenter.js';
import { disks, machine, scsiControllers, type StorageObject, type VirtualDisk } from '../vim/disk.js';
import { untilOver } from './task.js';

const mebibyte = 1024n * 1024n;

/** The name that a step's disk has: the one that was asked for, and a hash of the step's key. */
export function diskName(name: string, key: string): string {
  return `${name}.${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
}

/** Makes a disk. */
export const createDisk: Work = async (call) => {
  const datastore = refOf('Datastore', text(call.args, 'datastore'));
  const found = await ownDisk(call, datastore);
  if (found !== undefined) return done(describe(found, datastore));
  const manager = await managerOf(call.vcenter);
  call.trace.effect = 'some';
  const task = await call.vcenter.session.call(
    manager,
    disks.create,
    {
      spec: {
        name: diskName(text(call.args, 'name'), keyOf(call.context)),
        keepAfterDeleteVm: true,
        backingSpec: {
          $type: 'VslmCreateSpecDiskFileBackingSpec',
          datastore,
          provisioningType: 'thin',
        },
        capacityInMB: mebibytes(call),
        metadata: [{ key: 'steplock.key', value: keyOf(call.context) }],
      },
    },
    callOptions(call),
  );
  return await untilOver(call, task, async () => {
    const made = await ownDisk(call, datastore);
    if (made === undefined) throw new Error('The disk is not there after its task has ended');
    return done(describe(made, datastore));
  });
};

/** Deletes a disk; as an undo only the one that the step made, whether it told of it or not. */
export const deleteDisk: Work = async (call) => {
  const datastore = refOf('Datastore', text(call.args, 'datastore'));
  const id = call.args['disk'];
  const found = typeof id === 'string' ? await diskById(call, datastore, id) : await ownDisk(call, datastore);
  if (found === undefined) return done();
  const manager = await managerOf(call.vcenter);
  call.trace.effect = 'some';
  const task = await call.vcenter.session.call(
    manager,
    disks.remove,
    { id: found.config.id, datastore },
    callOptions(call),
  );
  return await untilOver(call, task, () => Promise.resolve(done()), ['NotFound']);
};

/** Makes a disk larger. */
export const extendDisk: Work = async (call) => {
  const datastore = refOf('Datastore', text(call.args, 'datastore'));
  const found = await existing(call, datastore);
  const wanted = mebibytes(call);
  const has = found.config.capacityInMB;
  if (has === wanted) return done(describe(found, datastore));
  if (has > wanted)
    throw new Refusal('ShrinkRefused', `Disk ${found.config.id.id} has ${has} MiB, and gets no smaller`);
  call.trace.effect = 'some';
  const task = await call.vcenter.session.call(
    await managerOf(call.vcenter),
    disks.extend,
    { id: found.config.id, datastore, newCapacityInMB: wanted },
    callOptions(call),
  );
  return await untilOver(call, task, async () => done(describe(await existing(call, datastore), datastore)));
};

/** Snapshots a disk; the snapshot's description holds the step's key. */
export const snapshotDisk: Work = async (call) => {
  const datastore = refOf('Datastore', text(call.args, 'datastore'));
  const disk = await existing(call, datastore);
  const found = await ownSnapshot(call, disk, datastore);
  if (found !== undefined) return done({ snapshot: found });
  call.trace.effect = 'some';
  const task = await call.vcenter.session.call(
    await managerOf(call.vcenter),
    disks.createSnapshot,
    { id: disk.config.id, datastore, description: descriptionOf(call) },
    callOptions(call),
  );
  return await untilOver(call, task, async () => {
    const made = await ownSnapshot(call, disk, datastore);
    if (made === undefined) throw new Error('The snapshot is not there after its task has ended');
    return done({ snapshot: made });
  });
};

/** Deletes a snapshot; as an undo the one that the step made. */
export const deleteDiskSnapshot: Work = async (call) => {
  const datastore = refOf('Datastore', text(call.args, 'datastore'));
  const disk = await diskById(call, datastore, text(call.args, 'disk'));
  if (disk === undefined) return done();
  const id = call.args['snapshot'];
  const all = await snapshotsOf(call, disk, datastore);
  const wanted = typeof id === 'string' ? id : await ownSnapshot(call, disk, datastore);
  if (wanted === undefined || !all.some((one) => one.id?.id === wanted)) return done();
  call.trace.effect = 'some';
  const task = await call.vcenter.session.call(
    await managerOf(call.vcenter),
    disks.removeSnapshot,
    { id: disk.config.id, datastore, snapshotId: { id: wanted } },
    callOptions(call),
  );
  return await untilOver(call, task, () => Promise.resolve(done()), ['NotFound']);
};

/** Gives a machine the disk. */
export const attachDisk: Work = async (call) => {
  const datastore = refOf('Datastore', text(call.args, 'datastore'));
  const disk = await existing(call, datastore);
  const vm = await machineOf(call);
  if (hasDisk(vm, disk)) return done({ disk: disk.config.id.id, machine: vm.ref.value });
  const [holder] = disk.config.consumerId;
  if (holder !== undefined)
    throw new Refusal('AttachedElsewhere', `Disk ${disk.config.id.id} is attached to machine ${holder.id}`);
  const controller = vm.devices.find(({ $type }) => scsiControllers.includes($type));
  if (controller === undefined)
    throw new Refusal('NoScsiController', `Machine ${vm.name} has no SCSI controller`);
  call.trace.effect = 'some';
  const task = await call.vcenter.session.call(
    vm.ref,
    machine.attachDisk,
    { diskId: disk.config.id, datastore, controllerKey: controller.key },
    callOptions(call),
  );
  return await untilOver(call, task, () =>
    Promise.resolve(done({ disk: disk.config.id.id, machine: vm.ref.value })),
  );
};

/** Takes the disk from the machine; the disk stays. */
export const detachDisk: Work = async (call) => {
  const datastore = refOf('Datastore', text(call.args, 'datastore'));
  const disk = await diskById(call, datastore, text(call.args, 'disk'));
  const vm = await machineOf(call);
  if (disk === undefined || !hasDisk(vm, disk)) return done();
  call.trace.effect = 'some';
  const task = await call.vcenter.session.call(
    vm.ref,
    machine.detachDisk,
    { diskId: disk.config.id },
    callOptions(call),
  );
  return await untilOver(call, task, () => Promise.resolve(done()), ['NotFound']);
};

function mebibytes(call: Call): bigint {
  const size = bytes(call.args, 'size_bytes');
  if (size <= 0n || size % mebibyte !== 0n)
    throw new Refusal('InvalidArguments', `size_bytes must be a positive multiple of ${mebibyte}`);
  return size / mebibyte;
}

/** For an undo, the key of the step that it undoes. */
function keyOf({ undone, idempotencyKey }: CallContext): string {
  return undone?.idempotencyKey ?? idempotencyKey;
}

function keysOf({ undone, idempotencyKey, formerKeys }: CallContext): string[] {
  return undone === undefined
    ? [idempotencyKey, ...formerKeys]
    : [undone.idempotencyKey, ...undone.formerKeys];
}

async function managerOf({ session }: VCenter): Promise<MoRef> {
  const { vStorageObjectManager } = (await session.state()).content;
  if (vStorageObjectManager === undefined)
    throw new Refusal('InvalidArguments', 'This vCenter has no first-class disks');
  return vStorageObjectManager;
}

/** The disk that this step made, under any of its keys. */
async function ownDisk(call: Call, datastore: MoRef): Promise<StorageObject | undefined> {
  const names = keysOf(call.context).map((key) => diskName(text(call.args, 'name'), key));
  const manager = await managerOf(call.vcenter);
  const ids = await call.vcenter.session.call(manager, disks.list, { datastore }, callOptions(call));
  for (const { id } of ids) {
    const disk = await diskById(call, datastore, id);
    if (disk !== undefined && names.includes(disk.config.name)) return disk;
  }
  return undefined;
}

/** An id that is listed may be of a disk that is gone: that is no failure of the listing. */
async function diskById(call: Call, datastore: MoRef, id: string): Promise<StorageObject | undefined> {
  try {
    return await call.vcenter.session.call(
      await managerOf(call.vcenter),
      disks.retrieve,
      { id: { id }, datastore },
      callOptions(call),
    );
  } catch (error) {
    if (isFault(error, 'NotFound', 'ManagedObjectNotFound')) return undefined;
    throw error;
  }
}

async function existing(call: Call, datastore: MoRef): Promise<StorageObject> {
  const id = text(call.args, 'disk');
  const disk = await diskById(call, datastore, id);
  if (disk === undefined)
    throw new Refusal('DiskObjectNotFound', `There is no disk ${id} on ${datastore.value}`);
  return disk;
}

function describe({ config }: StorageObject, datastore: MoRef): Record<string, string | number> {
  return {
    disk: config.id.id,
    name: config.name,
    datastore: datastore.value,
    size_bytes: Number(config.capacityInMB * mebibyte),
  };
}

async function snapshotsOf(
  call: Call,
  disk: StorageObject,
  datastore: MoRef,
): Promise<readonly { readonly id?: { readonly id: string }; readonly description: string }[]> {
  const manager = await managerOf(call.vcenter);
  const info = await call.vcenter.session.call(
    manager,
    disks.snapshots,
    { id: disk.config.id, datastore },
    callOptions(call),
  );
  return info.snapshots;
}

async function ownSnapshot(call: Call, disk: StorageObject, datastore: MoRef): Promise<string | undefined> {
  const keys = keysOf(call.context);
  const all = await snapshotsOf(call, disk, datastore);
  return all.find(({ description }) => keys.some((key) => description.endsWith(`steplock:${key}`)))?.id?.id;
}

function descriptionOf({ args, context }: Call): string {
  const description = args['description'];
  return `${typeof description === 'string' ? `${description} ` : ''}steplock:${keyOf(context)}`;
}

interface Machine {
  readonly ref: MoRef;
  readonly name: string;
  readonly devices: readonly { readonly $type: string; readonly key: number }[];
}

async function machineOf(call: Call): Promise<Machine> {
  const wanted = text(call.args, 'machine');
  const { session } = call.vcenter;
  const { rootFolder } = (await session.state()).content;
  const all = await findObjects(session, rootFolder, 'VirtualMachine', ['name'], callOptions(call));
  const named = all.filter(
    ({ ref, properties }) => ref.value === wanted || properties.get('name') === wanted,
  );
  const [found] = named;
  if (found === undefined || named.length > 1)
    throw new Refusal('MachineNotFound', `${named.length} machines are named "${wanted}": it must be one`);
  const [object] = await readObjects(session, [found.ref], ['config.hardware.device'], callOptions(call));
  const devices = (object?.properties.get('config.hardware.device') ?? []) as Machine['devices'];
  return { ref: found.ref, name: found.properties.get('name') as string, devices };
}

function hasDisk({ devices }: Machine, disk: StorageObject): boolean {
  return devices.some((device) => {
    const { vDiskId } = device as unknown as Partial<Value<typeof VirtualDisk>>;
    return device.$type === 'VirtualDisk' && vDiskId?.id === disk.config.id.id;
  });
}
