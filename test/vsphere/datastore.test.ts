/**
 * Steps of datastores on a vCenter simulator (govmomi's with ours on top) whose hosts see what a real tgtd binds to their
 * IQNs. What is asserted is what the vCenter says afterwards, and how often it was asked to make something.
 */
import { expect } from 'chai';
import type { JsonObject } from '../../src/controller.js';
import { createVsphereBench, mebibyte, type VsphereBench } from './bench.js';

describe('vsphere: datastores', function () {
  this.timeout(240_000);
  let bench: VsphereBench & { stop(): Promise<void> };
  let hosts: string[];
  /** In the order of the hosts. */
  let iqns: string[];
  let serial = 0;
  let naa: string;
  let name: string;
  const onDisk = (): JsonObject => ({ hosts, naa });

  before(async () => {
    bench = await createVsphereBench();
    const found = await bench.must('inspect', 'inspect-cluster', { cluster: 'DC0_C0' });
    hosts = found['hosts'] as string[];
    iqns = found['iqns'] as string[];
    expect(iqns).to.have.members([...bench.vcenter.hosts]);
    await bench.must('targets', 'add-targets', { hosts, portal: bench.tgtd.portal });
  });
  after(async () => {
    await bench.stop();
  });
  beforeEach(async () => {
    serial += 1;
    naa = `naa.6${String(serial).padStart(31, '0')}`;
    name = `ds-${serial}`;
    await bench.makeUnit(naa, 64 * mebibyte, bench.vcenter.hosts);
  });
  afterEach(async () => {
    await bench.vcenter.calm();
    await bench.removeUnit(naa);
  });

  /** Whether the vCenter knows a datastore on the disk, by a step that only looks. */
  const isThere = async (): Promise<boolean> =>
    (await bench.run('look', 'check-vmfs', { naa, name })).kind === 'done';

  async function provision(): Promise<JsonObject> {
    await bench.must('show', 'show-disk', onDisk());
    const made = await bench.must('make', 'create-vmfs', { ...onDisk(), name });
    await bench.must('mount', 'show-vmfs', onDisk());
    return made;
  }

  async function remove(): Promise<void> {
    await bench.must('unmount', 'unmount-vmfs', onDisk());
    await bench.must('remove', 'remove-vmfs', { naa, name });
    await bench.must('release', 'release-disk', onDisk());
    await bench.removeUnit(naa);
    await bench.must('forget', 'forget-disk', onDisk());
  }

  it('are made on one host and seen by three, grow with their disk, and are removed', async () => {
    expect(await provision()).to.include({ size_bytes: 64 * mebibyte });
    await bench.growUnit(naa, 96 * mebibyte);
    expect(await bench.must('again', 'show-disk', onDisk())).to.include({ size_bytes: 96 * mebibyte });
    const grown = await bench.must('grow', 'expand-vmfs', { naa, size_bytes: 96 * mebibyte });
    expect(grown).to.include({ size_bytes: 96 * mebibyte });
    await remove();
    expect(await isThere()).to.equal(false);
  });

  it('are not made on a disk that a host does not see', async () => {
    await bench.removeUnit(naa);
    const answer = await bench.run('show', 'show-disk', onDisk(), 2);
    expect(answer).to.include({ kind: 'failed', reason: 'DiskNotVisible', retryable: true });
  });

  it('are seen by those hosts only whose IQN the target lets in', async () => {
    await bench.removeUnit(naa);
    naa = `naa.7${String(serial).padStart(31, '0')}`;
    await bench.makeUnit(naa, 64 * mebibyte, iqns.slice(0, 2));
    await bench.must('show', 'show-disk', { hosts: hosts.slice(0, 2), naa });
    const answer = await bench.run('show', 'show-disk', onDisk(), 2);
    expect(answer).to.include({ kind: 'failed', reason: 'DiskNotVisible' });
  });

  for (const method of [
    'RescanAllHba',
    'RescanVmfs',
    'CreateVmfsDatastore',
    'QueryVmfsDatastoreCreateOptions',
  ]) {
    it(`are made once although ${method} was busy twice`, async () => {
      await bench.vcenter.refuse(method, 'ResourceInUse', 2);
      await provision();
      await remove();
    });
  }

  for (const method of ['RescanAllHba', 'CreateVmfsDatastore']) {
    it(`are made once although the answer to ${method} was lost`, async () => {
      const before = (await bench.vcenter.calls())['CreateVmfsDatastore'] ?? 0;
      await bench.vcenter.lose(method, 1);
      await provision();
      expect((await bench.vcenter.calls())['CreateVmfsDatastore']).to.equal(before + 1);
      await remove();
    });
  }

  it('are removed once although the answers were lost', async () => {
    await provision();
    for (const method of ['UnmountVmfsVolume', 'RemoveDatastore', 'DetachScsiLun'])
      await bench.vcenter.lose(method, 1);
    await remove();
    expect(await isThere()).to.equal(false);
  });

  it('are undone step by step, whatever the steps came to say of themselves', async () => {
    await provision();
    await bench.undo('make', 'remove-vmfs', { naa, name });
    await bench.undo('show', 'release-disk', onDisk());
    await bench.removeUnit(naa);
    expect(await isThere()).to.equal(false);
  });

  it('are left alone where the name is taken, or another one lies on the disk', async () => {
    await provision();
    const other = await bench.run('other', 'create-vmfs', { ...onDisk(), name: 'other' });
    expect(other).to.include({ kind: 'failed', reason: 'DiskInUse', effect: 'none' });
    const stranger = await bench.run('stranger', 'remove-vmfs', { naa, name: 'other' });
    expect(stranger).to.include({ kind: 'failed', reason: 'NotOurs' });
    const second = `naa.8${String(serial).padStart(31, '0')}`;
    await bench.makeUnit(second, 64 * mebibyte, bench.vcenter.hosts);
    await bench.must('show-2', 'show-disk', { hosts, naa: second });
    const taken = await bench.run('taken', 'create-vmfs', { hosts, naa: second, name });
    expect(taken).to.include({ kind: 'failed', reason: 'NameTaken', effect: 'none' });
    await bench.removeUnit(second);
    await remove();
  });

  it('are not removed while a disk is on them', async () => {
    const { datastore } = await provision();
    const disk = { datastore: datastore as string, name: 'data', size_bytes: mebibyte };
    const made = await bench.must('disk', 'create-disk', disk);
    for (const [step, method, args] of [
      ['unmount', 'unmount-vmfs', onDisk()],
      ['remove', 'remove-vmfs', { naa, name }],
    ] as const)
      expect(await bench.run(step, method, args)).to.include({ kind: 'failed', reason: 'DatastoreNotEmpty' });
    await bench.must('gone', 'delete-disk', { datastore: datastore as string, disk: made['disk'] as string });
    await remove();
  });

  it('a session that the vCenter has forgotten is begun again', async () => {
    await bench.vcenter.refuse('RescanAllHba', 'NotAuthenticated', 1);
    const logins = (await bench.vcenter.calls())['Login'] ?? 0;
    await provision();
    expect((await bench.vcenter.calls())['Login']).to.equal(logins + 1);
    await remove();
  });
});
