/**
 * The built-in orchestrator `storage`: reads what a plan has to know from the inventory, refuses what cannot be, and gives
 * the plan of one of the pure planners. The steps look again: what has changed by the time that they run makes them fail.
 */
import { isJsonObject, type JsonObject } from '../base/json.js';
import { defaultRetryPolicy, type MethodDescription } from '../contract/index.js';
import type { OrchestratorPort, PlanAnswer } from '../contract/orchestrator.js';
import { invalidField, SteplockError } from '../errors/index.js';
import { initiatorBody, parseInitiator, textOf, type Inventory } from '../inventory/index.js';
import { exportId, planExportVolume, planUnexportVolume, type HostFacts } from './export-plans.js';
import { Facts, hostFacts, PlanRefusal, type IsLive } from './facts.js';
import { toAnswer, type Planned } from './plan-parts.js';
import { operationDescriptions, operationSchemas, type Operation } from './schemas.js';
import { planCreateSnapshot, planDeleteSnapshot, planDiscoverSystem } from './snapshot-plans.js';
import {
  planCloneVolume,
  planCreateVolumes,
  planDeleteVolume,
  planExpandVolume,
  planRevertVolume,
} from './volume-plans.js';

type Planner = (facts: Facts, args: JsonObject) => Promise<Planned>;

const planners: Readonly<Record<Operation, Planner>> = {
  'create-volumes': createVolumes,
  'expand-volume': async (facts, args) => {
    const volume = await facts.volume(textOf(args, 'volume'));
    return planExpandVolume(volume, Number(args['size_bytes']));
  },
  'clone-volume': cloneVolume,
  'revert-volume': async (facts, args) => {
    const volume = await facts.volume(textOf(args, 'volume'), textOf(args, 'uid'));
    const snapshot = await facts.snapshot(textOf(args, 'snapshot'));
    if (snapshot.volume !== volume.volume) {
      const message = `snapshots/${snapshot.snapshot} is one of volumes/${snapshot.volume}`;
      throw new PlanRefusal('SnapshotOfAnother', message);
    }
    return planRevertVolume(volume, { id: snapshot.snapshot, serial: snapshot.serial });
  },
  'delete-volume': async (facts, args) => {
    const volume = await facts.volume(textOf(args, 'volume'), textOf(args, 'uid'));
    await facts.needUnused({ kind: 'volume', id: volume.volume });
    return planDeleteVolume(volume);
  },
  'create-snapshot': async (facts, args) => {
    const id = textOf(args, 'snapshot');
    await facts.needAbsent({ kind: 'snapshot', id });
    return planCreateSnapshot(await facts.volume(textOf(args, 'volume')), { id, labels: labelsOf(args) });
  },
  'delete-snapshot': async (facts, args) => {
    const snapshot = await facts.snapshot(textOf(args, 'snapshot'), textOf(args, 'uid'));
    await facts.needUnused({ kind: 'snapshot', id: snapshot.snapshot });
    return planDeleteSnapshot(snapshot);
  },
  'export-volume': exportVolume,
  'unexport-volume': async (facts, args) => {
    const volume = await facts.volume(textOf(args, 'volume'));
    const known = await facts.export(exportId(volume.volume, textOf(args, 'host')));
    return planUnexportVolume(volume, known);
  },
  'register-system': async (facts, args) => {
    const system = textOf(args, 'system');
    await facts.needAbsent({ kind: 'system', id: system });
    const controller = textOf(args, 'controller');
    return planDiscoverSystem({ system, controller, labels: labelsOf(args), known: undefined });
  },
  'discover-system': async (facts, args) => {
    const system = textOf(args, 'system');
    const known = await facts.need({ kind: 'system', id: system });
    const left = { uid: known.record.uid, leftBy: await facts.leftBy(known) };
    return planDiscoverSystem({
      ...{ system, labels: {}, known: left },
      controller: textOf(known.body, 'controller'),
    });
  },
};

async function createVolumes(facts: Facts, args: JsonObject): Promise<Planned> {
  const volumes = args['volumes'] as JsonObject[];
  const ids = volumes.map((volume) => textOf(volume, 'volume'));
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw invalidField('volumes', `name ${twice} twice`);
  const systems = new Map(
    await Promise.all(
      [...new Set(volumes.map((volume) => textOf(volume, 'system')))].map(
        async (id) => [id, await facts.system(id)] as const,
      ),
    ),
  );
  await Promise.all(
    ids.map(async (id) => {
      await facts.needAbsent({ kind: 'volume', id });
    }),
  );
  const all = [...systems.values()];
  const spoken = all[0]?.protocols.filter((each) => all.every(({ protocols }) => protocols.includes(each)));
  const hostIds = (args['export_hosts'] ?? []) as string[];
  const hosts = await Promise.all(hostIds.map(async (id) => await facts.host(id, spoken ?? [])));
  return planCreateVolumes({
    volumes: volumes.map((volume) => ({
      volume: textOf(volume, 'volume'),
      system: textOf(volume, 'system'),
      controller: systems.get(textOf(volume, 'system'))?.controller ?? '',
      sizeBytes: Number(volume['size_bytes']),
      pool: textOf(volume, 'pool') === '' ? undefined : textOf(volume, 'pool'),
      thick: volume['thick'] === true,
      labels: labelsOf(volume),
    })),
    hosts,
  });
}

async function cloneVolume(facts: Facts, args: JsonObject): Promise<Planned> {
  const volume = textOf(args, 'volume');
  await facts.needAbsent({ kind: 'volume', id: volume });
  const isSnapshot = args['source_snapshot'] !== undefined;
  const id = textOf(args, isSnapshot ? 'source_snapshot' : 'source_volume');
  const source = isSnapshot ? await facts.snapshot(id) : await facts.volume(id);
  const kind = isSnapshot ? 'snapshot' : 'volume';
  return planCloneVolume({
    ...{ volume, system: source.system, controller: source.controller },
    source: { kind, id, serial: source.serial },
    sizeBytes: args['size_bytes'] === undefined ? undefined : Number(args['size_bytes']),
    sourceSizeBytes: Number(source.body['size_bytes']),
    labels: labelsOf(args),
  });
}

async function exportVolume(facts: Facts, args: JsonObject): Promise<Planned> {
  const volume = await facts.volume(textOf(args, 'volume'));
  const hostId = textOf(args, 'host');
  await facts.needAbsent({ kind: 'export', id: exportId(volume.volume, hostId) });
  const { protocols } = await facts.system(volume.system);
  const host = await hostOrNew(facts, hostId, (args['initiators'] ?? []) as string[], protocols);
  return planExportVolume(volume, host, isJsonObject(args['chap']) ? args['chap'] : undefined);
}

/** The host; with initiators given, one that is not there is to be made, and one that is must have them. */
async function hostOrNew(
  facts: Facts,
  id: string,
  initiators: readonly string[],
  protocols: readonly string[],
): Promise<HostFacts> {
  const bodies = initiators.map((text, index) => {
    const parsed = parseInitiator(text);
    if ('rule' in parsed) throw invalidField(`initiators[${index}]`, parsed.rule);
    return initiatorBody(parsed);
  });
  const known = await facts.inventory.read({ kind: 'host', id });
  if (known === undefined && bodies.length > 0) {
    for (const body of bodies) await facts.needAbsent({ kind: 'initiator', id: textOf(body, 'address') });
    return { ...hostFacts(id, bodies, protocols), toMake: bodies };
  }
  for (const body of bodies) {
    const target = { kind: 'initiator', id: textOf(body, 'address') };
    const initiator = await facts.need(target);
    const owner = textOf(initiator.body, 'host');
    if (owner === id) continue;
    throw new PlanRefusal('InitiatorOfAnother', `initiators/${target.id} belongs to hosts/${owner}`);
  }
  return await facts.host(id, protocols);
}

function labelsOf(args: JsonObject): JsonObject {
  return isJsonObject(args['labels']) ? args['labels'] : {};
}

/** See the head of this file. `isLive` tells whether a workflow has not ended. */
export function createStorageOrchestrator(
  inventory: Inventory,
  isLive: IsLive,
  version: string,
): OrchestratorPort {
  const facts = new Facts(inventory, isLive);
  return {
    description: {
      ...{ kind: 'storage', version, description: 'Volumes, snapshots and exports on any storage system' },
      methods: (Object.keys(planners) as Operation[]).map(describe),
    },
    plan: async ({ parent }, operation, args) => {
      const planner = planners[operation as Operation];
      try {
        return toAnswer(await planner(facts, args));
      } catch (error) {
        return refuse(error, parent !== '');
      }
    },
    ended: async () => {
      await Promise.resolve();
    },
  };
}

/** Who submits gets the error as it is; a parent gets a failure, because an error would be asked again. */
function refuse(error: unknown, isChild: boolean): PlanAnswer {
  if (error instanceof PlanRefusal)
    return { kind: 'failed', reason: error.reason, message: error.message, retryable: false };
  if (!isChild || !(error instanceof SteplockError) || error.retry === 'same-request') throw error;
  const { reason, message, retry } = error;
  return { kind: 'failed', reason, message, retryable: retry === 'backoff' };
}

function describe(name: Operation): MethodDescription {
  return {
    name,
    description: operationDescriptions[name],
    argumentsSchema: operationSchemas[name],
    outputSchema: undefined,
    undo: undefined,
    limitClass: name,
    timeoutMs: 60_000,
    retry: defaultRetryPolicy,
    canProbe: false,
    idempotent: true,
  };
}
