/** The controller: which methods there are, and how each is undone. */
import {
  defineController,
  type ControllerPort,
  type JsonObject,
  type MethodDefinition,
  type UndoDeclaration,
} from '../../src/controller.js';
import { answering, knownFailure, type Work } from './answers.js';
import { schemas, type VsphereMethod } from './schemas.js';
import {
  addTargets,
  forgetDisk,
  inspectCluster,
  releaseDisk,
  removeTargets,
  showDisk,
} from './steps/cluster.js';
import {
  attachDisk,
  createDisk,
  deleteDisk,
  deleteDiskSnapshot,
  detachDisk,
  extendDisk,
  snapshotDisk,
} from './steps/disk.js';
import { pollTask } from './steps/task.js';
import {
  checkVmfs,
  createVmfs,
  expandVmfs,
  mountVmfs,
  removeVmfs,
  showVmfs,
  unmountVmfs,
} from './steps/vmfs.js';
import type { VCenters } from './vcenter.js';

const controllerVersion = '1.0.0';
/** A rescan of a large host takes minutes. */
const hostTimeoutMs = 30 * 60_000;
/** A host that is busy, or sees a disk only at the second look. */
const retry = { maxAttempts: 8, initialBackoffMs: 1_000, maxBackoffMs: 30_000 };

interface Row {
  readonly description: string;
  readonly work: Work;
  readonly undo: UndoDeclaration;
  readonly limitClass: string;
  /** Leaves a task behind when it takes longer. */
  readonly hasTask?: boolean;
}

/** `{"$args": "/name"}` for each name: the undo gets what its step got. */
const same = (...names: readonly string[]): JsonObject =>
  Object.fromEntries(names.map((name) => [name, { $args: `/${name}` }]));
const result = (name: string): JsonObject => ({ [name]: { $result: `/${name}` } });

const rows: Record<VsphereMethod, Row> = {
  'inspect-cluster': {
    description: 'Names the hosts of a cluster and their initiators',
    work: inspectCluster,
    undo: 'none-needed',
    limitClass: 'read',
  },
  'add-targets': {
    description: 'Tells hosts where an iSCSI target listens; undone after the unexport, it rescans too',
    work: addTargets,
    undo: { method: 'remove-targets' },
    limitClass: 'host-storage',
  },
  'remove-targets': {
    description: 'Makes hosts forget an iSCSI portal, and rescans',
    work: removeTargets,
    undo: 'irreversible',
    limitClass: 'host-storage',
  },
  'show-disk': {
    description: 'Rescans until every host sees a disk',
    work: showDisk,
    undo: { method: 'release-disk' },
    limitClass: 'host-storage',
  },
  'release-disk': {
    description: 'Detaches a disk from hosts, before the array takes it away',
    work: releaseDisk,
    undo: { method: 'show-disk' },
    limitClass: 'host-storage',
  },
  'forget-disk': {
    description: 'Rescans until no host sees a disk that the array has taken away',
    work: forgetDisk,
    undo: 'none-needed',
    limitClass: 'host-storage',
  },
  'create-vmfs': {
    description: 'Formats a disk as a VMFS datastore',
    work: createVmfs,
    undo: { method: 'remove-vmfs', arguments: { ...same('naa', 'name'), ...result('vmfs_uuid') } },
    limitClass: 'host-storage',
  },
  'remove-vmfs': {
    description: 'Destroys a VMFS datastore on which nothing is',
    work: removeVmfs,
    undo: 'irreversible',
    limitClass: 'host-storage',
  },
  'check-vmfs': {
    description: 'Finds the datastore on a disk, and that nothing is on it',
    work: checkVmfs,
    undo: 'none-needed',
    limitClass: 'read',
  },
  'show-vmfs': {
    description: 'Rescans until every host has the datastore on a disk',
    work: showVmfs,
    undo: 'none-needed',
    limitClass: 'host-storage',
  },
  'expand-vmfs': {
    description: 'Grows a datastore to what its disk has become',
    work: expandVmfs,
    undo: 'irreversible',
    limitClass: 'host-storage',
  },
  'unmount-vmfs': {
    description: 'Takes a datastore from hosts; its data stays',
    work: unmountVmfs,
    undo: { method: 'mount-vmfs' },
    limitClass: 'host-storage',
  },
  'mount-vmfs': {
    description: 'Gives hosts a datastore back',
    work: mountVmfs,
    undo: { method: 'unmount-vmfs' },
    limitClass: 'host-storage',
  },
  'create-disk': {
    description: 'Makes a first-class disk',
    work: createDisk,
    undo: { method: 'delete-disk', arguments: { ...same('datastore', 'name'), ...result('disk') } },
    limitClass: 'disk',
    hasTask: true,
  },
  'delete-disk': {
    description: 'Deletes a first-class disk',
    work: deleteDisk,
    undo: 'irreversible',
    limitClass: 'disk',
    hasTask: true,
  },
  'extend-disk': {
    description: 'Makes a first-class disk larger',
    work: extendDisk,
    undo: 'irreversible',
    limitClass: 'disk',
    hasTask: true,
  },
  'snapshot-disk': {
    description: 'Snapshots a first-class disk',
    work: snapshotDisk,
    undo: {
      method: 'delete-disk-snapshot',
      arguments: { ...same('datastore', 'disk'), ...result('snapshot') },
    },
    limitClass: 'disk',
    hasTask: true,
  },
  'delete-disk-snapshot': {
    description: 'Deletes a snapshot of a first-class disk',
    work: deleteDiskSnapshot,
    undo: 'irreversible',
    limitClass: 'disk',
    hasTask: true,
  },
  'attach-disk': {
    description: 'Gives a machine a first-class disk',
    work: attachDisk,
    undo: { method: 'detach-disk' },
    limitClass: 'machine',
    hasTask: true,
  },
  'detach-disk': {
    description: 'Takes a first-class disk from a machine',
    work: detachDisk,
    undo: { method: 'attach-disk' },
    limitClass: 'machine',
    hasTask: true,
  },
};

/** Makes the `vsphere` controller of these vCenters. */
export function createVsphereController(vcenters: VCenters): ControllerPort {
  const methods = Object.entries(rows).map(([name, row]): [string, MethodDefinition] => [
    name,
    definition(vcenters, name as VsphereMethod, row),
  ]);
  return defineController({
    kind: 'vsphere',
    version: controllerVersion,
    description: 'Datastores and first-class disks of vSphere',
    methods: Object.fromEntries(methods),
  });
}

function definition(vcenters: VCenters, name: VsphereMethod, row: Row): MethodDefinition {
  const { description, work, undo, limitClass, hasTask = false } = row;
  return {
    description,
    ...schemas[name],
    undo,
    limitClass,
    timeoutMs: hostTimeoutMs,
    retry,
    ...answering(vcenters, work),
    ...(hasTask
      ? {
          poll: async (context, task, args) => {
            const call = {
              vcenter: vcenters.get(context.system),
              context,
              args,
              trace: { effect: 'some' as const },
            };
            try {
              return await pollTask(work, call, task);
            } catch (error) {
              const answer = knownFailure(error, 'some');
              if (answer === undefined) throw error;
              return answer;
            }
          },
        }
      : {}),
  };
}
