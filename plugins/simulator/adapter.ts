/** A simulated array as a storage adapter: hands requests over and shows what is there. */
import { systemClock, type CallContext, type Clock } from '../../src/controller.js';
import {
  StorageRefusal,
  type ListArguments,
  type ListedSnapshot,
  type ListedVolume,
  type OwnerMark,
  type StorageAdapter,
  type StorageCapabilities,
  type StorageMethod,
  type StorageOperation,
} from '../../src/storage-controller.js';
import { SimulatedArray } from './array.js';
import { initiatorsOf } from './export-changes.js';
import type { SimulatedSystem } from './options.js';
import { poolsOf } from './pools.js';
import { requestOf, type SimulatedSnapshot, type SimulatedVolume } from './state.js';

/** Version of what the simulator does. */
const simulatorVersion = '1.0.0';
const gibibyte = 1024 ** 3;
const pageDefault = 500;

/** An adapter, with its arrays for those who want to look behind. */
export interface SimulatorAdapter extends StorageAdapter<SimulatedArray> {
  /** By id. */
  readonly arrays: ReadonlyMap<string, SimulatedArray>;
}

/** Makes the adapter of these arrays. */
export function createSimulatorAdapter(
  systems: readonly SimulatedSystem[],
  clock: Clock = systemClock,
): SimulatorAdapter {
  const arrays = new Map(systems.map((system) => [system.id, new SimulatedArray(system, clock)]));
  const find = ({ system, step }: CallContext): SimulatedArray => {
    const array = arrays.get(system);
    if (array !== undefined) return array;
    throw new StorageRefusal(
      'SystemUnknown',
      `Step ${step} names the storage system "${system}"; this controller serves ${[...arrays.keys()].join(', ')}`,
    );
  };
  return {
    ...{
      kind: 'simulator',
      version: simulatorVersion,
      description: 'Simulated arrays, for trying things out',
    },
    arrays,
    guard: {
      // A change is one instant, in which its fence is compared: there is nothing to lock meanwhile.
      hold: async (context, _signal, _objects, work) => {
        const array = find(context);
        await array.fence(context);
        return await work(array);
      },
    },
    ...{ volumes: volumeFacet(), snapshots: snapshotFacet() },
    clones: { clone: operation('clone-volume') },
    exports: { export: operation('export-volume'), unexport: operation('unexport-volume') },
    jobs: {
      poll: async (context, _method, task) => await find(context).poll(task),
      cancel: async (context, _method, task) => {
        await find(context).cancel(task);
      },
    },
    discovery: discovery(find),
  };
}

function volumeFacet(): StorageAdapter<SimulatedArray>['volumes'] {
  return {
    create: operation('create-volume'),
    delete: operation('delete-volume'),
    expand: operation('expand-volume'),
    restoreSize: operation('restore-volume-size'),
  };
}

function snapshotFacet(): NonNullable<StorageAdapter<SimulatedArray>['snapshots']> {
  return {
    create: operation('create-snapshot'),
    delete: operation('delete-snapshot'),
    revert: operation('revert-volume'),
  };
}

function operation<M extends StorageMethod>(method: M): StorageOperation<M, SimulatedArray> {
  return {
    perform: async (call, args) => await call.held.perform(call, method, requestOf(call, method, args)),
    look: async (call, args) => await call.held.look<M>(call.context, requestOf(call, method, args)),
  };
}

function discovery(
  find: (context: CallContext) => SimulatedArray,
): StorageAdapter<SimulatedArray>['discovery'] {
  return {
    discover: async (context) => {
      const { system, inspect } = bound(find(context));
      return {
        system: { system: system.id, model: 'Simulated array', version: simulatorVersion },
        capabilities: capabilitiesOf(system),
        pools: await inspect((state) => poolsOf(state, system)),
        ports: system.ports.map((port) => ({ ...port, online: true })),
      };
    },
    listVolumes: async (context, args) => {
      const volumes = await bound(find(context)).inspect((state) => state.volumes);
      const { names, next } = pageOf(Object.keys(volumes), args);
      return { volumes: names.flatMap((name) => shownVolume(name, volumes[name])), ...next };
    },
    getVolume: async (context, { volume }) => {
      const [found] = shownVolume(
        volume,
        await bound(find(context)).inspect((state) => state.volumes[volume]),
      );
      return found === undefined ? {} : { found };
    },
    listSnapshots: async (context, args) => {
      const snapshots = await bound(find(context)).inspect((state) => state.snapshots);
      const { names, next } = pageOf(Object.keys(snapshots), args);
      return { snapshots: names.flatMap((name) => shownSnapshot(name, snapshots[name])), ...next };
    },
    getSnapshot: async (context, { snapshot }) => {
      const known = await bound(find(context)).inspect((state) => state.snapshots[snapshot]);
      const [found] = shownSnapshot(snapshot, known);
      return found === undefined ? {} : { found };
    },
  };
}

function bound(array: SimulatedArray): Pick<SimulatedArray, 'system' | 'inspect'> {
  return { system: array.system, inspect: array.inspect.bind(array) };
}

function capabilitiesOf(system: SimulatedSystem): StorageCapabilities {
  const protocols = [...new Set(system.ports.map(({ protocol }) => protocol))];
  return {
    ...{ thin: true, thick: true, snapshots: 'instant', clones: 'instant', revert: true },
    ...{ onlineExpand: true, undoExpand: true, protocols, chap: protocols.includes('iscsi') },
    ...{ sizeGranularityBytes: 512, sizeBytesMin: 1024 * 1024, sizeBytesMax: 1024 * 1024 * gibibyte },
  };
}

/** The names of one page, in order. */
function pageOf(
  all: readonly string[],
  { after, limit = pageDefault }: ListArguments,
): { readonly names: string[]; readonly next: { next?: string } } {
  const rest = [...all].sort().filter((name) => after === undefined || name > after);
  const names = rest.slice(0, limit);
  const last = names.at(-1);
  return { names, next: rest.length > names.length && last !== undefined ? { next: last } : {} };
}

function shownVolume(name: string, volume: SimulatedVolume | undefined): ListedVolume[] {
  if (volume === undefined) return [];
  const { serial, pool, sizeBytes, thick, owner, grants } = volume;
  const initiators = initiatorsOf(grants);
  return [
    {
      volume: name,
      pool,
      sizeBytes,
      thick,
      serial,
      nativeId: nativeIdOf(serial),
      ...ownership(owner),
      initiators,
    },
  ];
}

function shownSnapshot(name: string, snapshot: SimulatedSnapshot | undefined): ListedSnapshot[] {
  if (snapshot === undefined) return [];
  const { serial, volume, volumeSerial, sizeBytes, owner } = snapshot;
  return [
    {
      snapshot: name,
      volume,
      volumeSerial,
      sizeBytes,
      serial,
      nativeId: nativeIdOf(serial),
      ...ownership(owner),
    },
  ];
}

function nativeIdOf(serial: string): string {
  return `sim-${serial.slice(-8)}`;
}

function ownership(owner: OwnerMark | undefined): { readonly foreign: boolean; readonly madeBy: string } {
  return {
    foreign: owner === undefined,
    madeBy: owner === undefined ? '' : `${owner.workflow}/${owner.step}`,
  };
}
