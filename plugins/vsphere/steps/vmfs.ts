/**
 * VMFS datastores. Their calls have no task: when an answer is lost, the next attempt looks for a datastore on the disk.
 * The disk is the identity: a datastore is ours if it lies on the disk that the step names, and has the name.
 */
import { done, type Done } from '../../../src/controller.js';
import { callOptions, type Call, type Work } from '../answers.js';
import { bytes, text, texts } from '../arguments.js';
import { contentOf, datastoreOn, isMounted, type VmfsDatastore } from '../datastore.js';
import { diskOf, hostsById, type Host } from '../hosts.js';
import { Refusal } from '../refusal.js';
import { isFault } from '../soap/faults.js';
import { datastores, storage } from '../vim/host.js';
import { rescan } from './cluster.js';

const majorVersion = 6;

/** Formats the disk, on one host. */
export const createVmfs: Work = async (call) => {
  const naa = text(call.args, 'naa');
  const name = text(call.args, 'name');
  const there = await datastoreOn(call, naa);
  if (there !== undefined) return made(call, there, name);
  const [host] = await hostsById(call, texts(call.args, 'hosts'));
  if (host === undefined) throw new Refusal('HostNotReady', 'There is no host to format on');
  const disk = diskOf(host, naa);
  if (disk === undefined) throw new Refusal('DiskNotVisible', `Host ${host.name} does not see ${naa}`, true);
  const { session } = call.vcenter;
  const options = await session.call(
    host.datastoreSystem,
    datastores.queryCreateOptions,
    { devicePath: disk.devicePath, vmfsMajorVersion: majorVersion },
    callOptions(call),
  );
  const [option] = options;
  if (option === undefined) throw new Refusal('DiskInUse', `Host ${host.name} finds no room on ${naa}`);
  call.trace.effect = 'some';
  try {
    await session.call(
      host.datastoreSystem,
      datastores.createVmfs,
      { spec: { ...option.spec, vmfs: { ...option.spec.vmfs, volumeName: name } } },
      callOptions(call),
    );
  } catch (error) {
    if (!isFault(error, 'DuplicateName')) throw error;
    call.trace.effect = 'none';
    throw new Refusal('NameTaken', `A datastore "${name}" exists: choose another name`);
  }
  const now = await datastoreOn(call, naa);
  if (now === undefined) throw new Error(`The datastore on ${naa} is not seen after it was made`);
  return made(call, now, name);
};

function made(call: Call, there: VmfsDatastore, name: string): Done {
  if (there.name !== name) {
    call.trace.effect = 'none';
    throw new Refusal(
      'DiskInUse',
      `Datastore "${there.name}" lies on ${there.naas.join(', ')} already: it is left alone`,
    );
  }
  return done({ datastore: there.ref.value, vmfs_uuid: there.uuid, size_bytes: Number(there.bytes) });
}

/** Destroys the datastore on the disk, if nothing is on it. */
export const removeVmfs: Work = async (call) => {
  const there = await datastoreOn(call, text(call.args, 'naa'));
  if (there === undefined) return done();
  const name = text(call.args, 'name');
  const uuid = call.args['vmfs_uuid'];
  if (there.name !== name || (typeof uuid === 'string' && uuid !== there.uuid))
    throw new Refusal('NotOurs', `Datastore "${there.name}" (${there.uuid}) is not the one that was made`);
  await refuseIfUsed(call, there);
  const hosts = await hostsById(
    call,
    there.mounts.map(({ key }) => key.value),
  );
  const host = hosts.find(({ ref }) => isMounted(there, ref.value)) ?? hosts[0];
  if (host === undefined) throw new Refusal('DatastoreNotMounted', `No host has "${name}" mounted`);
  call.trace.effect = 'some';
  try {
    await call.vcenter.session.call(
      host.datastoreSystem,
      datastores.remove,
      { datastore: there.ref },
      callOptions(call),
    );
  } catch (error) {
    if (!isFault(error, 'NotFound', 'ManagedObjectNotFound')) throw error;
  }
  return done();
};

async function refuseIfUsed(call: Call, there: VmfsDatastore): Promise<void> {
  const content = await contentOf(call, there);
  if (content.length > 0)
    throw new Refusal(
      'DatastoreNotEmpty',
      `Datastore "${there.name}" holds ${content.slice(0, 5).join(', ')}${content.length > 5 ? ' …' : ''}: move or delete that first`,
    );
}

/** Finds the datastore on the disk, and that it can be removed: nothing is on it. */
export const checkVmfs: Work = async (call) => {
  const there = await existing(call, text(call.args, 'naa'));
  if (there.name !== text(call.args, 'name'))
    throw new Refusal('NotOurs', `The datastore on ${text(call.args, 'naa')} is named "${there.name}"`);
  await refuseIfUsed(call, there);
  return done({ datastore: there.ref.value, vmfs_uuid: there.uuid, size_bytes: Number(there.bytes) });
};

async function existing(call: Call, naa: string): Promise<VmfsDatastore> {
  const there = await datastoreOn(call, naa);
  if (there === undefined) throw new Refusal('DatastoreNotFound', `There is no datastore on ${naa}`);
  return there;
}

/** Rescans until every host has the datastore. */
export const showVmfs: Work = async (call) => {
  const naa = text(call.args, 'naa');
  const ids = texts(call.args, 'hosts');
  await rescan(call, ids);
  const there = await existing(call, naa);
  const without = ids.find((id) => !isMounted(there, id));
  if (without !== undefined)
    throw new Refusal(
      'DatastoreNotMounted',
      `Host ${without} does not have "${there.name}" after a rescan`,
      true,
    );
  return done({ datastore: there.ref.value, size_bytes: Number(there.bytes) });
};

/** Takes the datastore from each host, where nothing is on it. */
export const unmountVmfs: Work = async (call) => {
  const there = await datastoreOn(call, text(call.args, 'naa'));
  if (there === undefined) return done({ unmounted: [] });
  await refuseIfUsed(call, there);
  const unmounted = await setMounted(call, there, false);
  return done({ unmounted });
};

/** Gives it back to each host. */
export const mountVmfs: Work = async (call) => {
  const there = await existing(call, text(call.args, 'naa'));
  await setMounted(call, there, true);
  return done();
};

async function setMounted(call: Call, there: VmfsDatastore, isWanted: boolean): Promise<string[]> {
  const changed: string[] = [];
  const method = isWanted ? storage.mountVmfs : storage.unmountVmfs;
  for (const host of await hostsById(call, texts(call.args, 'hosts'))) {
    const mount = there.mounts.find(({ key }) => key.value === host.ref.value);
    if (mount === undefined || mount.mountInfo.mounted === isWanted) continue;
    call.trace.effect = 'some';
    try {
      await call.vcenter.session.call(
        host.storageSystem,
        method,
        { vmfsUuid: there.uuid },
        callOptions(call),
      );
    } catch (error) {
      // It is so already.
      if (!isFault(error, 'InvalidState')) throw error;
    }
    changed.push(host.ref.value);
  }
  return changed;
}

/** Grows the datastore to what the disk has become. What has grown cannot be made smaller. */
export const expandVmfs: Work = async (call) => {
  const naa = text(call.args, 'naa');
  const wanted = bytes(call.args, 'size_bytes');
  const there = await existing(call, naa);
  const host = await mountedHost(call, there);
  const grown = diskOf(host, naa);
  if (grown === undefined) throw new Refusal('DiskNotVisible', `Host ${host.name} does not see ${naa}`, true);
  // A little of the disk is not the file system's.
  if (there.bytes < (wanted * 9n) / 10n) await expand(call, host, there);
  const now = await existing(call, naa);
  if (now.bytes < (wanted * 9n) / 10n)
    throw new Refusal(
      'DatastoreTooSmall',
      `"${now.name}" has ${now.bytes} bytes on a disk of ${wanted}`,
      true,
    );
  return done({ datastore: now.ref.value, size_bytes: Number(now.bytes) });
};

async function mountedHost(call: Call, there: VmfsDatastore): Promise<Host> {
  const mounted = there.mounts.map(({ key }) => key.value).filter((id) => isMounted(there, id));
  const [host] = await hostsById(call, mounted.slice(0, 1));
  if (host === undefined) throw new Refusal('DatastoreNotMounted', `No host has "${there.name}" mounted`);
  return host;
}

async function expand(call: Call, host: Host, there: VmfsDatastore): Promise<void> {
  const { session } = call.vcenter;
  const [option] = await session.call(
    host.datastoreSystem,
    datastores.queryExpandOptions,
    { datastore: there.ref },
    callOptions(call),
  );
  if (option === undefined)
    throw new Refusal(
      'DatastoreTooSmall',
      `Host ${host.name} sees nothing that "${there.name}" could grow by`,
      true,
    );
  call.trace.effect = 'some';
  await session.call(
    host.datastoreSystem,
    datastores.expandVmfs,
    { datastore: there.ref, spec: option.spec },
    callOptions(call),
  );
}
