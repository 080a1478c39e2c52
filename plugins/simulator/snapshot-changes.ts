/** What the methods about snapshots do to a simulated array. */
import {
  StorageRefusal,
  type CreateSnapshotArguments,
  type DeleteSnapshotArguments,
  type DeletedSnapshot,
  type Look,
  type RevertVolumeArguments,
  type RevertedVolume,
  type Snapshot,
} from '../../src/storage-controller.js';
import { notDone } from '../../src/controller.js';
import {
  differs,
  foreign,
  isOwn,
  nextSerial,
  noteEffect,
  requireSnapshot,
  requireVolume,
  type ChangeContext,
  type SimulatedSnapshot,
} from './state.js';

const revertsMax = 64;

/** `create-snapshot`. */
export function createSnapshot(context: ChangeContext, args: CreateSnapshotArguments): Snapshot {
  const { snapshot: name, volume: volumeName } = args;
  const { state, request } = context;
  const known = state.snapshots[name];
  if (known !== undefined) {
    if (known.owner === undefined) throw foreign('Snapshot', name);
    if (!isOwn(request, known.owner)) {
      const { workflow, step } = known.owner;
      throw new StorageRefusal('SnapshotExists', `Snapshot ${name} was made by ${workflow}/${step}`);
    }
    if (known.volume !== volumeName) throw differs('Snapshot', name);
    if (args.serial !== undefined && args.serial !== known.volumeSerial) throw differs('Snapshot', name);
    return shown(name, known);
  }
  const volume = requireVolume(context, volumeName, args.serial);
  const { sizeBytes, content, writtenBytes } = volume;
  const snapshot: SimulatedSnapshot = {
    ...{ serial: nextSerial(context), volume: volumeName, volumeSerial: volume.serial, owner: request.owner },
    ...{ sizeBytes, content, writtenBytes },
  };
  state.snapshots[name] = snapshot;
  noteEffect(context, name);
  return shown(name, snapshot);
}

/** What came of `create-snapshot`. */
export function lookForSnapshot(
  { state, request }: ChangeContext,
  { snapshot: name }: CreateSnapshotArguments,
): Look<'create-snapshot'> {
  const known = state.snapshots[name];
  return known !== undefined && isOwn(request, known.owner)
    ? { kind: 'there', output: shown(name, known) }
    : notDone('none');
}

/** `delete-snapshot`. */
export function deleteSnapshot(context: ChangeContext, args: DeleteSnapshotArguments): DeletedSnapshot {
  const { snapshot: name } = args;
  const { state } = context;
  if (meantSnapshot(context, args) !== undefined) {
    state.snapshots = Object.fromEntries(Object.entries(state.snapshots).filter(([other]) => other !== name));
    noteEffect(context, name);
  }
  return { snapshot: name };
}

/** What came of `delete-snapshot`. */
export function lookForDeletedSnapshot(
  context: ChangeContext,
  args: DeleteSnapshotArguments,
): Look<'delete-snapshot'> {
  const { request, state } = context;
  const known = state.snapshots[args.snapshot];
  const isThere = request.direction === 'undo' ? isOwn(request, known?.owner) : known?.serial === args.serial;
  return isThere ? notDone('none') : { kind: 'there', output: { snapshot: args.snapshot } };
}

/** `revert-volume`. */
export function revertVolume(context: ChangeContext, args: RevertVolumeArguments): RevertedVolume {
  const { volume: name, snapshot: snapshotName } = args;
  const volume = requireVolume(context, name, args.serial);
  if (!volume.reverts.some((key) => context.request.keys.includes(key))) {
    const snapshot = requireSnapshot(context, snapshotName, args.snapshotSerial);
    if (snapshot.volumeSerial !== volume.serial) {
      throw new StorageRefusal('IdentityMismatch', `Snapshot ${snapshotName} is not of this volume ${name}`);
    }
    volume.content = snapshot.content;
    volume.writtenBytes = snapshot.writtenBytes;
    volume.reverts = [...volume.reverts, context.request.owner.key].slice(-revertsMax);
    noteEffect(context, name);
  }
  return { volume: name, snapshot: snapshotName, sizeBytes: volume.sizeBytes };
}

/** What came of `revert-volume`. */
export function lookForReverted(
  { state, request }: ChangeContext,
  { volume: name, snapshot }: RevertVolumeArguments,
): Look<'revert-volume'> {
  const volume = state.volumes[name];
  if (volume === undefined || !volume.reverts.some((key) => request.keys.includes(key)))
    return notDone('none');
  return { kind: 'there', output: { volume: name, snapshot, sizeBytes: volume.sizeBytes } };
}

function meantSnapshot(
  { state, request }: ChangeContext,
  { snapshot: name, serial }: DeleteSnapshotArguments,
): SimulatedSnapshot | undefined {
  const known = state.snapshots[name];
  if (request.direction === 'undo') return isOwn(request, known?.owner) ? known : undefined;
  if (known !== undefined && known.owner === undefined) throw foreign('Snapshot', name);
  return known?.serial === serial ? known : undefined;
}

function shown(snapshot: string, { volume, volumeSerial, sizeBytes, serial }: SimulatedSnapshot): Snapshot {
  return { snapshot, volume, volumeSerial, sizeBytes, serial, nativeId: `sim-${serial.slice(-8)}` };
}
