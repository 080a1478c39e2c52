/** A rig with two simulated arrays, and short words for what tests ask of storage. */
import { expect } from 'chai';
import { createSimulatorAdapter, type SimulatedSystem } from '../../../plugins/simulator/index.js';
import { systemClock } from '../../../src/base/clock.js';
import type { ControllerPort, JsonObject } from '../../../src/controller.js';
import {
  ListResourcesRequest,
  type ResourceKind,
  type Resource,
} from '../../../src/gen/wire/steplock/v1/inventory_service.js';
import { VolumeSpec } from '../../../src/gen/wire/steplock/v1/volume_service.js';
import { WorkflowState, type Workflow } from '../../../src/gen/wire/steplock/v1/workflow.js';
import { defineStorageController } from '../../../src/storage-controller.js';
import { requestId, startRig, type Rig, type RigOptions } from './rig.js';

/** In bytes. */
export const gibibyte = 1024 ** 3;

/** See the head of this file. */
export interface StorageRig extends Rig {
  readonly array: ControllerPort;
  /** Registers a system of the array, and waits until that is done. */
  register(system: string): Promise<void>;
  /** Makes volumes, one GiB each, and waits until they are there. */
  create(...volumes: { volumeId: string; system?: string; sizeBytes?: string }[]): Promise<Workflow>;
  /** Waits until the workflow that a call answered with has succeeded. */
  succeeded(answer: Promise<{ workflow?: Workflow | undefined }>): Promise<Workflow>;
  resource(name: string): Promise<Resource>;
  /** Names of all resources of a kind. */
  names(kind: ResourceKind, of?: string): Promise<string[]>;
  /** What the array itself has. */
  onArray(system: string, what?: 'volumes' | 'snapshots'): Promise<JsonObject[]>;
}

const defaults = (id: string): SimulatedSystem => ({
  id,
  pools: [
    { pool: 'gold', totalBytes: 100 * gibibyte },
    { pool: 'tin', totalBytes: 100 * gibibyte },
  ],
  ports: [{ port: 'a0', protocol: 'iscsi', address: '192.0.2.1:3260' }],
});

/** Starts one. `more`: what is different of each array. */
export async function startStorageRig(
  more: Partial<SimulatedSystem> = {},
  options: RigOptions = {},
): Promise<StorageRig> {
  const systems = ['shelf-1', 'shelf-2'].map((id) => ({ ...defaults(id), ...more }));
  const array = defineStorageController(createSimulatorAdapter(systems, systemClock), { clock: systemClock });
  const rig = await startRig({ ...options, controllers: { array, ...options.controllers } });
  const { inventory, volumes } = rig.client;
  const succeeded: StorageRig['succeeded'] = async (answer) => {
    const { workflow } = await answer;
    return await rig.restedAs(workflow?.name ?? '', WorkflowState.SUCCEEDED);
  };
  return {
    ...rig,
    array,
    succeeded,
    register: async (systemId) => {
      const request = { systemId, controller: 'array', labels: {}, requestId: requestId(), actor: '' };
      await succeeded(inventory.registerSystem(request));
    },
    create: async (...specs) => {
      const request = { exportHosts: [], requestId: requestId(), actor: '' };
      const wanted = specs.map(({ system = 'shelf-1', ...spec }) =>
        VolumeSpec.fromPartial({ sizeBytes: String(gibibyte), ...spec, system: `systems/${system}` }),
      );
      return await succeeded(volumes.createVolumes({ ...request, volumes: wanted }));
    },
    resource: async (name) => {
      const { resource } = await inventory.getResource({ name });
      expect(resource, name).to.not.equal(undefined);
      return resource!;
    },
    names: async (kind, of = '') => {
      const request = { ...ListResourcesRequest.fromPartial({}), kind, of, pageSize: 1_000 };
      return (await inventory.listResources(request)).resources.map(({ name }) => name);
    },
    onArray: async (system, what = 'volumes') => await listOnArray(array, system, what),
  };
}

async function listOnArray(array: ControllerPort, system: string, what: string): Promise<JsonObject[]> {
  const context = { system, signal: new AbortController().signal } as Parameters<
    ControllerPort['execute']
  >[0];
  const result = await array.execute(context, `list-${what}`, {});
  if (result.kind !== 'done') throw new Error(JSON.stringify(result));
  return result.output[what] as JsonObject[];
}
