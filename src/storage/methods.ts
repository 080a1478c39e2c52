/** What each method of a storage controller is: described once, the same for every adapter. */
import type { UndoDeclaration } from '../contract/index.js';
import type { StorageMethod, StorageMethods } from './arguments.js';
import type { StorageAdapter, StorageObject, StorageOperation, StorageQuery } from './facets.js';

/** Copying and clearing take as long as the disks take. */
const copyTimeoutMs = 6 * 3_600_000;
const shortTimeoutMs = 120_000;

/**
 * Which limit a method counts towards: `provision` for what makes, changes and removes volumes and snapshots, `export` for
 * what changes who may use them, `discover` for what only looks.
 */
export type StorageLimitClass = 'provision' | 'export' | 'discover';

interface MethodRow {
  readonly description: string;
  readonly undo: UndoDeclaration;
  readonly limitClass: StorageLimitClass;
  readonly timeoutMs: number;
}

/** A method that changes something. */
export interface ChangeRow<M extends StorageMethod> extends MethodRow {
  /** What it works on: the first one has the fence. */
  readonly objects: (args: StorageMethods[M][0]) => readonly [StorageObject, ...StorageObject[]];
  /** The argument that a step must give, because the method destroys. */
  readonly needs?: 'serial';
  /** Where an adapter has it; undefined if it does not. */
  readonly operation: <H>(adapter: StorageAdapter<H>) => StorageOperation<M, H> | undefined;
}

/** A method that only looks. */
export interface QueryRow<M extends StorageMethod> extends MethodRow {
  /** Where an adapter has it; undefined if it does not. */
  readonly query: <H>(adapter: StorageAdapter<H>) => StorageQuery<M> | undefined;
}

/** Names of methods that only look. */
export type QueryMethod = 'discover' | 'list-volumes' | 'list-snapshots' | 'get-volume' | 'get-snapshot';
/** Names of methods that change something. */
export type ChangeMethod = Exclude<StorageMethod, QueryMethod>;

const theVolume = ({ volume }: { readonly volume: string }): readonly [StorageObject] => [
  { kind: 'volume', name: volume },
];
const theSnapshot = ({ snapshot }: { readonly snapshot: string }): readonly [StorageObject] => [
  { kind: 'snapshot', name: snapshot },
];
const look = (description: string): MethodRow => ({
  ...{ description, undo: 'none-needed', limitClass: 'discover', timeoutMs: shortTimeoutMs },
});
// What was made is undone by its serial as well, where the step has got as far as giving one.
const deleteMade = (method: string, name: string): UndoDeclaration => ({
  ...{ method, arguments: { [name]: { $args: `/${name}` }, serial: { $result: '/serial' } } },
});

/** Methods that only look. */
export const queries: { readonly [M in QueryMethod]: QueryRow<M> } = {
  discover: {
    ...look('Tells what the system is, can do and has left'),
    query: ({ discovery }) => discovery.discover,
  },
  'list-volumes': {
    ...look('Lists volumes, foreign ones too'),
    query: ({ discovery }) => discovery.listVolumes,
  },
  'list-snapshots': {
    ...look('Lists snapshots, foreign ones too'),
    query: ({ discovery }) => discovery.listSnapshots,
  },
  'get-volume': { ...look('Looks for a volume'), query: ({ discovery }) => discovery.getVolume },
  'get-snapshot': { ...look('Looks for a snapshot'), query: ({ discovery }) => discovery.getSnapshot },
};

/** Methods that change something. */
export const changes: { readonly [M in ChangeMethod]: ChangeRow<M> } = {
  'create-volume': {
    description: 'Makes a volume, thin unless asked for thick',
    undo: deleteMade('delete-volume', 'volume'),
    ...{ limitClass: 'provision', timeoutMs: copyTimeoutMs },
    objects: theVolume,
    operation: ({ volumes }) => volumes.create,
  },
  'delete-volume': {
    description: 'Destroys a volume that is not in use; as an undo, only what the undone step made',
    undo: 'irreversible',
    ...{ limitClass: 'provision', timeoutMs: copyTimeoutMs },
    objects: theVolume,
    needs: 'serial',
    operation: ({ volumes }) => volumes.delete,
  },
  'expand-volume': {
    description: 'Makes a volume larger, also while it is exported',
    undo: { method: 'restore-volume-size', arguments: { volume: { $args: '/volume' } } },
    ...{ limitClass: 'provision', timeoutMs: copyTimeoutMs },
    objects: theVolume,
    operation: ({ volumes }) => volumes.expand,
  },
  'restore-volume-size': {
    description: 'Undoes expand-volume, unless that would destroy data',
    undo: 'irreversible',
    ...{ limitClass: 'provision', timeoutMs: copyTimeoutMs },
    objects: theVolume,
    operation: ({ volumes }) => volumes.restoreSize,
  },
  'create-snapshot': {
    description: 'Keeps what a volume is at this moment',
    undo: deleteMade('delete-snapshot', 'snapshot'),
    ...{ limitClass: 'provision', timeoutMs: copyTimeoutMs },
    objects: (args) => [...theSnapshot(args), ...theVolume(args)],
    operation: ({ snapshots }) => snapshots?.create,
  },
  'delete-snapshot': {
    description: 'Destroys a snapshot; as an undo, only what the undone step made',
    undo: 'irreversible',
    ...{ limitClass: 'provision', timeoutMs: copyTimeoutMs },
    objects: theSnapshot,
    needs: 'serial',
    operation: ({ snapshots }) => snapshots?.delete,
  },
  'clone-volume': {
    description: 'Makes a volume with the bytes of another one or of a snapshot',
    undo: deleteMade('delete-volume', 'volume'),
    ...{ limitClass: 'provision', timeoutMs: copyTimeoutMs },
    objects: (args) => [
      ...theVolume(args),
      ...(args.sourceVolume === undefined ? [] : theVolume({ volume: args.sourceVolume })),
      ...(args.sourceSnapshot === undefined ? [] : theSnapshot({ snapshot: args.sourceSnapshot })),
    ],
    operation: ({ clones }) => clones?.clone,
  },
  'revert-volume': {
    description: 'Takes a volume back to what a snapshot of it holds; it keeps its size',
    undo: 'irreversible',
    ...{ limitClass: 'provision', timeoutMs: copyTimeoutMs },
    objects: (args) => [...theVolume(args), ...theSnapshot(args)],
    needs: 'serial',
    operation: ({ snapshots }) => snapshots?.revert,
  },
  'export-volume': {
    description: 'Lets initiators use a volume',
    undo: { method: 'unexport-volume', arguments: { volume: { $args: '/volume' } } },
    ...{ limitClass: 'export', timeoutMs: shortTimeoutMs },
    objects: theVolume,
    operation: ({ exports }) => exports?.export,
  },
  'unexport-volume': {
    description: 'Ends the use of a volume; as an undo, only by whom the undone step let in',
    // Who was let in by several steps, and with which secrets, is not a thing that a step can give back.
    undo: 'irreversible',
    ...{ limitClass: 'export', timeoutMs: shortTimeoutMs },
    objects: theVolume,
    operation: ({ exports }) => exports?.unexport,
  },
};
