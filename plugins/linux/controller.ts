/** The controller: which methods there are and how each is undone. */
import { defineController, type ControllerPort, type MethodDefinition } from '../../src/controller.js';
import { answering } from './answers.js';
import { createVolume } from './methods/create-volume.js';
import { deleteVolume } from './methods/delete-volume.js';
import { exportVolume } from './methods/export-volume.js';
import { resizeVolume } from './methods/resize-volume.js';
import { restoreVolumeSize } from './methods/restore-volume-size.js';
import { unexportVolume } from './methods/unexport-volume.js';
import { checkOptions, type LinuxControllerOptions, type LinuxSettings } from './options.js';
import { schemas } from './schemas.js';

/** Version of what the methods take, give and do. */
const controllerVersion = '1.0.0';

/** Writing zeros takes as long as the disk takes. */
const allocationTimeoutMs = 6 * 3_600_000;

const sameVolume = { volume: { $args: '/volume' } };

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
  const settings = checkOptions(options);
  return defineController({
    kind: 'linux',
    version: controllerVersion,
    description: 'Volumes as files of a Linux host, exported over iSCSI by tgtd',
    methods: { ...volumeMethods(settings), ...exportMethods(settings) },
  });
}

function volumeMethods(settings: LinuxSettings): Record<string, MethodDefinition> {
  return {
    'create-volume': {
      description: 'Makes a volume, thin unless asked for thick',
      ...schemas.createVolume,
      undo: { method: 'delete-volume', arguments: sameVolume },
      timeoutMs: allocationTimeoutMs,
      idempotent: true,
      ...answering(settings, createVolume),
    },
    'resize-volume': {
      description: 'Makes a volume larger, also while it is exported',
      ...schemas.resizeVolume,
      undo: { method: 'restore-volume-size', arguments: sameVolume },
      timeoutMs: allocationTimeoutMs,
      idempotent: true,
      ...answering(settings, resizeVolume),
    },
    'restore-volume-size': {
      description: 'Undoes resize-volume, unless that would destroy data',
      ...schemas.restoreVolumeSize,
      undo: 'irreversible',
      limitClass: 'resize-volume',
      timeoutMs: allocationTimeoutMs,
      idempotent: true,
      ...answering(settings, restoreVolumeSize),
    },
    'delete-volume': {
      description: 'Destroys a volume that is not exported; as an undo, only what the undone step made',
      ...schemas.deleteVolume,
      undo: 'irreversible',
      idempotent: true,
      ...answering(settings, deleteVolume),
    },
  };
}

function exportMethods(settings: LinuxSettings): Record<string, MethodDefinition> {
  return {
    'export-volume': {
      description: 'Lets iSCSI initiators use a volume',
      ...schemas.exportVolume,
      undo: { method: 'unexport-volume', arguments: sameVolume },
      timeoutMs: 120_000,
      idempotent: true,
      ...answering(settings, exportVolume),
    },
    'unexport-volume': {
      description: 'Ends the use of a volume; as an undo, only by whom the undone step let in',
      ...schemas.unexportVolume,
      // Who was let in by several steps, and with which secrets, is not a thing that a step can give back.
      undo: 'irreversible',
      timeoutMs: 120_000,
      idempotent: true,
      ...answering(settings, unexportVolume),
    },
  };
}
