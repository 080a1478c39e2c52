/** Plans for exports: which host may use which volume. Pure. */
import type { JsonObject, JsonValue } from '../base/json.js';
import { deterministicName } from '../storage/index.js';
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

/** A host as a system is to let it in. */
export interface HostFacts {
  readonly host: string;
  /** Of one protocol. */
  readonly protocol: string;
  readonly addresses: readonly string[];
  /** The host is not there yet: it is made, with these initiators. */
  readonly toMake?: readonly JsonObject[];
}

/** What is exported. */
export interface ExportedVolumeFacts extends SystemFacts {
  readonly volume: string;
  /** Or where it will stand. */
  readonly serial: JsonValue;
}

/** An export as it is known. */
export interface ExportFacts {
  readonly id: string;
  readonly uid: string;
  readonly host: string;
  readonly initiators: readonly string[];
  readonly leftBy: string;
}

/** The id of the export of a volume to a host: there is one at most. */
export function exportId(volume: string, host: string): string {
  return deterministicName('exp', volume, host);
}

/** The steps of one export: declared, made, recorded. */
export function exportSteps(
  volume: ExportedVolumeFacts,
  { host, protocol, addresses }: HostFacts,
  number: string,
  after: readonly string[],
  chap?: JsonObject,
): JsonObject[] {
  const id = exportId(volume.volume, host);
  const body = { volume: volume.volume, host, protocol, initiators: [...addresses] };
  const fields = ['protocol', 'targets', 'lun', 'initiators'];
  const made = `export-${number}`;
  return [
    inventoryStep('declare', {
      id: `declare-export-${number}`,
      description: `Declare the export of ${volume.volume} to ${host}`,
      args: { kind: 'export', id, body },
      after,
    }),
    systemStep(volume, 'export-volume', {
      id: made,
      description: `Export volume ${volume.volume} to ${host}`,
      args: defined({
        ...{ volume: volume.volume, serial: volume.serial, initiators: [...addresses], host, chap },
      }),
      after: [`declare-export-${number}`],
    }),
    inventoryStep('record', {
      id: `record-export-${number}`,
      description: `Record the export of ${volume.volume} to ${host}`,
      args: {
        ...{ kind: 'export', id },
        body: Object.fromEntries(fields.map((field) => [field, outputOf(made, `/${field}`)])),
      },
    }),
  ];
}

/** Exports a volume to a host, which is made if it has to be. */
export function planExportVolume(
  volume: ExportedVolumeFacts,
  host: HostFacts,
  chap: JsonObject | undefined,
): Planned {
  const make =
    host.toMake === undefined
      ? []
      : [
          inventoryStep('make-host', {
            id: 'make-host',
            description: `Record host ${host.host}`,
            args: { id: host.host, initiators: [...host.toMake] },
          }),
        ];
  const after = make.length === 0 ? [] : ['make-host'];
  return {
    steps: [...make, ...exportSteps(volume, host, '1', after, chap)],
    description: `Export volume ${volume.volume} to ${host.host}`,
    locks: [shared(`system/${volume.system}`), exclusive(`volume/${volume.volume}`)],
    output: { targets: outputOf('export-1', '/targets'), lun: outputOf('export-1', '/lun') },
  };
}

/** Ends the use of a volume by a host: of its initiators, and of nobody else's. */
export function planUnexportVolume(volume: ExportedVolumeFacts, known: ExportFacts): Planned {
  const { id, uid, host, initiators, leftBy } = known;
  const target = { kind: 'export', id, uid };
  return {
    steps: [
      inventoryStep('begin', {
        id: 'begin',
        description: `Record that the export of ${volume.volume} to ${host} is about to end`,
        args: defined({ ...target, state: 'DELETING', left_by: leftBy === '' ? undefined : leftBy }),
      }),
      systemStep(volume, 'unexport-volume', {
        id: 'unexport',
        description: `End the export of ${volume.volume} to ${host}`,
        args: { volume: volume.volume, serial: volume.serial, initiators: [...initiators] },
        after: ['begin'],
      }),
      inventoryStep('forget', {
        id: 'forget',
        description: `Forget the export of ${volume.volume} to ${host}`,
        args: target,
        after: ['unexport'],
      }),
    ],
    description: `End the export of volume ${volume.volume} to ${host}`,
    locks: [shared(`system/${volume.system}`), exclusive(`volume/${volume.volume}`)],
  };
}
