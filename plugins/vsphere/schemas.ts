/** JSON Schemas of what the methods take and give. */
import type { JsonObject } from '../../src/controller.js';

/** Schemas of a method. */
export interface MethodSchemas {
  readonly argumentsSchema: JsonObject;
  readonly outputSchema: JsonObject;
}

const text = (description: string, maxLength = 255): JsonObject => ({
  type: 'string',
  minLength: 1,
  maxLength,
  description,
});
const list = (description: string): JsonObject => ({
  type: 'array',
  items: { type: 'string', minLength: 1, maxLength: 255 },
  maxItems: 64,
  description,
});
const bytes = (description: string): JsonObject => ({ type: 'integer', minimum: 0, description });

const properties = {
  cluster: text('Name of a cluster.'),
  hosts: { ...list('Ids of hosts, as inspect-cluster gives them.'), minItems: 1 },
  naa: {
    type: 'string',
    pattern: '^naa\\.[0-9a-f]{16}([0-9a-f]{16})?$',
    description: 'The disk as hosts name it: "naa." and the volume’s identity.',
  },
  portal: { ...text('Where the iSCSI target listens, host:port.'), pattern: '^.+:[0-9]{1,5}$' },
  // vSphere's own limit on a datastore's name.
  name: { ...text('Name of the datastore.', 42), pattern: '^[^/\\\\%]+$' },
  vmfs_uuid: text('Identity of the file system.'),
  size_bytes: bytes('Size in bytes.'),
  datastore: text('Id of a datastore.'),
  disk: text('Id of a first-class disk.'),
  disk_name: text('Name of a disk; a hash of the step’s key is added.', 60),
  machine: text('Id or name of a virtual machine.'),
  snapshot: text('Id of a snapshot.'),
  description: text('What is shown with the snapshot.'),
} as const satisfies Record<string, JsonObject>;

type Name = keyof typeof properties;

/** An object with these properties; those whose name ends with a question mark may be absent. */
function object(names: readonly (Name | `${Name}?`)[], more: JsonObject = {}): JsonObject {
  const entries = names.map((name) => name.replace('?', '') as Name);
  return {
    type: 'object',
    properties: { ...Object.fromEntries(entries.map((name) => [name, properties[name]])), ...more },
    required: names.filter((name) => !name.endsWith('?')),
    additionalProperties: false,
  };
}

const nothing: JsonObject = { type: 'object', additionalProperties: false };
const namedDisk = { name: properties.disk_name };
const madeDatastore = object(['datastore', 'vmfs_uuid', 'size_bytes']);
const madeDisk = object(['disk', 'datastore', 'size_bytes'], { name: { type: 'string' } });

/** Of each method. */
export const schemas = {
  'inspect-cluster': {
    argumentsSchema: object(['cluster']),
    outputSchema: {
      type: 'object',
      properties: Object.fromEntries(
        ['hosts', 'names', 'uuids', 'iqns', 'wwpns'].map((name) => [name, list('Of the hosts, by name.')]),
      ),
      required: ['hosts', 'names', 'uuids', 'iqns', 'wwpns'],
    },
  },
  'add-targets': {
    argumentsSchema: object(['hosts', 'portal']),
    outputSchema: {
      type: 'object',
      properties: { added: list('Hosts that did not know the portal before.') },
      required: ['added'],
    },
  },
  'remove-targets': { argumentsSchema: object(['hosts', 'portal']), outputSchema: nothing },
  'show-disk': { argumentsSchema: object(['hosts', 'naa']), outputSchema: object(['naa', 'size_bytes']) },
  'release-disk': { argumentsSchema: object(['hosts', 'naa']), outputSchema: nothing },
  'forget-disk': { argumentsSchema: object(['hosts', 'naa']), outputSchema: nothing },
  'create-vmfs': { argumentsSchema: object(['hosts', 'naa', 'name']), outputSchema: madeDatastore },
  'remove-vmfs': { argumentsSchema: object(['naa', 'name', 'vmfs_uuid?']), outputSchema: nothing },
  'check-vmfs': { argumentsSchema: object(['naa', 'name']), outputSchema: madeDatastore },
  'show-vmfs': {
    argumentsSchema: object(['hosts', 'naa']),
    outputSchema: object(['datastore', 'size_bytes']),
  },
  'expand-vmfs': {
    argumentsSchema: object(['naa', 'size_bytes']),
    outputSchema: object(['datastore', 'size_bytes']),
  },
  'unmount-vmfs': {
    argumentsSchema: object(['hosts', 'naa']),
    outputSchema: { type: 'object', properties: { unmounted: list('Hosts.') } },
  },
  'mount-vmfs': { argumentsSchema: object(['hosts', 'naa']), outputSchema: nothing },
  'create-disk': {
    argumentsSchema: {
      ...object(['datastore', 'size_bytes'], namedDisk),
      required: ['datastore', 'size_bytes', 'name'],
    },
    outputSchema: madeDisk,
  },
  'delete-disk': { argumentsSchema: object(['datastore', 'disk?'], namedDisk), outputSchema: nothing },
  'extend-disk': { argumentsSchema: object(['datastore', 'disk', 'size_bytes']), outputSchema: madeDisk },
  'snapshot-disk': {
    argumentsSchema: object(['datastore', 'disk', 'description?']),
    outputSchema: object(['snapshot']),
  },
  'delete-disk-snapshot': {
    argumentsSchema: object(['datastore', 'disk', 'snapshot?']),
    outputSchema: nothing,
  },
  'attach-disk': {
    argumentsSchema: object(['datastore', 'disk', 'machine']),
    outputSchema: object(['disk', 'machine']),
  },
  'detach-disk': { argumentsSchema: object(['datastore', 'disk', 'machine']), outputSchema: nothing },
} as const satisfies Record<string, MethodSchemas>;

/** A method's name. */
export type VsphereMethod = keyof typeof schemas;
