/** Looking at a cluster, and what its hosts see of a disk. */
import { done } from '../../../src/controller.js';
import { callOptions, type Call, type Work } from '../answers.js';
import { text, texts } from '../arguments.js';
import {
  bytesOf,
  diskOf,
  hostsById,
  hostsOfCluster,
  iscsiAdapters,
  isUsable,
  portNames,
  type Host,
} from '../hosts.js';
import { Refusal } from '../refusal.js';
import { isFault } from '../soap/faults.js';
import { storage } from '../vim/host.js';

/** Which hosts a cluster has, and by which names an array knows them. */
export const inspectCluster: Work = async (call) => {
  const hosts = await hostsOfCluster(call, text(call.args, 'cluster'));
  if (hosts.length === 0) throw new Refusal('HostNotReady', 'The cluster has no hosts');
  return done({
    hosts: hosts.map(({ ref }) => ref.value),
    names: hosts.map(({ name }) => name),
    uuids: hosts.map(({ uuid }) => uuid),
    iqns: hosts.flatMap((host) => iscsiAdapters(host).map(({ iScsiName }) => iScsiName)),
    wwpns: hosts.flatMap(portNames),
  });
};

/** Rescans, so many hosts at a time; a host itself does it one by one. */
const rescansAtOnce = 4;

/** Tells the hosts' iSCSI adapters where to look. Gives those that did not know. */
export const addTargets: Work = async (call) => {
  const hosts = await hostsById(call, texts(call.args, 'hosts'));
  const target = portalOf(call);
  const added: string[] = [];
  for (const host of hosts) {
    const [adapter] = iscsiAdapters(host);
    if (adapter === undefined) throw new Refusal('NoIscsiAdapter', `Host ${host.name} has no iSCSI adapter`);
    if (adapter.configuredSendTarget.some((one) => isSame(one, target))) continue;
    call.trace.effect = 'some';
    await call.vcenter.session.call(
      host.storageSystem,
      storage.addSendTargets,
      { iScsiHbaDevice: adapter.device, targets: [target] },
      callOptions(call),
    );
    added.push(host.ref.value);
  }
  return done({ added });
};

/**
 * Takes back what `add-targets` added, and rescans. A host that knew the portal before keeps it. If the answer of
 * `add-targets` was lost nobody knows which hosts knew it before: then it stays everywhere, which harms nothing.
 */
export const removeTargets: Work = async (call) => {
  const { undone } = call.context;
  const added =
    undone === undefined ? texts(call.args, 'hosts') : ((undone.output?.['added'] ?? []) as string[]);
  const target = portalOf(call);
  for (const host of await hostsById(call, added)) {
    const adapter = iscsiAdapters(host).find(({ configuredSendTarget }) =>
      configuredSendTarget.some((one) => isSame(one, target)),
    );
    if (adapter === undefined) continue;
    await call.vcenter.session
      .call(
        host.storageSystem,
        storage.removeSendTargets,
        { iScsiHbaDevice: adapter.device, targets: [target] },
        callOptions(call),
      )
      .catch((error: unknown) => {
        if (!isFault(error, 'NotFound')) throw error;
      });
  }
  await rescan(call, texts(call.args, 'hosts'));
  return done();
};

/** Rescans until each host sees the disk, of the size that it has, and attaches it where it was detached. */
export const showDisk: Work = async (call) => {
  const naa = text(call.args, 'naa');
  const ids = texts(call.args, 'hosts');
  call.trace.effect = 'some';
  await rescan(call, ids);
  for (const host of await hostsById(call, ids)) {
    const disk = diskOf(host, naa);
    if (disk === undefined)
      throw new Refusal('DiskNotVisible', `Host ${host.name} does not see ${naa} after a rescan`, true);
    if (disk.operationalState.includes('off'))
      await call.vcenter.session.call(
        host.storageSystem,
        storage.attachLun,
        { lunUuid: disk.uuid },
        callOptions(call),
      );
    else if (!isUsable(disk))
      throw new Refusal('DiskNotVisible', `Host ${host.name} has no path to ${naa}`, true);
  }
  const [first] = await hostsById(call, ids);
  const disk = first === undefined ? undefined : diskOf(first, naa);
  return done({ naa, size_bytes: disk === undefined ? 0 : Number(bytesOf(disk)) });
};

/** Lets go of the disk on each host before the array takes it away, so that no host is left with dead paths. */
export const releaseDisk: Work = async (call) => {
  const naa = text(call.args, 'naa');
  for (const host of await hostsById(call, texts(call.args, 'hosts'))) {
    const disk = diskOf(host, naa);
    if (disk === undefined || disk.operationalState.includes('off')) continue;
    call.trace.effect = 'some';
    await detach(call, host, disk.uuid);
  }
  return done();
};

async function detach(call: Call, host: Host, lunUuid: string): Promise<void> {
  try {
    await call.vcenter.session.call(host.storageSystem, storage.detachLun, { lunUuid }, callOptions(call));
  } catch (error) {
    // It is off already.
    if (!isFault(error, 'InvalidState', 'NotFound')) throw error;
  }
}

/** Rescans after the array has taken the disk away, until no host sees it. */
export const forgetDisk: Work = async (call) => {
  const naa = text(call.args, 'naa');
  const ids = texts(call.args, 'hosts');
  await rescan(call, ids);
  const still = (await hostsById(call, ids)).find((host) => diskOf(host, naa) !== undefined);
  if (still !== undefined)
    throw new Refusal('DiskStillVisible', `Host ${still.name} still sees ${naa} after a rescan`, true);
  return done();
};

/** Rescans adapters and file systems of these hosts. */
export async function rescan(call: Call, ids: readonly string[]): Promise<void> {
  const hosts = await hostsById(call, ids);
  const { session } = call.vcenter;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let host = hosts[next++]; host !== undefined; host = hosts[next++]) {
      await session.call(host.storageSystem, storage.rescanAllHba, {}, callOptions(call));
      await session.call(host.storageSystem, storage.rescanVmfs, {}, callOptions(call));
    }
  };
  await Promise.all(Array.from({ length: rescansAtOnce }, worker));
}

interface Portal {
  readonly address: string;
  readonly port?: number;
}

function portalOf({ args }: Call): Portal {
  const portal = text(args, 'portal');
  const at = portal.lastIndexOf(':');
  const port = Number(portal.slice(at + 1));
  if (at < 1 || !Number.isInteger(port))
    throw new Refusal('InvalidArguments', `portal: ${portal} is no host:port`);
  return { address: portal.slice(0, at).replace(/^\[|\]$/g, ''), port };
}

const iscsiPort = 3260;
function isSame(known: Portal, wanted: Portal): boolean {
  return known.address === wanted.address && (known.port ?? iscsiPort) === (wanted.port ?? iscsiPort);
}
