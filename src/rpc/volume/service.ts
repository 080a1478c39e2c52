/** VolumeService: each request becomes one workflow. */
import { idPattern, idRule } from '../../base/ids.js';
import type { JsonObject } from '../../base/json.js';
import { invalidField } from '../../errors/index.js';
import {
  CloneVolumeRequest,
  CreateSnapshotRequest,
  CreateVolumesRequest,
  DeleteSnapshotRequest,
  DeleteVolumeRequest,
  ExpandVolumeRequest,
  ExportVolumeRequest,
  RevertVolumeRequest,
  UnexportVolumeRequest,
  type CreateVolumesResponse,
  type VolumeServiceService,
  type VolumeSpec,
} from '../../gen/wire/steplock/v1/volume_service.js';
import { unary, type CallInfo, type Handler } from '../../grpc/adapter.js';
import { resourceName } from '../../inventory/index.js';
import { exportHostsMax, exportId, volumesMax } from '../../orchestrators/index.js';
import { deterministicName } from '../../storage/index.js';
import type { Api } from '../context.js';
import { parseLabels } from '../inventory/change.js';
import { parseIdOf, parseName } from '../inventory/read.js';
import { checkRequestId } from '../workflow/names.js';
import { ask } from './ask.js';

/** See above. */
export function volumeHandlers(api: Api): { readonly [Name in keyof VolumeServiceService]: Handler } {
  return {
    createVolumes: unary(
      CreateVolumesRequest,
      async (request, info) => await createVolumes(api, request, info),
    ),
    expandVolume: unary(ExpandVolumeRequest, async (request, info) => {
      const args = { volume: volumeOf(request), size_bytes: sizeOf(request.sizeBytes, 'size_bytes') };
      return { workflow: await ask(api, request, 'expand-volume', args, info) };
    }),
    cloneVolume: unary(CloneVolumeRequest, async (request, info) => {
      const volume = newId(request.volumeId, 'volume_id', 'vol', request.requestId);
      const { kind, id } = parseName(request.source, 'source');
      if (kind !== 'volume' && kind !== 'snapshot')
        throw invalidField('source', 'must be volumes/{volume} or snapshots/{snapshot}');
      const size = request.sizeBytes === '0' ? {} : { size_bytes: sizeOf(request.sizeBytes, 'size_bytes') };
      const args = { volume, [`source_${kind}`]: id, ...size, labels: parseLabels(request.labels) };
      const workflow = await ask(api, request, 'clone-volume', args, info);
      return { workflow, volume: resourceName({ kind: 'volume', id: volume }) };
    }),
    revertVolume: unary(RevertVolumeRequest, async (request, info) => {
      const snapshot = parseIdOf('snapshot', request.snapshot, 'snapshot');
      const args = { volume: volumeOf(request), uid: uidOf(request), snapshot };
      return { workflow: await ask(api, request, 'revert-volume', args, info) };
    }),
    deleteVolume: unary(DeleteVolumeRequest, async (request, info) => {
      const args = { volume: volumeOf(request), uid: uidOf(request) };
      return { workflow: await ask(api, request, 'delete-volume', args, info) };
    }),
    ...snapshotHandlers(api),
    ...exportHandlers(api),
  };
}

type SnapshotMethods = 'createSnapshot' | 'deleteSnapshot';

function snapshotHandlers(api: Api): Readonly<Record<SnapshotMethods, Handler>> {
  return {
    createSnapshot: unary(CreateSnapshotRequest, async (request, info) => {
      const snapshot = newId(request.snapshotId, 'snapshot_id', 'snap', request.requestId);
      const args = { snapshot, volume: volumeOf(request), labels: parseLabels(request.labels) };
      const workflow = await ask(api, request, 'create-snapshot', args, info);
      return { workflow, snapshot: resourceName({ kind: 'snapshot', id: snapshot }) };
    }),
    deleteSnapshot: unary(DeleteSnapshotRequest, async (request, info) => {
      const args = { snapshot: parseIdOf('snapshot', request.snapshot, 'snapshot'), uid: uidOf(request) };
      return { workflow: await ask(api, request, 'delete-snapshot', args, info) };
    }),
  };
}

type ExportMethods = 'exportVolume' | 'unexportVolume';

function exportHandlers(api: Api): Readonly<Record<ExportMethods, Handler>> {
  return {
    exportVolume: unary(ExportVolumeRequest, async (request, info) => {
      const { initiators, chap } = request;
      const volume = volumeOf(request);
      const host = parseIdOf('host', request.host, 'host');
      const account =
        chap === undefined ? {} : { chap: { username: chap.username, secret: chap.secret ?? {} } };
      const args = { volume, host, ...(initiators.length === 0 ? {} : { initiators }), ...account };
      const workflow = await ask(api, request, 'export-volume', args, info);
      return { workflow, export: resourceName({ kind: 'export', id: exportId(volume, host) }) };
    }),
    unexportVolume: unary(UnexportVolumeRequest, async (request, info) => {
      const args = { volume: volumeOf(request), host: parseIdOf('host', request.host, 'host') };
      return { workflow: await ask(api, request, 'unexport-volume', args, info) };
    }),
  };
}

async function createVolumes(
  api: Api,
  request: CreateVolumesRequest,
  info: CallInfo,
): Promise<CreateVolumesResponse> {
  const { volumes, exportHosts, requestId } = request;
  if (volumes.length === 0) throw invalidField('volumes', 'must not be empty');
  if (exportHosts.length > exportHostsMax)
    throw invalidField('export_hosts', `must be at most ${exportHostsMax}`);
  const objects = volumes.length * (1 + exportHosts.length);
  if (objects > volumesMax)
    throw invalidField('volumes', `must be, with their exports, at most ${volumesMax}; they are ${objects}`);
  const specs = volumes.map((spec, index) => readSpec(spec, index, requestId));
  const hosts = exportHosts.map((name, index) => parseIdOf('host', name, `export_hosts[${index}]`));
  const args = { volumes: specs, ...(hosts.length === 0 ? {} : { export_hosts: hosts }) };
  const workflow = await ask(api, request, 'create-volumes', args, info);
  const names = specs.map(({ volume }) => resourceName({ kind: 'volume', id: volume as string }));
  return { workflow, volumes: names };
}

function readSpec(spec: VolumeSpec, index: number, requestId: string): JsonObject {
  const at = `volumes[${index}]`;
  const { pool, thick, labels } = spec;
  return {
    volume: newId(spec.volumeId, `${at}.volume_id`, 'vol', requestId, String(index)),
    system: parseIdOf('system', spec.system, `${at}.system`),
    size_bytes: sizeOf(spec.sizeBytes, `${at}.size_bytes`),
    ...(pool === '' ? {} : { pool }),
    ...(thick ? { thick } : {}),
    labels: parseLabels(labels),
  };
}

/** The id that was given, or one that is the same for the same request. */
function newId(given: string, field: string, prefix: string, ...parts: readonly string[]): string {
  checkRequestId(parts[0] ?? '');
  if (given === '') return deterministicName(prefix, ...parts);
  if (!idPattern.test(given)) throw invalidField(field, idRule);
  return given;
}

function volumeOf({ volume }: { readonly volume: string }): string {
  return parseIdOf('volume', volume, 'volume');
}

/** Names may be another one's by now: what destroys says which one it means. */
function uidOf({ uid }: { readonly uid: string }): string {
  if (uid === '') throw invalidField('uid', 'must be given: which one of that name is meant');
  return uid;
}

function sizeOf(text: string, field: string): number {
  const size = Number(text);
  if (!Number.isSafeInteger(size) || size <= 0 || size % 512 !== 0)
    throw invalidField(field, 'must be a multiple of 512 bytes, above 0');
  return size;
}
