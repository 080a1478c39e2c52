/** First-class disks. Source: `VcenterVStorageObjectManager`, `VirtualMachine.AttachDisk_Task`. */
import { action, query, queryList } from '../soap/method.js';
import {
  boolean,
  complex,
  dateTime,
  int,
  long,
  many,
  one,
  optional,
  poly,
  ref,
  string,
  type Value,
} from '../soap/types.js';

/** The id of a disk or of a snapshot. */
export const DiskId = complex('ID', { id: one(string) });

const BackingSpec = complex('VslmCreateSpecBackingSpec', { datastore: one(ref), path: optional(string) });
const DiskFileBackingSpec = complex('VslmCreateSpecDiskFileBackingSpec', {
  ...BackingSpec.fields,
  /** `thin`, `eagerZeroedThick`, `lazyZeroedThick`. */
  provisioningType: optional(string),
});
/** A key and a value that stay with a disk. */
export const KeyValue = complex('KeyValue', { key: one(string), value: one(string) });

/** What a new disk is to be. */
export const DiskCreateSpec = complex('VslmCreateSpec', {
  name: one(string),
  keepAfterDeleteVm: optional(boolean),
  backingSpec: one(poly(BackingSpec, [DiskFileBackingSpec])),
  capacityInMB: one(long),
  metadata: many(KeyValue),
});

const BackingInfo = complex('BaseConfigInfoBackingInfo', { datastore: one(ref) });
const FileBackingInfo = complex('BaseConfigInfoFileBackingInfo', {
  ...BackingInfo.fields,
  filePath: one(string),
  backingObjectId: optional(string),
});
const DiskFileBackingInfo = complex('BaseConfigInfoDiskFileBackingInfo', {
  ...FileBackingInfo.fields,
  provisioningType: one(string),
});
const DiskConfig = complex('VStorageObjectConfigInfo', {
  id: one(DiskId),
  name: one(string),
  createTime: one(dateTime),
  keepAfterDeleteVm: optional(boolean),
  consumerId: many(DiskId),
  backing: one(poly(BackingInfo, [FileBackingInfo, DiskFileBackingInfo])),
  capacityInMB: one(long),
});
/** A disk. */
export const StorageObject = complex('VStorageObject', { config: one(DiskConfig) });
/** See the description. */
export type StorageObject = Value<typeof StorageObject>;

const SnapshotInfo = complex('VStorageObjectSnapshotInfoVStorageObjectSnapshot', {
  id: optional(DiskId),
  backingObjectId: one(string),
  createTime: one(dateTime),
  description: one(string),
});
/** The snapshots of a disk. */
export const DiskSnapshots = complex('VStorageObjectSnapshotInfo', { snapshots: many(SnapshotInfo) });

const place = { id: one(DiskId), datastore: one(ref) };

/** Methods of `VcenterVStorageObjectManager`. */
export const disks = {
  create: action('CreateDisk_Task', { spec: one(DiskCreateSpec) }, ref),
  remove: action('DeleteVStorageObject_Task', place, ref),
  extend: action('ExtendDisk_Task', { ...place, newCapacityInMB: one(long) }, ref),
  retrieve: query('RetrieveVStorageObject', place, StorageObject),
  list: queryList('ListVStorageObject', { datastore: one(ref) }, DiskId),
  createSnapshot: action('VStorageObjectCreateSnapshot_Task', { ...place, description: one(string) }, ref),
  removeSnapshot: action('DeleteSnapshot_Task', { ...place, snapshotId: one(DiskId) }, ref),
  snapshots: query('RetrieveSnapshotInfo', place, DiskSnapshots),
} as const;

/** Methods of `VirtualMachine`. */
export const machine = {
  attachDisk: action(
    'AttachDisk_Task',
    { diskId: one(DiskId), datastore: one(ref), controllerKey: optional(int), unitNumber: optional(int) },
    ref,
  ),
  detachDisk: action('DetachDisk_Task', { diskId: one(DiskId) }, ref),
} as const;

const VirtualDevice = complex('VirtualDevice', {
  key: one(int),
  controllerKey: optional(int),
  unitNumber: optional(int),
});
/** A disk of a machine. */
export const VirtualDisk = complex('VirtualDisk', { ...VirtualDevice.fields, vDiskId: optional(DiskId) });
const controllers = [
  'ParaVirtualSCSIController',
  'VirtualLsiLogicController',
  'VirtualLsiLogicSASController',
  'VirtualBusLogicController',
].map((name) => complex(name, VirtualDevice.fields));

/** Names of the SCSI controllers of a machine. */
export const scsiControllers: readonly string[] = controllers.map(({ name }) => name);

/** What property values and results of tasks name by themselves. */
export const diskTypes = [StorageObject, DiskId, VirtualDevice, VirtualDisk, ...controllers];
