/** The adapter and the controller that is made of it. */
import type { ControllerPort } from '../../src/controller.js';
import { defineStorageController, type StorageAdapter } from '../../src/storage-controller.js';
import { createGuard, type Held } from './call.js';
import { createDiscovery } from './discovery.js';
import { cloneVolume } from './methods/clone-volume.js';
import { createSnapshot } from './methods/create-snapshot.js';
import { createVolume } from './methods/create-volume.js';
import { deleteSnapshot } from './methods/delete-snapshot.js';
import { deleteVolume } from './methods/delete-volume.js';
import { expandVolume } from './methods/expand-volume.js';
import { exportVolume } from './methods/export-volume.js';
import { operationOf } from './methods/operation.js';
import { restoreVolumeSize } from './methods/restore-volume-size.js';
import { revertVolume } from './methods/revert-volume.js';
import { unexportVolume } from './methods/unexport-volume.js';
import { checkOptions, type LinuxControllerOptions } from './options.js';
import { knownFailure } from './refusal.js';

/** Version of what the methods take, give and do. */
const adapterVersion = '2.0.0';

/**
 * Makes the adapter of the `linux` systems.
 *
 * @throws TypeError naming the option that breaks its rule.
 */
export function createLinuxAdapter(options: LinuxControllerOptions): StorageAdapter<Held> {
  const settings = checkOptions(options);
  return {
    kind: 'linux',
    version: adapterVersion,
    description: 'Volumes as files of a Linux host, exported over iSCSI by tgtd',
    guard: createGuard(settings),
    discovery: createDiscovery(settings, adapterVersion),
    volumes: {
      create: operationOf(settings, createVolume),
      delete: operationOf(settings, deleteVolume),
      expand: operationOf(settings, expandVolume),
      restoreSize: operationOf(settings, restoreVolumeSize),
    },
    snapshots: {
      create: operationOf(settings, createSnapshot),
      delete: operationOf(settings, deleteSnapshot),
      revert: operationOf(settings, revertVolume),
    },
    clones: { clone: operationOf(settings, cloneVolume) },
    exports: {
      export: operationOf(settings, exportVolume),
      unexport: operationOf(settings, unexportVolume),
    },
    explain: knownFailure,
  };
}

/**
 * Makes the `linux` storage controller.
 *
 * @throws TypeError naming the option that breaks its rule.
 * @example
 * const controller = createLinuxController({
 *   systems: [
 *     {
 *       id: 'shelf-1',
 *       rootDir: '/srv/steplock/shelf-1',
 *       tgtd: { controlPort: 1, portal: '192.0.2.10:3260' },
 *       iqnPrefix: 'iqn.2026-11.com.example:shelf-1',
 *     },
 *   ],
 * });
 */
export function createLinuxController(options: LinuxControllerOptions): ControllerPort {
  return defineStorageController(
    createLinuxAdapter(options),
    options.clock === undefined ? {} : { clock: options.clock },
  );
}
