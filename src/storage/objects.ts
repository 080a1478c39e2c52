/**
 * What a storage system has, as its methods give it: in camelCase here, in snake_case on the wire. Sizes are whole bytes.
 */

/** Protocols by which hosts reach volumes. */
export type StorageProtocol = 'iscsi' | 'fc' | 'nvme-tcp';

/** What a system can do, and within which bounds. What stands here is true of the system as it is, not of its kind. */
export interface StorageCapabilities {
  /** Volumes whose space is taken when it is written. */
  readonly thin: boolean;
  /** Volumes whose space is taken when they are made. */
  readonly thick: boolean;
  /** `instant`: it takes no time and no space; `copy`: it takes as long as copying all bytes; `none`. */
  readonly snapshots: 'none' | 'instant' | 'copy';
  /** As `snapshots`, for volumes made of a volume or of a snapshot. */
  readonly clones: 'none' | 'instant' | 'copy';
  /** Whether a volume can be taken back to one of its snapshots. */
  readonly revert: boolean;
  /** Whether a volume can grow while it is exported, so that hosts see it. */
  readonly onlineExpand: boolean;
  /** Whether a growth can be undone, as long as nothing was written beyond the former size. */
  readonly undoExpand: boolean;
  /** By which hosts reach volumes. */
  readonly protocols: readonly StorageProtocol[];
  /** Whether initiators can be asked for a secret. */
  readonly chap: boolean;
  /** Sizes are multiples of it. */
  readonly sizeGranularityBytes: number;
  /** The smallest volume. */
  readonly sizeBytesMin: number;
  /** The largest volume. */
  readonly sizeBytesMax: number;
}

/** What a system says of itself. */
export interface StorageSystemInfo {
  /** The id that steps name it by. */
  readonly system: string;
  /** What it is, e.g. `Linux files with tgtd`. */
  readonly model: string;
  /** Version of its software; empty if it does not tell. */
  readonly version: string;
}

/** Where volumes take their space from. */
export interface StoragePool {
  /** Unique in its system. */
  readonly pool: string;
  /** All that it holds. */
  readonly totalBytes: number;
  /** What is not taken. */
  readonly freeBytes: number;
  /** The sum of its volumes' and snapshots' sizes: what has been promised. */
  readonly provisionedBytes: number;
}

/** Where hosts reach the system. */
export interface StoragePort {
  /** Unique in its system. */
  readonly port: string;
  readonly protocol: StorageProtocol;
  /** iSCSI, NVMe: host:port. FC: the port's WWN, 16 hexadecimal digits in lower case. */
  readonly address: string;
  /** Whether it works. */
  readonly online: boolean;
}

/** A volume. */
export interface Volume {
  /** The name by which steps mean it; unique in its system. */
  readonly volume: string;
  readonly pool: string;
  readonly sizeBytes: number;
  readonly thick: boolean;
  /**
   * Its identity, never used again: what hosts see as the unit's serial number. Deletes mean a volume by it, since a name
   * may be another volume's by now.
   */
  readonly serial: string;
  /** What the system itself calls it, e.g. a path or a device number. */
  readonly nativeId: string;
}

/** Whose something is, as the system has it written beside the object. */
export interface OwnerMark {
  /** The idempotency key of the step that made it. */
  readonly key: string;
  readonly workflow: string;
  readonly workflowUid: string;
  readonly step: string;
  readonly tenant: string;
}

/** A volume in a list: also such that nobody of ours made. */
export interface ListedVolume extends Volume {
  /** Whether no workflow made it. Its serial may then be empty. */
  readonly foreign: boolean;
  /** `workflow/step` that made it; empty if foreign. */
  readonly madeBy: string;
  /** Who may use it, in order. */
  readonly initiators: readonly string[];
}

/** What a volume was at one moment. */
export interface Snapshot {
  /** The name by which steps mean it; unique among the snapshots of its system. */
  readonly snapshot: string;
  /** The volume that it is of. */
  readonly volume: string;
  /** That volume's serial. */
  readonly volumeSerial: string;
  /** The volume's size at that moment. */
  readonly sizeBytes: number;
  /** Its identity, never used again. */
  readonly serial: string;
  readonly nativeId: string;
}

/** A snapshot in a list. */
export interface ListedSnapshot extends Snapshot {
  readonly foreign: boolean;
  readonly madeBy: string;
}

/** Where a host finds an exported volume. */
export interface ExportTarget {
  /** iSCSI: the target's IQN; FC: the port's WWN; NVMe: the subsystem's NQN. */
  readonly name: string;
  /** iSCSI, NVMe: host:port; FC: empty. */
  readonly address: string;
}

/** A volume as a host gets it. */
export interface ExportedVolume {
  readonly volume: string;
  readonly serial: string;
  readonly protocol: StorageProtocol;
  /** Each way to it. */
  readonly targets: readonly ExportTarget[];
  /** Number of the logical unit (SCSI), or of the namespace (NVMe); the same on every target. */
  readonly lun: number;
  /** Whom this step let in. */
  readonly initiators: readonly string[];
}
