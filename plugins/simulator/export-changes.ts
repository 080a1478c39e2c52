/** What the methods about exports do to a simulated array: grants, one a step, and sets of initiators over them. */
import { createHash } from 'node:crypto';
import {
  StorageRefusal,
  type ExportVolumeArguments,
  type ExportedVolume,
  type Look,
  type StorageProtocol,
  type UnexportVolumeArguments,
  type UnexportedVolume,
} from '../../src/storage-controller.js';
import { notDone } from '../../src/controller.js';
import {
  differs,
  noteEffect,
  requireVolume,
  type ChangeContext,
  type Grant,
  type SimulatedVolume,
} from './state.js';

/** `export-volume`. */
export function exportVolume(context: ChangeContext, args: ExportVolumeArguments): ExportedVolume {
  const { volume: name } = args;
  const volume = requireVolume(context, name, args.serial);
  const initiators = [...args.initiators].sort();
  const protocol = protocolOf(context, initiators);
  const username = args.chap?.username ?? '';
  const known = grantOf(context, volume);
  if (known !== undefined) {
    const isSame = known.initiators.join() === initiators.join() && known.username === username;
    if (!isSame) throw differs('Export of volume', name);
    return exported(context, name, volume, { grant: known, protocol });
  }
  const other = volume.grants[0];
  if (other !== undefined && (other.username === '') !== (username === '')) {
    throw new StorageRefusal(
      'AuthenticationMismatch',
      `Volume ${name} is exported ${other.username === '' ? 'without' : 'with'} CHAP: export it so too`,
    );
  }
  if (args.chap !== undefined) useAccount(context, args.chap.username, args.chap.secret);
  const grant: Grant = { owner: context.request.owner, initiators, username };
  volume.lun ??= freeLun(context);
  volume.grants = [...volume.grants, grant];
  noteEffect(context, name);
  return exported(context, name, volume, { grant, protocol });
}

/** What came of `export-volume`. */
export function lookForExported(context: ChangeContext, args: ExportVolumeArguments): Look<'export-volume'> {
  const volume = context.state.volumes[args.volume];
  const grant = volume === undefined ? undefined : grantOf(context, volume);
  if (volume === undefined || grant === undefined) return notDone('none');
  const protocol = protocolOf(context, grant.initiators);
  return { kind: 'there', output: exported(context, args.volume, volume, { grant, protocol }) };
}

/** `unexport-volume`. */
export function unexportVolume(context: ChangeContext, args: UnexportVolumeArguments): UnexportedVolume {
  const { volume: name } = args;
  const volume = context.state.volumes[name];
  if (volume?.owner === undefined) return { volume: name, remainingInitiators: [] };
  if (context.request.direction === 'forward') requireVolume(context, name, args.serial);
  const left = remaining(context, volume, args);
  if (countOf(left) !== countOf(volume.grants)) {
    volume.grants = left;
    if (left.length === 0) volume.lun = undefined;
    forgetAccounts(context);
    noteEffect(context, name);
  }
  return { volume: name, remainingInitiators: initiatorsOf(left) };
}

/** What came of `unexport-volume`. */
export function lookForUnexported(
  context: ChangeContext,
  args: UnexportVolumeArguments,
): Look<'unexport-volume'> {
  const volume = context.state.volumes[args.volume];
  const left = volume === undefined ? [] : remaining(context, volume, args);
  if (volume !== undefined && countOf(left) !== countOf(volume.grants)) return notDone('none');
  return { kind: 'there', output: { volume: args.volume, remainingInitiators: initiatorsOf(left) } };
}

/** All initiators of the grants, each once, in order. */
export function initiatorsOf(grants: readonly Grant[]): string[] {
  return [...new Set(grants.flatMap(({ initiators }) => initiators))].sort();
}

/** The grants that stay. */
function remaining(
  { request }: ChangeContext,
  { grants }: SimulatedVolume,
  args: UnexportVolumeArguments,
): Grant[] {
  if (request.direction === 'undo') return grants.filter(({ owner }) => !request.keys.includes(owner.key));
  const gone = new Set(args.initiators ?? initiatorsOf(grants));
  return grants
    .map((grant) => ({ ...grant, initiators: grant.initiators.filter((name) => !gone.has(name)) }))
    .filter(({ initiators }) => initiators.length > 0);
}

function countOf(grants: readonly Grant[]): number {
  return grants.reduce((sum, { initiators }) => sum + initiators.length, 0);
}

function grantOf({ request }: ChangeContext, { grants }: SimulatedVolume): Grant | undefined {
  return grants.find(({ owner }) => request.keys.includes(owner.key));
}

/**
 * @throws StorageRefusal InitiatorUnsupported if no port of the array speaks with one of them, or they are of several kinds.
 */
function protocolOf({ system }: ChangeContext, initiators: readonly string[]): StorageProtocol {
  const protocols = [...new Set(initiators.map(protocolOfName))];
  const [protocol] = protocols;
  if (
    protocol !== undefined &&
    protocols.length === 1 &&
    system.ports.some((port) => port.protocol === protocol)
  ) {
    return protocol;
  }
  const known = [...new Set(system.ports.map((port) => port.protocol))].join(', ');
  throw new StorageRefusal(
    'InitiatorUnsupported',
    `Storage system ${system.id} speaks ${known}, and one of them at a time; asked for ${protocols.join(', ')}`,
  );
}

function protocolOfName(name: string): StorageProtocol {
  if (name.startsWith('nqn.')) return 'nvme-tcp';
  return /^(iqn|eui)\./.test(name) ? 'iscsi' : 'fc';
}

function useAccount({ state }: ChangeContext, username: string, secret: string): void {
  const hash = createHash('sha256').update(`${username}:${secret}`).digest('hex');
  const known = state.accounts[username];
  if (known !== undefined && known !== hash) {
    throw new StorageRefusal('AccountExists', `CHAP account ${username} is in use with another secret`);
  }
  state.accounts[username] = hash;
}

/** An account goes with the last export that needs it. */
function forgetAccounts({ state }: ChangeContext): void {
  const needed = new Set(
    Object.values(state.volumes).flatMap(({ grants }) => grants.map(({ username }) => username)),
  );
  state.accounts = Object.fromEntries(Object.entries(state.accounts).filter(([name]) => needed.has(name)));
}

function freeLun({ state }: ChangeContext): number {
  const taken = new Set(Object.values(state.volumes).map(({ lun }) => lun));
  let lun = 1;
  while (taken.has(lun)) lun += 1;
  return lun;
}

function exported(
  { system }: ChangeContext,
  name: string,
  { serial, lun }: SimulatedVolume,
  { grant, protocol }: { readonly grant: Grant; readonly protocol: StorageProtocol },
): ExportedVolume {
  const names: Record<StorageProtocol, (address: string) => string> = {
    iscsi: () => `iqn.2026-11.org.steplock.simulator:${system.id}`,
    'nvme-tcp': () => `nqn.2026-11.org.steplock.simulator:${system.id}`,
    fc: (address) => address,
  };
  const targets = system.ports
    .filter((port) => port.protocol === protocol)
    .map(({ address }) => ({ name: names[protocol](address), address: protocol === 'fc' ? '' : address }));
  return { volume: name, serial, protocol, targets, lun: lun ?? 0, initiators: [...grant.initiators] };
}
