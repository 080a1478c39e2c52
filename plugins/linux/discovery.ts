/** What a system has and can do. Only looks: no lock, so a list is of no single moment. */
import type { CallContext } from '../../src/controller.js';
import {
  blockBytes,
  sizeBytesMin,
  type DiscoveryFacet,
  type ListArguments,
  type ListedSnapshot,
  type ListedVolume,
  type StorageCapabilities,
  type StoragePort,
} from '../../src/storage-controller.js';
import { findSystem, prepareSystem } from './call.js';
import { canReflink } from './copy.js';
import { statIfThere } from './files.js';
import type { LinuxSettings, LinuxSystem } from './options.js';
import { poolName, poolOf } from './pool.js';
import { Refusal } from './refusal.js';
import { readSnapshot } from './snapshot-record.js';
import { objectPaths, tgtdSocketPath } from './system-layout.js';
import { createTgtdClient } from './tgtd-client.js';
import { grantsOf, initiatorsOf } from './volume-record.js';
import { listImages, readRecord } from './volume-store.js';

const pageDefault = 500;
/** The largest offset that Linux files and tgtd have. */
const sizeBytesMax = 2 ** 53 - blockBytes;

/** Makes the facet. */
export function createDiscovery(settings: LinuxSettings, version: string): DiscoveryFacet {
  // A file system is tried once: what a system lies on does not change under it.
  const reflinks = new Map<string, Promise<boolean>>();
  const hasReflinks = async (system: LinuxSystem): Promise<boolean> => {
    const known = reflinks.get(system.id) ?? canReflink(system, settings.run);
    reflinks.set(system.id, known);
    try {
      return await known;
    } catch (error) {
      reflinks.delete(system.id);
      throw error;
    }
  };
  const open = async (context: CallContext): Promise<LinuxSystem> => {
    const system = findSystem(settings, context);
    await prepareSystem(system);
    return system;
  };
  return {
    discover: async (context) => {
      const system = await open(context);
      return {
        system: { system: system.id, model: 'Linux files with tgtd', version },
        capabilities: capabilitiesOf(await hasReflinks(system)),
        pools: [await poolOf(system)],
        ports: [await portOf(settings, system)],
      };
    },
    listVolumes: async (context, args) => {
      const system = await open(context);
      const { names, next } = pageOf(await listImages(system, 'volume'), args);
      const shown = await Promise.all(names.map(async (name) => await findVolume(system, name)));
      return { volumes: shown.filter((volume) => volume !== undefined), ...next };
    },
    getVolume: async (context, { volume }) => {
      const found = await findVolume(await open(context), volume);
      return found === undefined ? {} : { found };
    },
    listSnapshots: async (context, args) => {
      const system = await open(context);
      const { names, next } = pageOf(await listImages(system, 'snapshot'), args);
      const shown = await Promise.all(names.map(async (name) => await findSnapshot(system, name)));
      return { snapshots: shown.filter((snapshot) => snapshot !== undefined), ...next };
    },
    getSnapshot: async (context, { snapshot }) => {
      const found = await findSnapshot(await open(context), snapshot);
      return found === undefined ? {} : { found };
    },
  };
}

function capabilitiesOf(hasReflinks: boolean): StorageCapabilities {
  const copies = hasReflinks ? 'instant' : 'copy';
  return {
    ...{ thin: true, thick: true, snapshots: copies, clones: copies, revert: true },
    ...{ onlineExpand: true, undoExpand: true, protocols: ['iscsi'], chap: true },
    ...{ sizeGranularityBytes: blockBytes, sizeBytesMin, sizeBytesMax },
  };
}

async function portOf({ clock }: LinuxSettings, system: LinuxSystem): Promise<StoragePort> {
  const port = { port: 'portal', protocol: 'iscsi', address: system.tgtd.portal } as const;
  try {
    await createTgtdClient(tgtdSocketPath(system), clock).show();
    return { ...port, online: true };
  } catch (error) {
    if (error instanceof Refusal && error.reason === 'TgtdUnavailable') return { ...port, online: false };
    throw error;
  }
}

/** The names of one page, which are in order. */
function pageOf(
  all: readonly string[],
  { after, limit = pageDefault }: ListArguments,
): { readonly names: string[]; readonly next: { next?: string } } {
  const rest = all.filter((name) => after === undefined || name > after);
  const names = rest.slice(0, limit);
  const last = names.at(-1);
  return { names, next: rest.length > names.length && last !== undefined ? { next: last } : {} };
}

async function findVolume(system: LinuxSystem, volume: string): Promise<ListedVolume | undefined> {
  const paths = objectPaths(system, { kind: 'volume', name: volume });
  const [record, image] = [await readRecord(paths), await statIfThere(paths.image)];
  if (image === undefined) return undefined;
  const common = { volume, pool: poolName, sizeBytes: Number(image.size), nativeId: paths.image };
  if (record === undefined) {
    return { ...common, thick: false, serial: '', foreign: true, madeBy: '', initiators: [] };
  }
  const { thick, serial, maker } = record;
  const initiators = initiatorsOf(grantsOf(record));
  return { ...common, thick, serial, foreign: false, madeBy: `${maker.workflow}/${maker.step}`, initiators };
}

async function findSnapshot(system: LinuxSystem, snapshot: string): Promise<ListedSnapshot | undefined> {
  const paths = objectPaths(system, { kind: 'snapshot', name: snapshot });
  const [record, image] = [await readSnapshot(paths), await statIfThere(paths.image)];
  if (image === undefined) return undefined;
  const common = { snapshot, sizeBytes: Number(image.size), nativeId: paths.image };
  if (record === undefined) {
    return { ...common, volume: '', volumeSerial: '', serial: '', foreign: true, madeBy: '' };
  }
  const { volume, volumeSerial, serial, maker } = record;
  return {
    ...common,
    volume,
    volumeSerial,
    serial,
    foreign: false,
    madeBy: `${maker.workflow}/${maker.step}`,
  };
}
