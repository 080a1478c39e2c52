/** Plans for snapshots, and for systems themselves. Pure. */
import type { JsonObject } from '../base/json.js';
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
import type { VolumeFacts } from './volume-plans.js';

/** A snapshot as it is known. */
export interface SnapshotFacts extends SystemFacts {
  readonly snapshot: string;
  readonly uid: string;
  readonly serial: string;
  readonly volume: string;
  readonly leftBy: string;
}

/** Keeps what a volume is at this moment. */
export function planCreateSnapshot(
  volume: VolumeFacts,
  snapshot: { readonly id: string; readonly labels: JsonObject },
): Planned {
  const { id, labels } = snapshot;
  const fields = ['serial', 'native_id', 'size_bytes'];
  const body = { system: volume.system, volume: volume.volume };
  return {
    steps: [
      inventoryStep('declare', {
        id: 'declare',
        description: `Declare snapshot ${id}`,
        args: { kind: 'snapshot', id, labels, body },
      }),
      systemStep(volume, 'create-snapshot', {
        id: 'snapshot',
        description: `Create snapshot ${id} of volume ${volume.volume}`,
        args: { snapshot: id, volume: volume.volume, serial: volume.serial },
        after: ['declare'],
      }),
      inventoryStep('record', {
        id: 'record',
        description: `Record snapshot ${id}`,
        args: {
          ...{ kind: 'snapshot', id },
          body: Object.fromEntries(fields.map((field) => [field, outputOf('snapshot', `/${field}`)])),
        },
      }),
    ],
    description: `Create snapshot ${id} of volume ${volume.volume}`,
    locks: [shared(`system/${volume.system}`), exclusive(`volume/${volume.volume}`)],
    output: { snapshot: id, serial: outputOf('snapshot', '/serial') },
  };
}

/** Destroys a snapshot: that one, by its serial. */
export function planDeleteSnapshot(facts: SnapshotFacts): Planned {
  const { snapshot: id, uid, serial, volume, leftBy } = facts;
  return {
    steps: [
      inventoryStep('begin', {
        id: 'begin',
        description: `Record that snapshot ${id} is about to be deleted`,
        args: defined({
          ...{ kind: 'snapshot', id, uid, state: 'DELETING' },
          left_by: leftBy === '' ? undefined : leftBy,
        }),
      }),
      systemStep(facts, 'delete-snapshot', {
        id: 'delete',
        description: `Delete snapshot ${id}`,
        args: { snapshot: id, serial },
        after: ['begin'],
      }),
      inventoryStep('forget', {
        id: 'forget',
        description: `Forget snapshot ${id}`,
        args: { kind: 'snapshot', id, uid },
        after: ['delete'],
      }),
    ],
    description: `Delete snapshot ${id}`,
    locks: [shared(`system/${facts.system}`), shared(`volume/${volume}`), exclusive(`snapshot/${id}`)],
  };
}

/** A system that is to be asked what it is. */
export interface DiscoverSystem extends SystemFacts {
  readonly labels: JsonObject;
  /** Of one that is registered. */
  readonly known: { readonly uid: string; readonly leftBy: string } | undefined;
}

/** Asks a system what it is and has, and records it; registers it if it is new. */
export function planDiscoverSystem(facts: DiscoverSystem): Planned {
  const { system: id, controller, labels, known } = facts;
  const first =
    known === undefined
      ? inventoryStep('declare', {
          id: 'declare',
          description: `Declare system ${id}`,
          args: { kind: 'system', id, labels, body: { controller } },
        })
      : inventoryStep('begin', {
          id: 'begin',
          description: `Record that system ${id} is being discovered`,
          args: defined({
            ...{ kind: 'system', id, uid: known.uid, state: 'UPDATING' },
            left_by: known.leftBy === '' ? undefined : known.leftBy,
          }),
        });
  return {
    steps: [
      first,
      systemStep(facts, 'discover', {
        id: 'discover',
        description: `Discover system ${id}`,
        args: {},
        after: [known === undefined ? 'declare' : 'begin'],
      }),
      inventoryStep('record-system', {
        id: 'record',
        description: `Record system ${id} with its pools and ports`,
        args: { id, controller, discovery: outputOf('discover', '') },
      }),
    ],
    description: known === undefined ? `Register system ${id}` : `Discover system ${id}`,
    locks: [exclusive(`system/${id}/discovery`)],
  };
}
