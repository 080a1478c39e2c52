/**
 * Block storage as a service on simulated arrays: every operation of VolumeService, what the inventory says during and
 * after it, what the arrays have, and that a rollback leaves neither a resource nor an object.
 */
import { expect } from 'chai';
import { ResourceKind, ResourceState } from '../../src/gen/wire/steplock/v1/inventory_service.js';
import { InventoryServiceService } from '../../src/gen/wire/steplock/v1/inventory_service.js';
import { VolumeServiceService, VolumeSpec } from '../../src/gen/wire/steplock/v1/volume_service.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { refused } from './support/refusal.js';
import { requestId } from './support/rig.js';
import { gibibyte, startStorageRig, type StorageRig } from './support/storage-rig.js';

const iqn = 'iqn.2025-01.org.example:web-1';
const size = String(gibibyte);
const asked = (): { requestId: string; actor: string } => ({ requestId: requestId(), actor: 'ann' });
const volumeOf = (volumeId: string, system: string): VolumeSpec =>
  VolumeSpec.fromPartial({ volumeId, system: `systems/${system}`, sizeBytes: size });

describe('Block storage', function () {
  this.timeout(60_000);
  let rig: StorageRig;
  before(async () => {
    rig = await startStorageRig();
    await rig.register('shelf-1');
    await rig.register('shelf-2');
    const initiators = [{ name: iqn.toUpperCase(), nodeWwn: '' }];
    await rig.client.inventory.createHost({
      hostId: 'web-1',
      initiators,
      labels: {},
      requestId: requestId(),
    });
  });
  after(async () => {
    await rig.close();
  });

  it('a registered system has its pools and ports; registering it twice is refused', async () => {
    const system = await rig.resource('systems/shelf-1');
    expect(system.state).to.equal(ResourceState.AVAILABLE);
    expect(system.body).to.deep.include({ $case: 'system' });
    expect(await rig.names(ResourceKind.POOL, 'systems/shelf-1')).to.deep.equal([
      'systems/shelf-1/pools/gold',
      'systems/shelf-1/pools/tin',
    ]);
    expect(await rig.names(ResourceKind.PORT)).to.have.length(2);
    const again = { systemId: 'shelf-1', controller: 'array', labels: {}, ...asked() };
    await refused(rig, InventoryServiceService.registerSystem, again, 'RESOURCE_EXISTS');
    await rig.succeeded(rig.client.inventory.discoverSystem({ system: 'systems/shelf-1', ...asked() }));
  });

  it('volumes on several systems are made and exported in one workflow; the same request is the same workflow', async () => {
    const request = {
      volumes: [volumeOf('data', 'shelf-1'), volumeOf('log', 'shelf-2')],
      exportHosts: ['hosts/web-1'],
      ...asked(),
    };
    const first = await rig.client.volumes.createVolumes(request);
    expect(first.volumes).to.deep.equal(['volumes/data', 'volumes/log']);
    const { workflow } = await rig.client.volumes.createVolumes(request);
    expect(workflow?.name).to.equal(first.workflow?.name);
    await rig.restedAs(workflow?.name ?? '', WorkflowState.SUCCEEDED);
    const data = await rig.resource('volumes/data');
    expect(data).to.deep.include({ state: ResourceState.AVAILABLE, workflow: '', kind: ResourceKind.VOLUME });
    expect(data.body).to.have.nested.property('value.pool', 'systems/shelf-1/pools/gold');
    const [onArray] = await rig.onArray('shelf-1');
    expect(data.body).to.have.nested.property('value.serial', onArray?.['serial']);
    expect(onArray?.['initiators']).to.deep.equal([iqn]);
    const exports = await rig.names(ResourceKind.EXPORT, 'volumes/data');
    expect(await rig.names(ResourceKind.EXPORT, 'hosts/web-1')).to.include.members(exports);
    const made = await rig.resource(exports[0] ?? '');
    expect(made.body).to.have.nested.property('value.paths').that.has.length(1);
    expect(made.body).to.have.nested.property('value.initiators').that.deep.equals([iqn]);
  });

  it('what is in use is not deleted, and the refusal names the user', async () => {
    const { uid } = await rig.resource('volumes/data');
    const [used] = await rig.names(ResourceKind.EXPORT, 'volumes/data');
    const volume = { volume: 'volumes/data', uid };
    const error = await refused(
      rig,
      VolumeServiceService.deleteVolume,
      { ...volume, ...asked() },
      'RESOURCE_IN_USE',
    );
    expect(error.details).to.include(used);
    for (const name of ['systems/shelf-1', 'hosts/web-1', `initiators/${iqn}`]) {
      const request = { name, etag: '', requestId: requestId() };
      await refused(rig, InventoryServiceService.deleteResource, request, 'RESOURCE_IN_USE');
    }
    await rig.succeeded(
      rig.client.volumes.unexportVolume({ volume: 'volumes/data', host: 'hosts/web-1', ...asked() }),
    );
    expect((await rig.onArray('shelf-1'))[0]?.['initiators']).to.deep.equal([]);
  });

  it('a delete means the one of that uid: another one of the name is left alone', async () => {
    const other = { volume: 'volumes/data', uid: 'another' };
    await refused(rig, VolumeServiceService.deleteVolume, { ...other, ...asked() }, 'RESOURCE_NOT_FOUND');
    await refused(rig, VolumeServiceService.deleteVolume, { ...other, uid: '', ...asked() }, 'INVALID_FIELD');
    expect(await rig.onArray('shelf-1')).to.have.length(1);
  });

  it('snapshot, clone, expand, revert and delete keep records and array in step', async () => {
    const { volumes } = rig.client;
    const volume = 'volumes/data';
    await rig.succeeded(
      volumes.createSnapshot({ volume, snapshotId: 'monday', labels: { day: 'mon' }, ...asked() }),
    );
    expect((await rig.resource('snapshots/monday')).labels).to.deep.equal({ day: 'mon' });
    await rig.succeeded(
      volumes.cloneVolume({
        ...{ volumeId: 'copy', source: 'snapshots/monday', sizeBytes: '0', labels: {} },
        ...asked(),
      }),
    );
    expect((await rig.resource('volumes/copy')).body).to.have.nested.property(
      'value.source',
      'snapshots/monday',
    );
    const twice = String(2 * gibibyte);
    await rig.succeeded(volumes.expandVolume({ volume, sizeBytes: twice, ...asked() }));
    expect((await rig.resource(volume)).body).to.have.nested.property('value.sizeBytes', twice);
    const { uid } = await rig.resource(volume);
    await rig.succeeded(volumes.revertVolume({ volume, uid, snapshot: 'snapshots/monday', ...asked() }));
    await refused(rig, VolumeServiceService.deleteVolume, { volume, uid, ...asked() }, 'RESOURCE_IN_USE');
    const { uid: ofSnapshot } = await rig.resource('snapshots/monday');
    await rig.succeeded(
      volumes.deleteSnapshot({ snapshot: 'snapshots/monday', uid: ofSnapshot, ...asked() }),
    );
    await rig.succeeded(volumes.deleteVolume({ volume, uid, ...asked() }));
    const { uid: ofCopy } = await rig.resource('volumes/copy');
    await rig.succeeded(volumes.deleteVolume({ volume: 'volumes/copy', uid: ofCopy, ...asked() }));
    expect(await rig.onArray('shelf-1')).to.deep.equal([]);
    expect(await rig.onArray('shelf-1', 'snapshots')).to.deep.equal([]);
    expect(await rig.names(ResourceKind.SNAPSHOT)).to.deep.equal([]);
    expect(await rig.names(ResourceKind.VOLUME)).to.deep.equal(['volumes/log']);
  });

  it('a rollback leaves neither records nor links nor objects', async () => {
    const before = await storageKeys(rig);
    const volumes = [
      volumeOf('one', 'shelf-1'),
      { ...volumeOf('two', 'shelf-2'), sizeBytes: String(1_000 * gibibyte) },
    ];
    const request = { volumes, exportHosts: ['hosts/web-1'], ...asked() };
    const { workflow } = await rig.client.volumes.createVolumes(request);
    await rig.restedAs(workflow?.name ?? '', WorkflowState.ROLLED_BACK, 40_000);
    expect(await storageKeys(rig)).to.deep.equal(before);
    expect(await rig.onArray('shelf-1')).to.deep.equal([]);
  });

  it('two clients want the same name at once: one gets it, the other one is refused or rolled back', async () => {
    const answers = await Promise.allSettled(
      [1, 2].map(
        async () =>
          await rig.client.volumes.createVolumes({
            volumes: [volumeOf('wanted', 'shelf-1')],
            exportHosts: [],
            ...asked(),
          }),
      ),
    );
    const started = answers.flatMap((answer) =>
      answer.status === 'fulfilled' ? [answer.value.workflow?.name ?? ''] : [],
    );
    const ends = await Promise.all(started.map(async (name) => (await rig.rested(name)).state));
    expect(ends.filter((state) => state === WorkflowState.SUCCEEDED)).to.have.length(1);
    expect(ends.filter((state) => state === WorkflowState.ROLLED_BACK)).to.have.length(ends.length - 1);
    expect(await rig.onArray('shelf-1')).to.have.length(1);
  });

  it('a host is made on the way, and an initiator belongs to one host', async () => {
    const request = { volume: 'volumes/wanted', chap: undefined, ...asked() };
    const name = 'iqn.2025-01.org.example:db-1';
    const { export: made } = await rig.client.volumes.exportVolume({
      ...request,
      host: 'hosts/db-1',
      initiators: [name],
    });
    await eventually(async () => {
      expect((await rig.resource(made)).state).to.equal(ResourceState.AVAILABLE);
    });
    expect(await rig.names(ResourceKind.INITIATOR, 'hosts/db-1')).to.deep.equal([`initiators/${name}`]);
    const other = { hostId: 'db-2', initiators: [{ name, nodeWwn: '' }], labels: {}, requestId: requestId() };
    await refused(rig, InventoryServiceService.createHost, other, 'RESOURCE_EXISTS');
    const stolen = { ...request, ...asked(), host: 'hosts/web-1', initiators: [name] };
    await refused(rig, VolumeServiceService.exportVolume, stolen, 'PLANNING_FAILED');
  });

  it('labels are changed on the etag that was read, once for a request, and lists go by them page by page', async () => {
    const { inventory } = rig.client;
    await rig.create(...['p-1', 'p-2', 'p-3'].map((volumeId) => ({ volumeId, system: 'shelf-2' })));
    for (const id of ['p-1', 'p-3']) {
      const { etag } = await rig.resource(`volumes/${id}`);
      const request = { name: `volumes/${id}`, labels: { tier: 'gold' }, etag, requestId: requestId() };
      await inventory.updateResource(request);
      await inventory.updateResource(request);
      const stale = { ...request, requestId: requestId() };
      await refused(rig, InventoryServiceService.updateResource, stale, 'STALE_ETAG');
    }
    const list = { kind: ResourceKind.VOLUME, of: 'systems/shelf-2', states: [], pageSize: 1 };
    const found: string[] = [];
    let pageToken = '';
    do {
      const page = await inventory.listResources({ ...list, labels: { tier: 'gold' }, pageToken });
      found.push(...page.resources.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(found).to.deep.equal(['volumes/p-1', 'volumes/p-3']);
    const bad = { ...list, labels: {}, pageToken: 'x' };
    await refused(rig, InventoryServiceService.listResources, bad, 'INVALID_PAGE_TOKEN');
  });
});

/** Everything that the inventory has in the store. */
async function storageKeys(rig: StorageRig): Promise<string[]> {
  return (await rig.keys()).filter((key) => /^(resource|use|part)\//.test(key));
}
