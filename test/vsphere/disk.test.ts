/** Steps of first-class disks on a vCenter simulator that refuses what a real one does. */
import { expect } from 'chai';
import type { JsonObject } from '../../src/controller.js';
import { findObjects } from '../../plugins/vsphere/inventory.js';
import { VimSession } from '../../plugins/vsphere/session.js';
import { createVsphereBench, mebibyte, type VsphereBench } from './bench.js';

describe('vsphere: first-class disks', function () {
  this.timeout(240_000);
  let bench: VsphereBench & { stop(): Promise<void> };
  let session: VimSession;
  let datastore: string;
  let serial = 0;
  let spec: { datastore: string; name: string; size_bytes: number };

  before(async () => {
    bench = await createVsphereBench();
    const { origin, user, password, sha256 } = bench.vcenter;
    session = new VimSession({
      origin,
      trust: { sha256 },
      userName: user,
      password: () => Promise.resolve(password),
      types: [],
    });
    const { rootFolder } = (await session.state()).content;
    const [found] = await findObjects(session, rootFolder, 'Datastore', ['name']);
    datastore = found?.ref.value ?? '';
  });
  after(async () => {
    await session.close();
    await bench.stop();
  });
  beforeEach(() => {
    serial += 1;
    spec = { datastore, name: `data-${serial}`, size_bytes: 16 * mebibyte };
  });
  afterEach(async () => {
    await bench.vcenter.calm();
  });

  const create = async (): Promise<string> =>
    (await bench.must(`make-${serial}`, 'create-disk', spec))['disk'] as string;
  const on = (disk: string): JsonObject & { datastore: string; disk: string } => ({ datastore, disk });

  it('are made, made larger, attached, snapshotted, detached and deleted', async () => {
    const disk = await create();
    const grown = await bench.must('grow', 'extend-disk', { ...on(disk), size_bytes: 32 * mebibyte });
    expect(grown).to.include({ size_bytes: 32 * mebibyte });
    const machine = 'DC0_C0_RP0_VM0';
    await bench.must('attach', 'attach-disk', { ...on(disk), machine });
    expect(await bench.run('other', 'attach-disk', { ...on(disk), machine: 'DC0_C0_RP0_VM1' })).to.include({
      kind: 'failed',
      reason: 'AttachedElsewhere',
    });
    expect(await bench.run('early', 'delete-disk', on(disk))).to.include({
      kind: 'failed',
      reason: 'InvalidState',
    });
    const { snapshot } = await bench.must('snap', 'snapshot-disk', { ...on(disk), description: 'before' });
    expect(await bench.run('late', 'extend-disk', { ...on(disk), size_bytes: 64 * mebibyte })).to.include({
      kind: 'failed',
      reason: 'InvalidState',
    });
    await bench.must('unsnap', 'delete-disk-snapshot', { ...on(disk), snapshot: snapshot as string });
    await bench.must('detach', 'detach-disk', { ...on(disk), machine });
    await bench.must('delete', 'delete-disk', on(disk));
    expect(await bench.run('after', 'extend-disk', { ...on(disk), size_bytes: 64 * mebibyte })).to.include({
      kind: 'failed',
      reason: 'DiskObjectNotFound',
    });
  });

  it('of one name are two, each found again by the step that made it', async () => {
    const first = await create();
    const second = (await bench.must('twin', 'create-disk', spec))['disk'] as string;
    expect(second).to.not.equal(first);
    expect((await bench.must('twin', 'create-disk', spec))['disk']).to.equal(second);
    for (const disk of [first, second]) await bench.must('delete', 'delete-disk', on(disk));
  });

  it('are not made smaller', async () => {
    const disk = await create();
    expect(await bench.run('shrink', 'extend-disk', { ...on(disk), size_bytes: mebibyte })).to.include({
      kind: 'failed',
      reason: 'ShrinkRefused',
    });
    await bench.must('delete', 'delete-disk', on(disk));
  });

  const lost: readonly [method: string, run: () => Promise<void>][] = [
    [
      'CreateDisk_Task',
      async () => await bench.must('delete', 'delete-disk', on(await create())).then(() => undefined),
    ],
    [
      'ExtendDisk_Task',
      async () => {
        const disk = await create();
        await bench.must('grow', 'extend-disk', { ...on(disk), size_bytes: 32 * mebibyte });
        await bench.must('delete', 'delete-disk', on(disk));
      },
    ],
    [
      'AttachDisk_Task',
      async () => {
        const disk = await create();
        await bench.must('attach', 'attach-disk', { ...on(disk), machine: 'DC0_C0_RP0_VM0' });
        await bench.must('detach', 'detach-disk', { ...on(disk), machine: 'DC0_C0_RP0_VM0' });
        await bench.must('delete', 'delete-disk', on(disk));
      },
    ],
    [
      'VStorageObjectCreateSnapshot_Task',
      async () => {
        const disk = await create();
        const { snapshot } = await bench.must(`snap-${serial}`, 'snapshot-disk', on(disk));
        await bench.must('unsnap', 'delete-disk-snapshot', { ...on(disk), snapshot: snapshot as string });
        await bench.must('delete', 'delete-disk', on(disk));
      },
    ],
    [
      'DeleteVStorageObject_Task',
      async () => await bench.must('delete', 'delete-disk', on(await create())).then(() => undefined),
    ],
  ];
  for (const [method, run] of lost) {
    it(`nothing is made twice, and nothing stays, when the answer to ${method} was lost`, async () => {
      const before = (await bench.vcenter.calls())[method] ?? 0;
      await bench.vcenter.lose(method, 1);
      await run();
      expect((await bench.vcenter.calls())[method]).to.equal(before + 1);
    });
  }

  it('are deleted by the undo of a step whose answer never came', async () => {
    const disk = await create();
    await bench.undo(`make-${serial}`, 'delete-disk', { datastore, name: spec.name });
    expect(await bench.run('after', 'extend-disk', { ...on(disk), size_bytes: 32 * mebibyte })).to.include({
      reason: 'DiskObjectNotFound',
    });
  });

  it('the undo of a step that made none deletes nobody else’s of that name', async () => {
    const disk = await create();
    await bench.undo('never', 'delete-disk', { datastore, name: spec.name });
    expect(await bench.run('there', 'extend-disk', { ...on(disk), size_bytes: 16 * mebibyte })).to.include({
      kind: 'done',
    });
    await bench.must('delete', 'delete-disk', on(disk));
  });
});
