/** What workflows that ended half way leave in the inventory: shown as it is, taken over or forgotten, never trusted. */
import { expect } from 'chai';
import { InventoryServiceService, ResourceState } from '../../src/gen/wire/steplock/v1/inventory_service.js';
import { VolumeServiceService, VolumeSpec } from '../../src/gen/wire/steplock/v1/volume_service.js';
import { CancelWorkflowRequest } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { StepState, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { refused } from './support/refusal.js';
import { requestId } from './support/rig.js';
import { gibibyte, startStorageRig, type StorageRig } from './support/storage-rig.js';

const asked = (): { requestId: string; actor: string } => ({ requestId: requestId(), actor: 'ann' });

describe('Resources that a workflow left half way', function () {
  this.timeout(60_000);
  let rig: StorageRig;
  before(async () => {
    rig = await startStorageRig({ latencyMs: 400 });
    await rig.register('shelf-1');
  });
  after(async () => {
    await rig.close();
  });

  /** Cancels the workflow, with all that was done kept, once that step runs. */
  async function keepAt(name: string, step: string): Promise<void> {
    await eventually(async () => {
      expect((await rig.step(name, step)).state).to.equal(StepState.RUNNING);
    });
    await rig.client.workflows.cancelWorkflow({
      ...CancelWorkflowRequest.fromPartial({ name, keep: true }),
      ...asked(),
    });
    await rig.restedAs(name, WorkflowState.CANCELLED);
  }

  it('made by halves it is in ERROR with the workflow named; without identity it is not deleted, only forgotten', async () => {
    const spec = { volumeId: 'half', system: 'systems/shelf-1', sizeBytes: String(gibibyte) };
    const volumes = [VolumeSpec.fromPartial(spec)];
    const { workflow } = await rig.client.volumes.createVolumes({ volumes, exportHosts: [], ...asked() });
    const name = workflow?.name ?? '';
    const making = await eventually(async () => {
      const resource = await rig.resource('volumes/half');
      expect(resource.state).to.equal(ResourceState.CREATING);
      return resource;
    });
    expect(making.workflow).to.equal(name);
    const forget = { name: 'volumes/half', etag: '', requestId: requestId() };
    await refused(rig, InventoryServiceService.deleteResource, forget, 'RESOURCE_BUSY');
    await keepAt(name, 'create-1');
    const left = await rig.resource('volumes/half');
    expect(left).to.deep.include({ state: ResourceState.ERROR, workflow: name });
    const deletion = { volume: 'volumes/half', uid: left.uid, ...asked() };
    const refusal = await refused(rig, VolumeServiceService.deleteVolume, deletion, 'RESOURCE_BUSY');
    expect(refusal.details).to.include(name);
    await rig.client.inventory.deleteResource({ ...forget, requestId: requestId() });
    const request = { name: 'volumes/half' };
    await refused(rig, InventoryServiceService.getResource, request, 'RESOURCE_NOT_FOUND');
  });

  it('deleted by halves it is deleted by the next one that asks', async () => {
    await rig.create({ volumeId: 'data' });
    const { uid } = await rig.resource('volumes/data');
    const request = { volume: 'volumes/data', uid };
    const { workflow } = await rig.client.volumes.deleteVolume({ ...request, ...asked() });
    await keepAt(workflow?.name ?? '', 'delete');
    expect((await rig.resource('volumes/data')).state).to.equal(ResourceState.ERROR);
    await rig.succeeded(rig.client.volumes.deleteVolume({ ...request, ...asked() }));
    const volumes = await rig.onArray('shelf-1');
    expect(volumes.map(({ volume }) => volume)).to.not.include('data');
  });

  it('what is there and free is not forgotten without being destroyed', async () => {
    await rig.create({ volumeId: 'kept' });
    const forget = { name: 'volumes/kept', etag: '', requestId: requestId() };
    await refused(rig, InventoryServiceService.deleteResource, forget, 'INVALID_FIELD');
  });
});
