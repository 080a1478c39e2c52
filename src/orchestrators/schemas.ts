/** JSON Schemas of what the storage orchestrator is asked. Ids, no names; sizes are whole bytes. */
import type { JsonObject } from '../base/json.js';
import {
  chapSecretPattern,
  chapUsernamePattern,
  objectNamePattern,
  poolNamePattern,
  storageSchemas,
} from '../storage/index.js';

const id = (description: string): JsonObject => ({ type: 'string', pattern: objectNamePattern, description });
const uid = (whose: string): JsonObject => ({
  ...{ type: 'string', minLength: 1, maxLength: 64 },
  description: `The uid of ${whose}: which one of that name is meant.`,
});
const object = (properties: JsonObject, ...optional: string[]): JsonObject => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
  additionalProperties: false,
});
// The rule for sizes is the storage controllers'.
const { size_bytes: size } = storageSchemas['create-volume'].argumentsSchema['properties'] as {
  size_bytes: JsonObject;
};
const labels: JsonObject = {
  type: 'object',
  additionalProperties: { type: 'string', maxLength: 256 },
  maxProperties: 32,
};
/** Volumes of one workflow, and exports. */
export const volumesMax = 1_000;
/** Hosts that new volumes are exported to. */
export const exportHostsMax = 16;

/** By operation. */
export const operationSchemas = {
  'create-volumes': object(
    {
      volumes: {
        ...{ type: 'array', minItems: 1, maxItems: volumesMax },
        items: object(
          {
            volume: id('The new volume.'),
            system: id('Where.'),
            size_bytes: size,
            pool: { type: 'string', pattern: poolNamePattern },
            thick: { type: 'boolean' },
            labels,
          },
          ...['pool', 'thick', 'labels'],
        ),
      },
      export_hosts: { type: 'array', maxItems: exportHostsMax, uniqueItems: true, items: id('A host.') },
    },
    'export_hosts',
  ),
  'expand-volume': object({ volume: id('The volume.'), size_bytes: size }),
  'clone-volume': {
    ...object(
      {
        volume: id('The new volume.'),
        source_volume: id('What it is made of.'),
        source_snapshot: id('Or this.'),
        size_bytes: size,
        labels,
      },
      ...['source_volume', 'source_snapshot', 'size_bytes', 'labels'],
    ),
    oneOf: [{ required: ['source_volume'] }, { required: ['source_snapshot'] }],
  },
  'revert-volume': object({
    volume: id('The volume.'),
    uid: uid('the volume'),
    snapshot: id('One of its snapshots.'),
  }),
  'delete-volume': object({ volume: id('The volume.'), uid: uid('the volume') }),
  'create-snapshot': object(
    { snapshot: id('The new snapshot.'), volume: id('The volume.'), labels },
    'labels',
  ),
  'delete-snapshot': object({ snapshot: id('The snapshot.'), uid: uid('the snapshot') }),
  'export-volume': object(
    {
      volume: id('The volume.'),
      host: id('The host.'),
      initiators: {
        ...{ type: 'array', maxItems: 32, items: { type: 'string', maxLength: 223 } },
        description: 'Of a host that is made if it is not there.',
      },
      chap: object({
        username: { type: 'string', pattern: chapUsernamePattern },
        secret: { type: 'string', pattern: chapSecretPattern, 'x-steplock-secret': true },
      }),
    },
    ...['initiators', 'chap'],
  ),
  'unexport-volume': object({ volume: id('The volume.'), host: id('The host.') }),
  'register-system': object(
    { system: id('The system.'), controller: id('Who serves it.'), labels },
    'labels',
  ),
  'discover-system': object({ system: id('The system.') }),
} as const satisfies Record<string, JsonObject>;

/** Name of an operation. */
export type Operation = keyof typeof operationSchemas;

/** What each operation does, in a line. */
export const operationDescriptions: Readonly<Record<Operation, string>> = {
  'create-volumes': 'Makes volumes, on several systems in parallel, and exports them if that is wanted',
  'expand-volume': 'Makes a volume larger',
  'clone-volume': 'Makes a volume with the bytes of another one or of a snapshot',
  'revert-volume': 'Takes a volume back to one of its snapshots',
  'delete-volume': 'Destroys a volume that is not in use',
  'create-snapshot': 'Keeps what a volume is at this moment',
  'delete-snapshot': 'Destroys a snapshot',
  'export-volume': 'Lets the initiators of a host use a volume',
  'unexport-volume': 'Ends the use of a volume by a host',
  'register-system': 'Registers a storage system with its pools and ports',
  'discover-system': 'Asks a registered system anew for its pools and ports',
};
