/**
 * Plans for volumes. Pure. What is new is guarded by its record, which is declared before anything else; what is there
 * already is locked. Systems are locked shared, so that somebody may have one for himself; limits count each step by its
 * system and class.
 */
import type { JsonObject } from '../base/json.js';
import { exportSteps, type HostFacts } from './export-plans.js';
import {
  defined,
  exclusive,
  inventoryStep,
  outputOf,
  shared,
  systemStep,
  type Planned,
  type SystemFacts,
} from './plan-parts.js';

/** A volume as it is known, or is to be. */
export interface VolumeFacts extends SystemFacts {
  readonly volume: string;
  readonly uid: string;
  readonly serial: string;
  /** The workflow that left it as it is, and has ended; empty for none. */
  readonly leftBy: string;
}

/** A volume that is to be made. */
export interface NewVolume extends SystemFacts {
  readonly volume: string;
  readonly sizeBytes: number;
  readonly pool: string | undefined;
  readonly thick: boolean;
  readonly labels: JsonObject;
}

/** Volumes that are to be made, each exported to each of the hosts. */
export interface CreateVolumes {
  readonly volumes: readonly NewVolume[];
  readonly hosts: readonly HostFacts[];
}

/** Locks of one workflow: more systems than that are not locked. */
const lockedSystemsMax = 16;
/** Volumes whose facts go into the workflow's output. */
const volumesInOutputMax = 100;

const systemLock = ({ system }: SystemFacts): JsonObject => shared(`system/${system}`);
const volumeLock = (volume: string): JsonObject => exclusive(`volume/${volume}`);

/** Makes volumes, in parallel: each is declared, made and recorded; then it is exported, if that is wanted. */
export function planCreateVolumes({ volumes, hosts }: CreateVolumes): Planned {
  const steps = volumes.flatMap((volume, index) => {
    const number = String(index + 1);
    const made = createSteps(volume, number);
    const source = { ...volume, serial: outputOf(`create-${number}`, '/serial') };
    const exports = hosts.flatMap((host, hostIndex) =>
      exportSteps(source, host, `${number}-${hostIndex + 1}`, [`record-${number}`]),
    );
    return [...made, ...exports];
  });
  const systems = new Map(volumes.map((volume) => [volume.system, volume]));
  const names = volumes.map(({ volume }) => volume).join(', ');
  const to = hosts.length === 0 ? '' : ` for ${hosts.map(({ host }) => host).join(', ')}`;
  return {
    steps,
    description: `Create ${volumes.length === 1 ? 'volume' : `${volumes.length} volumes`} ${names}${to}`,
    locks: systems.size > lockedSystemsMax ? [] : [...systems.values()].map(systemLock),
    ...(volumes.length > volumesInOutputMax ? {} : { output: { volumes: volumes.map(toOutput) } }),
  };
}

function toOutput({ volume }: NewVolume, index: number): JsonObject {
  return { volume, serial: outputOf(`create-${index + 1}`, '/serial') };
}

function createSteps(volume: NewVolume, number: string): JsonObject[] {
  const { volume: id, system, sizeBytes, pool, thick, labels } = volume;
  const body = defined({ system, pool, size_bytes: sizeBytes, thick });
  const size = { volume: id, size_bytes: sizeBytes };
  return [
    inventoryStep('declare', {
      id: `declare-${number}`,
      description: `Declare volume ${id}`,
      args: { kind: 'volume', id, body, labels },
    }),
    systemStep(volume, 'create-volume', {
      id: `create-${number}`,
      description: `Create volume ${id} on ${system}`,
      args: defined({ ...size, pool, thick: thick ? true : undefined }),
      after: [`declare-${number}`],
    }),
    recordVolume(id, `record-${number}`, `create-${number}`),
  ];
}

function recordVolume(id: string, step: string, made: string): JsonObject {
  const fields = ['serial', 'native_id', 'pool', 'size_bytes', 'thick'];
  return inventoryStep('record', {
    id: step,
    description: `Record volume ${id}`,
    args: {
      ...{ kind: 'volume', id },
      body: Object.fromEntries(fields.map((field) => [field, outputOf(made, `/${field}`)])),
    },
  });
}

function begin(volume: VolumeFacts, state: 'UPDATING' | 'DELETING'): JsonObject {
  const { volume: id, uid, leftBy } = volume;
  return inventoryStep('begin', {
    id: 'begin',
    description: `Record that volume ${id} is about to be ${state === 'DELETING' ? 'deleted' : 'changed'}`,
    args: defined({ kind: 'volume', id, uid, state, left_by: leftBy === '' ? undefined : leftBy }),
  });
}

/** Makes a volume larger. */
export function planExpandVolume(volume: VolumeFacts, sizeBytes: number): Planned {
  const { volume: id, serial } = volume;
  const expand = systemStep(volume, 'expand-volume', {
    id: 'expand',
    description: `Expand volume ${id}`,
    args: { volume: id, serial, size_bytes: sizeBytes },
    after: ['begin'],
  });
  const record = inventoryStep('record', {
    id: 'record',
    description: `Record the size of volume ${id}`,
    args: { kind: 'volume', id, body: { size_bytes: outputOf('expand', '/size_bytes') } },
  });
  return {
    steps: [begin(volume, 'UPDATING'), expand, record],
    description: `Expand volume ${id}`,
    locks: [systemLock(volume), volumeLock(id)],
    output: { volume: id, size_bytes: outputOf('expand', '/size_bytes') },
  };
}

/** What a volume is made of. */
export interface CloneSource {
  readonly kind: 'volume' | 'snapshot';
  readonly id: string;
  readonly serial: string;
}

/** A volume that is to be made of another one. */
export interface CloneVolume extends SystemFacts {
  readonly volume: string;
  readonly source: CloneSource;
  readonly sizeBytes: number | undefined;
  /** The source's; what the record says until the clone is there. */
  readonly sourceSizeBytes: number;
  readonly labels: JsonObject;
}

/** Makes a volume with the bytes of another one or of a snapshot. */
export function planCloneVolume(clone: CloneVolume): Planned {
  const { volume: id, system, source, sizeBytes, sourceSizeBytes, labels } = clone;
  const from = `${source.kind}s/${source.id}`;
  return {
    steps: [
      inventoryStep('declare', {
        id: 'declare',
        description: `Declare volume ${id}`,
        args: {
          ...{ kind: 'volume', id, labels },
          body: { system, size_bytes: sizeBytes ?? sourceSizeBytes, source: from },
        },
      }),
      systemStep(clone, 'clone-volume', {
        id: 'clone',
        description: `Clone ${source.kind} ${source.id} to volume ${id}`,
        args: defined({
          volume: id,
          [`source_${source.kind}`]: source.id,
          source_serial: source.serial,
          size_bytes: sizeBytes,
        }),
        after: ['declare'],
      }),
      recordVolume(id, 'record', 'clone'),
    ],
    description: `Clone ${source.kind} ${source.id} to volume ${id}`,
    locks: [systemLock(clone), shared(`${source.kind}/${source.id}`)],
    output: { volume: id, serial: outputOf('clone', '/serial') },
  };
}

/** Takes a volume back to one of its snapshots. */
export function planRevertVolume(
  volume: VolumeFacts,
  snapshot: { readonly id: string; readonly serial: string },
): Planned {
  const { volume: id, serial } = volume;
  const revert = systemStep(volume, 'revert-volume', {
    id: 'revert',
    description: `Revert volume ${id} to snapshot ${snapshot.id}`,
    args: { volume: id, serial, snapshot: snapshot.id, snapshot_serial: snapshot.serial },
    after: ['begin'],
  });
  const record = inventoryStep('record', {
    id: 'record',
    description: `Record that volume ${id} is reverted`,
    args: { kind: 'volume', id, body: { size_bytes: outputOf('revert', '/size_bytes') } },
  });
  return {
    steps: [begin(volume, 'UPDATING'), revert, record],
    description: `Revert volume ${id} to snapshot ${snapshot.id}`,
    locks: [systemLock(volume), volumeLock(id), shared(`snapshot/${snapshot.id}`)],
  };
}

/** Destroys a volume: that one, by its serial. */
export function planDeleteVolume(volume: VolumeFacts): Planned {
  const { volume: id, uid, serial } = volume;
  return {
    steps: [
      begin(volume, 'DELETING'),
      systemStep(volume, 'delete-volume', {
        id: 'delete',
        description: `Delete volume ${id}`,
        args: { volume: id, serial },
        after: ['begin'],
      }),
      inventoryStep('forget', {
        id: 'forget',
        description: `Forget volume ${id}`,
        args: { kind: 'volume', id, uid },
        after: ['delete'],
      }),
    ],
    description: `Delete volume ${id}`,
    locks: [systemLock(volume), volumeLock(id)],
  };
}
