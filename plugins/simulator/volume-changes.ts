/** What the methods about volumes do to a simulated array. Each looks first, so each can be repeated. */
import {
  StorageRefusal,
  type CloneVolumeArguments,
  type CreateVolumeArguments,
  type DeleteVolumeArguments,
  type DeletedVolume,
  type ExpandVolumeArguments,
  type ExpandedVolume,
  type Look,
  type RestoreVolumeSizeArguments,
  type RestoredVolumeSize,
  type Volume,
} from '../../src/storage-controller.js';
import { notDone } from '../../src/controller.js';
import { lookUp, poolOf, requireSpace } from './pools.js';
import {
  differs,
  foreign,
  isOwn,
  nextSerial,
  noteEffect,
  requireSnapshot,
  requireVolume,
  type ChangeContext,
  type Growth,
  type SimulatedVolume,
} from './state.js';

const growthsMax = 64;

/** `create-volume`. */
export function createVolume(context: ChangeContext, args: CreateVolumeArguments): Volume {
  const { volume: name, sizeBytes, thick = false } = args;
  const { pool } = poolOf(context, args.pool);
  const known = context.state.volumes[name];
  if (known !== undefined) {
    requireMadeHere(context, name, known);
    const isSame = known.createdBytes === sizeBytes && known.pool === pool && known.thick === thick;
    if (!isSame || known.sourceSerial !== '') throw differs('Volume', name);
    return madeVolume(name, known);
  }
  const made = { pool, thick, sizeBytes, content: '', writtenBytes: 0, sourceSerial: '' };
  return addVolume(context, name, made);
}

/** `clone-volume`. */
export function cloneVolume(context: ChangeContext, args: CloneVolumeArguments): Volume {
  const { volume: name, sourceVolume, sourceSnapshot, sourceSerial } = args;
  const known = context.state.volumes[name];
  if (known !== undefined) requireMadeHere(context, name, known);
  const source =
    sourceVolume === undefined
      ? requireSnapshot(context, sourceSnapshot ?? '', sourceSerial)
      : requireVolume(context, sourceVolume, sourceSerial);
  const sizeBytes =
    args.sizeBytes ?? (known?.sourceSerial === source.serial ? known.createdBytes : source.sizeBytes);
  const sourcePool = 'pool' in source ? source.pool : context.state.volumes[source.volume]?.pool;
  const { pool } = poolOf(context, args.pool ?? sourcePool);
  if (known !== undefined) {
    const isSame = known.createdBytes === sizeBytes && known.pool === pool;
    if (!isSame || known.sourceSerial !== source.serial) throw differs('Volume', name);
    return madeVolume(name, known);
  }
  if (sizeBytes < source.sizeBytes) {
    throw new StorageRefusal('InvalidSize', `A clone of ${source.sizeBytes} bytes cannot have ${sizeBytes}`);
  }
  const { content, writtenBytes, serial } = source;
  return addVolume(context, name, {
    pool,
    thick: false,
    sizeBytes,
    content,
    writtenBytes,
    sourceSerial: serial,
  });
}

/** What came of `create-volume` or `clone-volume`. */
export function lookForMade(
  { state, request }: ChangeContext,
  { volume: name }: { readonly volume: string },
): Look<'create-volume' | 'clone-volume'> {
  const known = state.volumes[name];
  if (known === undefined || !isOwn(request, known.owner)) return notDone('none');
  return { kind: 'there', output: madeVolume(name, known) };
}

/** `delete-volume`. */
export function deleteVolume(context: ChangeContext, args: DeleteVolumeArguments): DeletedVolume {
  const { volume: name } = args;
  const { state } = context;
  const known = meantVolume(context, args);
  if (known === undefined) return { volume: name };
  const snapshots = Object.entries(state.snapshots).filter(
    ([, { volumeSerial }]) => volumeSerial === known.serial,
  );
  const users = [
    ...known.grants.map(({ owner }) => `export of ${owner.workflow}/${owner.step}`),
    ...snapshots.map(([snapshot]) => `snapshot ${snapshot}`),
  ];
  if (users.length > 0) {
    throw new StorageRefusal('VolumeInUse', `Volume ${name} is in use: ${users.join(', ')}`);
  }
  state.volumes = Object.fromEntries(Object.entries(state.volumes).filter(([other]) => other !== name));
  noteEffect(context, name);
  return { volume: name };
}

/** What came of `delete-volume`. */
export function lookForDeleted(context: ChangeContext, args: DeleteVolumeArguments): Look<'delete-volume'> {
  const { request, state } = context;
  if (request.direction === 'forward' && state.volumes[args.volume]?.serial === args.serial)
    return notDone('none');
  const isThere = request.direction === 'undo' && meantVolume(context, args) !== undefined;
  return isThere ? notDone('none') : { kind: 'there', output: { volume: args.volume } };
}

/** `expand-volume`. */
export function expandVolume(context: ChangeContext, args: ExpandVolumeArguments): ExpandedVolume {
  const { volume: name, sizeBytes } = args;
  const volume = requireVolume(context, name, args.serial);
  const known = growthOf(context, volume);
  if (known !== undefined) {
    if (known.toBytes !== sizeBytes) throw differs('Growth of volume', name);
    return expanded(name, known);
  }
  if (sizeBytes < volume.sizeBytes) {
    throw new StorageRefusal('InvalidSize', `Volume ${name} has ${volume.sizeBytes} bytes and only grows`);
  }
  requireSpace(context, volume.pool, sizeBytes - volume.sizeBytes);
  const growth: Growth = {
    ...{ key: context.request.owner.key, fromBytes: volume.sizeBytes, toBytes: sizeBytes, isUndone: false },
  };
  volume.growths = [...volume.growths, growth].slice(-growthsMax);
  volume.sizeBytes = sizeBytes;
  noteEffect(context, name);
  return expanded(name, growth);
}

/** What came of `expand-volume`. */
export function lookForExpanded(context: ChangeContext, args: ExpandVolumeArguments): Look<'expand-volume'> {
  const volume = context.state.volumes[args.volume];
  const growth = volume === undefined ? undefined : growthOf(context, volume);
  if (growth === undefined || growth.isUndone) return notDone('none');
  return { kind: 'there', output: expanded(args.volume, growth) };
}

/** `restore-volume-size`. */
export function restoreVolumeSize(
  context: ChangeContext,
  { volume: name }: RestoreVolumeSizeArguments,
): RestoredVolumeSize {
  if (context.request.direction !== 'undo') {
    throw new StorageRefusal(
      'UndoOnly',
      'restore-volume-size undoes expand-volume and is no step of its own',
    );
  }
  const volume = context.state.volumes[name];
  if (volume?.owner === undefined) return { volume: name };
  const growth = growthOf(context, volume);
  if (growth !== undefined && !growth.isUndone) {
    const last = volume.growths.filter(({ isUndone }) => !isUndone).at(-1);
    if (last?.key !== growth.key || volume.sizeBytes !== growth.toBytes) {
      throw new StorageRefusal('VolumeGrownSince', `Volume ${name} was grown again since: undo that first`);
    }
    if (volume.writtenBytes > growth.fromBytes) {
      throw new StorageRefusal(
        'DataBeyondSize',
        `Volume ${name} holds data beyond ${growth.fromBytes} bytes`,
      );
    }
    volume.sizeBytes = growth.fromBytes;
    volume.growths = volume.growths.map((other) =>
      other.key === growth.key ? { ...growth, isUndone: true } : other,
    );
    noteEffect(context, name);
  }
  return { volume: name, sizeBytes: volume.sizeBytes };
}

/** What came of `restore-volume-size`. */
export function lookForRestoredSize(
  context: ChangeContext,
  { volume: name }: RestoreVolumeSizeArguments,
): Look<'restore-volume-size'> {
  const volume = context.state.volumes[name];
  if (volume === undefined) return { kind: 'there', output: { volume: name } };
  const growth = growthOf(context, volume);
  if (growth !== undefined && !growth.isUndone) return notDone('none');
  return { kind: 'there', output: { volume: name, sizeBytes: volume.sizeBytes } };
}

type MadeOf = Pick<
  SimulatedVolume,
  'pool' | 'thick' | 'sizeBytes' | 'content' | 'writtenBytes' | 'sourceSerial'
>;

function addVolume(context: ChangeContext, name: string, made: MadeOf): Volume {
  const { state, system, request } = context;
  if (Object.keys(state.volumes).length >= lookUp(system).volumesMax) {
    throw new StorageRefusal(
      'TooManyObjects',
      `Storage system ${system.id} has as many volumes as it can hold`,
    );
  }
  requireSpace(context, made.pool, made.sizeBytes);
  const volume: SimulatedVolume = {
    ...made,
    ...{ serial: nextSerial(context), createdBytes: made.sizeBytes, owner: request.owner },
    ...{ growths: [], reverts: [], grants: [], lun: undefined },
  };
  state.volumes[name] = volume;
  noteEffect(context, name);
  return madeVolume(name, volume);
}

/**
 * @throws StorageRefusal if this step did not make it, or if somebody changed its size behind our back.
 */
function requireMadeHere({ request }: ChangeContext, name: string, volume: SimulatedVolume): void {
  if (volume.owner === undefined) throw foreign('Volume', name);
  if (!isOwn(request, volume.owner)) {
    const { workflow, step } = volume.owner;
    throw new StorageRefusal('VolumeExists', `Volume ${name} was made by ${workflow}/${step}`);
  }
  const grown = volume.growths.filter(({ isUndone }) => !isUndone).at(-1);
  if (volume.sizeBytes !== (grown?.toBytes ?? volume.createdBytes)) throw differs('Volume', name);
}

/** The volume that a delete means, or undefined if it is not there. */
function meantVolume(
  { state, request }: ChangeContext,
  { volume: name, serial }: DeleteVolumeArguments,
): SimulatedVolume | undefined {
  const known = state.volumes[name];
  if (request.direction === 'undo') return isOwn(request, known?.owner) ? known : undefined;
  if (known !== undefined && known.owner === undefined) throw foreign('Volume', name);
  return known?.serial === serial ? known : undefined;
}

function growthOf({ request }: ChangeContext, { growths }: SimulatedVolume): Growth | undefined {
  return growths.find(({ key }) => request.keys.includes(key));
}

function expanded(volume: string, { fromBytes, toBytes }: Growth): ExpandedVolume {
  return { volume, sizeBytes: toBytes, previousSizeBytes: fromBytes };
}

/** As it was made, whatever became of it. */
function madeVolume(volume: string, { pool, createdBytes, thick, serial }: SimulatedVolume): Volume {
  return { volume, pool, sizeBytes: createdBytes, thick, serial, nativeId: `sim-${serial.slice(-8)}` };
}
