/** Hosts: their adapters, disks and datastores. Source: `HostSystem`, `HostStorageSystem`, `HostDatastoreSystem`. */
import { action, command, queryList } from '../soap/method.js';
import {
  any,
  boolean,
  complex,
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

/** An iSCSI target that an adapter asks for its targets. */
export const SendTarget = complex('HostInternetScsiHbaSendTarget', {
  address: one(string),
  port: optional(int),
});

const HostHostBusAdapter = complex('HostHostBusAdapter', {
  key: optional(string),
  device: one(string),
  bus: one(int),
  status: one(string),
  model: one(string),
});
/** `portWorldWideName` takes all 64 bits. */
export const FibreChannelHba = complex('HostFibreChannelHba', {
  ...HostHostBusAdapter.fields,
  portWorldWideName: one(long),
  nodeWorldWideName: one(long),
});
/** Software or hardware. */
export const InternetScsiHba = complex('HostInternetScsiHba', {
  ...HostHostBusAdapter.fields,
  iScsiName: one(string),
  configuredSendTarget: many(SendTarget),
});

/** A disk or another device as a host sees it. */
export const ScsiLun = complex('ScsiLun', {
  key: optional(string),
  uuid: one(string),
  lunType: one(string),
  /** `naa.` and the identity in hexadecimal. */
  canonicalName: optional(string),
  /** `ok`, `off` when it was detached, `lostCommunication` …: all that hold. */
  operationalState: many(string),
});
const DiskDimensions = complex('HostDiskDimensionsLba', { blockSize: one(int), block: one(long) });
/** A disk. */
export const ScsiDisk = complex('HostScsiDisk', {
  ...ScsiLun.fields,
  capacity: one(DiskDimensions),
  devicePath: one(string),
});
/** See the description. */
export type ScsiDisk = Value<typeof ScsiDisk>;

/** What is asked of `config.storageDevice`. */
export const StorageDeviceInfo = complex('HostStorageDeviceInfo', {
  hostBusAdapter: many(poly(HostHostBusAdapter, [FibreChannelHba, InternetScsiHba])),
  scsiLun: many(poly(ScsiLun, [ScsiDisk])),
  softwareInternetScsiEnabled: optional(boolean),
});
/** See the description. */
export type StorageDeviceInfo = Value<typeof StorageDeviceInfo>;

/** Which managers a host has. */
export const HostConfigManager = complex('HostConfigManager', {
  datastoreSystem: optional(ref),
  storageSystem: optional(ref),
});

/** A partition as an extent of a volume. */
export const ScsiDiskPartition = complex('HostScsiDiskPartition', {
  diskName: one(string),
  partition: one(int),
});

const VmfsSpec = complex('HostVmfsSpec', {
  extent: one(ScsiDiskPartition),
  blockSizeMb: optional(int),
  majorVersion: one(int),
  volumeName: one(string),
});
const PartitionAttributes = complex('HostDiskPartitionAttributes', {
  partition: one(int),
  startSector: one(long),
  endSector: one(long),
  type: one(string),
  guid: optional(string),
  logical: one(boolean),
  attributes: one(int),
});
const PartitionSpec = complex('HostDiskPartitionSpec', {
  partitionFormat: optional(string),
  chs: optional(any),
  totalSectors: optional(long),
  partition: many(PartitionAttributes),
});
/** What a new VMFS datastore is to be: as the host proposes it, with another name. */
export const VmfsCreateSpec = complex('VmfsDatastoreCreateSpec', {
  diskUuid: one(string),
  partition: one(PartitionSpec),
  vmfs: one(VmfsSpec),
  extent: many(ScsiDiskPartition),
});
/** How a datastore is to grow on the extent that it has. */
export const VmfsExpandSpec = complex('VmfsDatastoreExpandSpec', {
  diskUuid: one(string),
  partition: one(PartitionSpec),
  extent: one(ScsiDiskPartition),
});

const VmfsOptionInfo = complex('VmfsDatastoreBaseOption', { layout: optional(any) });
/** A way in which it could be done. */
export const VmfsCreateOption = complex('VmfsDatastoreOption', {
  info: one(poly(VmfsOptionInfo, [])),
  spec: one(poly(VmfsCreateSpec, [])),
});
/** A way in which it could grow. */
export const VmfsExpandOption = complex('VmfsDatastoreOption', {
  info: one(poly(VmfsOptionInfo, [])),
  spec: one(poly(VmfsExpandSpec, [])),
});

/** A file system of VMFS. */
export const VmfsVolume = complex('HostVmfsVolume', {
  type: one(string),
  name: one(string),
  capacity: one(long),
  blockSizeMb: one(int),
  maxBlocks: one(int),
  majorVersion: one(int),
  version: one(string),
  uuid: one(string),
  extent: many(ScsiDiskPartition),
});
const DatastoreInfo = complex('DatastoreInfo', {
  name: one(string),
  url: one(string),
  freeSpace: one(long),
  maxFileSize: one(long),
});
/** What a datastore says of its VMFS. */
export const VmfsDatastoreInfo = complex('VmfsDatastoreInfo', {
  ...DatastoreInfo.fields,
  vmfs: optional(VmfsVolume),
});
/** See the description. */
export type VmfsDatastoreInfo = Value<typeof VmfsDatastoreInfo>;

const HostMountInfo = complex('HostMountInfo', {
  path: optional(string),
  accessMode: one(string),
  mounted: optional(boolean),
  accessible: optional(boolean),
});
/** How a host has a datastore. */
export const DatastoreHostMount = complex('DatastoreHostMount', {
  key: one(ref),
  mountInfo: one(HostMountInfo),
});
/** See the description. */
export type DatastoreHostMount = Value<typeof DatastoreHostMount>;

/** What every server tells of a datastore. */
export const DatastoreSummary = complex('DatastoreSummary', {
  datastore: optional(ref),
  name: one(string),
  url: one(string),
  capacity: one(long),
  freeSpace: one(long),
  accessible: one(boolean),
  type: one(string),
  maintenanceMode: optional(string),
});
/** See the description. */
export type DatastoreSummary = Value<typeof DatastoreSummary>;

/** Methods of `HostStorageSystem`. */
export const storage = {
  rescanAllHba: command('RescanAllHba', {}),
  rescanVmfs: command('RescanVmfs', {}),
  refresh: command('RefreshStorageSystem', {}),
  addSendTargets: command('AddInternetScsiSendTargets', {
    iScsiHbaDevice: one(string),
    targets: many(SendTarget),
  }),
  removeSendTargets: command('RemoveInternetScsiSendTargets', {
    iScsiHbaDevice: one(string),
    targets: many(SendTarget),
  }),
  attachLun: command('AttachScsiLun', { lunUuid: one(string) }),
  detachLun: command('DetachScsiLun', { lunUuid: one(string) }),
  mountVmfs: command('MountVmfsVolume', { vmfsUuid: one(string) }),
  unmountVmfs: command('UnmountVmfsVolume', { vmfsUuid: one(string) }),
} as const;

/** Methods of `HostDatastoreSystem`. */
export const datastores = {
  queryDisks: queryList('QueryAvailableDisksForVmfs', { datastore: optional(ref) }, ScsiDisk),
  queryCreateOptions: queryList(
    'QueryVmfsDatastoreCreateOptions',
    { devicePath: one(string), vmfsMajorVersion: optional(int) },
    VmfsCreateOption,
  ),
  createVmfs: action('CreateVmfsDatastore', { spec: one(VmfsCreateSpec) }, ref),
  queryExpandOptions: queryList('QueryVmfsDatastoreExpandOptions', { datastore: one(ref) }, VmfsExpandOption),
  expandVmfs: action('ExpandVmfsDatastore', { datastore: one(ref), spec: one(VmfsExpandSpec) }, ref),
  remove: command('RemoveDatastore', { datastore: one(ref) }),
} as const;

/** Methods of `Datastore`. */
export const datastore = {
  refresh: command('RefreshDatastore', {}),
} as const;

/** What property values name by themselves. */
export const hostTypes = [
  StorageDeviceInfo,
  HostConfigManager,
  ScsiLun,
  ScsiDisk,
  FibreChannelHba,
  InternetScsiHba,
  VmfsDatastoreInfo,
  DatastoreInfo,
  DatastoreSummary,
  DatastoreHostMount,
];
