/**
 * What the methods of a storage controller take and give, in camelCase; schemas.ts has the same as JSON Schemas in
 * snake_case, and the two are converted by their keys (json-keys.ts).
 *
 * A `serial` says which object is meant. Methods that destroy (delete, revert) must be given it as steps; others check
 * it if it is given.
 */
import type {
  ExportedVolume,
  ListedSnapshot,
  ListedVolume,
  Snapshot,
  StorageCapabilities,
  StoragePool,
  StoragePort,
  StorageSystemInfo,
  Volume,
} from './objects.js';

/** A CHAP account that initiators have to log in with. */
export interface ChapAccount {
  readonly username: string;
  /** A secret: never in a log, an answer or an error. */
  readonly secret: string;
}

/** Of `discover`: none. */
export type DiscoverArguments = Readonly<Record<string, never>>;
/** Given by `discover`. */
export interface Discovery {
  readonly system: StorageSystemInfo;
  readonly capabilities: StorageCapabilities;
  readonly pools: readonly StoragePool[];
  readonly ports: readonly StoragePort[];
}

/** Of `list-volumes` and `list-snapshots`. */
export interface ListArguments {
  /** Only names behind this one, in the order of their characters; for the next page. */
  readonly after?: string;
  /** At most so many. @default 500 */
  readonly limit?: number;
}
/** Given by `list-volumes`. */
export interface VolumePage {
  readonly volumes: readonly ListedVolume[];
  /** `after` of the next page, if there is one. */
  readonly next?: string;
}
/** Given by `list-snapshots`. */
export interface SnapshotPage {
  readonly snapshots: readonly ListedSnapshot[];
  /** `after` of the next page, if there is one. */
  readonly next?: string;
}

/** Of `get-volume`. */
export interface GetVolumeArguments {
  readonly volume: string;
}
/** Given by `get-volume`. */
export interface FoundVolume {
  /** Left out if there is none of that name. */
  readonly found?: ListedVolume;
}
/** Of `get-snapshot`. */
export interface GetSnapshotArguments {
  readonly snapshot: string;
}
/** Given by `get-snapshot`. */
export interface FoundSnapshot {
  /** Left out if there is none of that name. */
  readonly found?: ListedSnapshot;
}

/** Of `create-volume`, which gives a {@link Volume}. */
export interface CreateVolumeArguments {
  readonly volume: string;
  readonly sizeBytes: number;
  /** @default the system's first pool */
  readonly pool?: string;
  /** @default false */
  readonly thick?: boolean;
}

/** Of `delete-volume`. */
export interface DeleteVolumeArguments {
  readonly volume: string;
  /** Needed by a step; an undo knows what it means by its owner mark. */
  readonly serial?: string;
}
/** Given by `delete-volume`. */
export interface DeletedVolume {
  readonly volume: string;
}

/** Of `expand-volume`. */
export interface ExpandVolumeArguments {
  readonly volume: string;
  readonly serial?: string;
  /** The new size; not below the present one. */
  readonly sizeBytes: number;
}
/** Given by `expand-volume`. */
export interface ExpandedVolume {
  readonly volume: string;
  readonly sizeBytes: number;
  readonly previousSizeBytes: number;
}

/** Of `restore-volume-size`, the undo of `expand-volume`. */
export interface RestoreVolumeSizeArguments {
  readonly volume: string;
}
/** Given by `restore-volume-size`. */
export interface RestoredVolumeSize {
  readonly volume: string;
  /** Left out if the volume is gone. */
  readonly sizeBytes?: number;
}

/** Of `create-snapshot`, which gives a {@link Snapshot}. */
export interface CreateSnapshotArguments {
  readonly snapshot: string;
  readonly volume: string;
  /** The volume's. */
  readonly serial?: string;
}

/** Of `delete-snapshot`. */
export interface DeleteSnapshotArguments {
  readonly snapshot: string;
  /** Needed by a step. */
  readonly serial?: string;
}
/** Given by `delete-snapshot`. */
export interface DeletedSnapshot {
  readonly snapshot: string;
}

/** Of `clone-volume`, which gives a {@link Volume}: exactly one of the two sources is named. */
export interface CloneVolumeArguments {
  /** The new one. */
  readonly volume: string;
  readonly sourceVolume?: string;
  readonly sourceSnapshot?: string;
  /** The source's. */
  readonly sourceSerial?: string;
  /** Not below the source's. @default the source's */
  readonly sizeBytes?: number;
  /** @default the source's */
  readonly pool?: string;
}

/** Of `revert-volume`. The volume keeps its size: what is beyond the snapshot's reads as zeros. */
export interface RevertVolumeArguments {
  readonly volume: string;
  /** The volume's; needed. */
  readonly serial?: string;
  readonly snapshot: string;
  readonly snapshotSerial?: string;
}
/** Given by `revert-volume`. */
export interface RevertedVolume {
  readonly volume: string;
  readonly snapshot: string;
  readonly sizeBytes: number;
}

/** Of `export-volume`, which gives an {@link ExportedVolume}. */
export interface ExportVolumeArguments {
  readonly volume: string;
  readonly serial?: string;
  /** Whom to let in, beside those who are: IQN, EUI, NQN or `WWPN` as 16 hexadecimal digits, in lower case. */
  readonly initiators: readonly string[];
  /** What the host is called, where the system keeps hosts. */
  readonly host?: string;
  readonly chap?: ChapAccount;
}

/** Of `unexport-volume`. */
export interface UnexportVolumeArguments {
  readonly volume: string;
  readonly serial?: string;
  /** Whom to keep out; everybody if left out. An undo keeps out whom the undone step alone let in. */
  readonly initiators?: readonly string[];
}
/** Given by `unexport-volume`. */
export interface UnexportedVolume {
  readonly volume: string;
  /** Who still may use it, in order. */
  readonly remainingInitiators: readonly string[];
}

/** Arguments and output of each method. */
export interface StorageMethods {
  readonly discover: readonly [DiscoverArguments, Discovery];
  readonly 'list-volumes': readonly [ListArguments, VolumePage];
  readonly 'list-snapshots': readonly [ListArguments, SnapshotPage];
  readonly 'get-volume': readonly [GetVolumeArguments, FoundVolume];
  readonly 'get-snapshot': readonly [GetSnapshotArguments, FoundSnapshot];
  readonly 'create-volume': readonly [CreateVolumeArguments, Volume];
  readonly 'delete-volume': readonly [DeleteVolumeArguments, DeletedVolume];
  readonly 'expand-volume': readonly [ExpandVolumeArguments, ExpandedVolume];
  readonly 'restore-volume-size': readonly [RestoreVolumeSizeArguments, RestoredVolumeSize];
  readonly 'create-snapshot': readonly [CreateSnapshotArguments, Snapshot];
  readonly 'delete-snapshot': readonly [DeleteSnapshotArguments, DeletedSnapshot];
  readonly 'clone-volume': readonly [CloneVolumeArguments, Volume];
  readonly 'revert-volume': readonly [RevertVolumeArguments, RevertedVolume];
  readonly 'export-volume': readonly [ExportVolumeArguments, ExportedVolume];
  readonly 'unexport-volume': readonly [UnexportVolumeArguments, UnexportedVolume];
}
/** Name of a method. */
export type StorageMethod = keyof StorageMethods;
