/** JSON Schemas of the methods' arguments and outputs: arguments.ts in snake_case. */
import type { JsonObject } from '../base/json.js';
import type { StorageMethod } from './arguments.js';

/** What names of volumes, snapshots and hosts look like. */
export const objectNamePattern = '^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$';
/** What a pool's name looks like. */
export const poolNamePattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$';
/** What an initiator's name looks like: IQN, EUI, NQN, or an FC port's WWN; systems compare it byte by byte. */
export const initiatorPattern =
  '^(iqn\\.[0-9]{4}-[0-9]{2}\\.[a-z0-9.-]+(:[a-z0-9.:-]+)?|eui\\.[0-9a-f]{16}|nqn\\.[a-z0-9.:-]+|[0-9a-f]{16})$';
/** What a CHAP user name looks like: some systems cut their parameters at commas. */
export const chapUsernamePattern = '^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$';
/** What a CHAP secret looks like: RFC 7143 asks for 96 bits, and initiators for text. */
export const chapSecretPattern = '^[!-~]{12,64}$';
/** Initiators of one call. */
export const initiatorsMax = 64;
/** The longest name of an initiator (RFC 7143). */
export const initiatorLengthMax = 223;
/** Every size is a multiple of it: the smallest blocks that hosts see. */
export const blockBytes = 512;
/** The smallest volume that any system takes. */
export const sizeBytesMin = 1024 * 1024;
/** Objects of one page of a list. */
export const pageMax = 1_000;

const text = (description: string): JsonObject => ({ type: 'string', description });
const flag = (description: string): JsonObject => ({ type: 'boolean', description });
const name = (description: string): JsonObject => ({
  type: 'string',
  pattern: objectNamePattern,
  description,
});
const size = (description: string): JsonObject => ({
  ...{ type: 'integer', minimum: sizeBytesMin, maximum: Number.MAX_SAFE_INTEGER },
  multipleOf: blockBytes,
  description,
});
const bytes = (description: string): JsonObject => ({
  ...{ type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
  description,
});
const serial = (whose: string): JsonObject => ({
  ...{ type: 'string', minLength: 1, maxLength: 128 },
  description: `The serial of ${whose}: which object of that name is meant.`,
});
const initiators = (description: string): JsonObject => ({
  ...{ type: 'array', minItems: 1, maxItems: initiatorsMax, uniqueItems: true, description },
  items: { type: 'string', pattern: initiatorPattern, maxLength: initiatorLengthMax },
});
const list = (items: JsonObject, description: string): JsonObject => ({ type: 'array', items, description });
const object = (properties: JsonObject, ...optional: string[]): JsonObject => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
  additionalProperties: false,
});

const volume = (): JsonObject => name('The volume, unique in its storage system.');
const snapshot = (): JsonObject => name('The snapshot, unique among those of its storage system.');
const pool = (): JsonObject => ({
  ...{ type: 'string', pattern: poolNamePattern },
  description: 'The pool that its space comes from.',
});
const protocol = (): JsonObject => ({ enum: ['iscsi', 'fc', 'nvme-tcp'] });
const copying = (): JsonObject => ({ enum: ['none', 'instant', 'copy'] });

const volumeProperties = (): JsonObject => ({
  volume: volume(),
  pool: text('The pool that its space comes from.'),
  size_bytes: bytes('Its size.'),
  thick: flag('Whether its space was taken when it was made.'),
  serial: text('Its identity: what hosts see as serial number; never used again.'),
  native_id: text('What the system calls it.'),
});
const snapshotProperties = (): JsonObject => ({
  snapshot: snapshot(),
  volume: text('The volume that it is of.'),
  volume_serial: text("That volume's serial."),
  size_bytes: bytes("The volume's size at that moment."),
  serial: text('Its identity, never used again.'),
  native_id: text('What the system calls it.'),
});
const ownerProperties = (): JsonObject => ({
  foreign: flag('Whether no workflow made it.'),
  made_by: text('workflow/step that made it; empty if foreign.'),
});
const listedVolume = (): JsonObject =>
  object({
    ...volumeProperties(),
    // Somebody else's may be called anything.
    volume: text('Its name.'),
    ...ownerProperties(),
    initiators: list(text('A name.'), 'Who may use it.'),
  });
const listedSnapshot = (): JsonObject =>
  object({ ...snapshotProperties(), snapshot: text('Its name.'), ...ownerProperties() });
const page = (): JsonObject =>
  object(
    {
      after: text('Only names behind this one.'),
      limit: { type: 'integer', minimum: 1, maximum: pageMax, description: 'At most so many; default 500.' },
    },
    'after',
    'limit',
  );
const chap = (): JsonObject => ({
  ...object({
    username: { type: 'string', pattern: chapUsernamePattern },
    secret: { type: 'string', pattern: chapSecretPattern, 'x-steplock-secret': true },
  }),
  description: 'The CHAP account that the initiators have to log in with.',
});

const discovery = (): JsonObject =>
  object({
    system: object({
      system: text('The id that steps name it by.'),
      model: text('What it is.'),
      version: text('Version of its software; empty if it does not tell.'),
    }),
    capabilities: object({
      ...{ thin: flag('Space is taken when it is written.'), thick: flag('Space is taken at once.') },
      ...{ snapshots: copying(), clones: copying(), revert: flag('Back to a snapshot.') },
      online_expand: flag('Hosts see a growth while they use the volume.'),
      undo_expand: flag('A growth can be undone.'),
      ...{ protocols: list(protocol(), 'How hosts reach volumes.'), chap: flag('Initiators can be asked.') },
      size_granularity_bytes: bytes('Sizes are multiples of it.'),
      size_bytes_min: bytes('The smallest volume.'),
      size_bytes_max: bytes('The largest volume.'),
    }),
    pools: list(
      object({
        pool: text('Its name.'),
        total_bytes: bytes('All that it holds.'),
        free_bytes: bytes('What is not taken.'),
        provisioned_bytes: bytes('What has been promised.'),
      }),
      'Where space comes from.',
    ),
    ports: list(
      object({
        port: text('Its name.'),
        protocol: protocol(),
        address: text('host:port, or a WWN.'),
        online: flag('Whether it works.'),
      }),
      'Where hosts reach it.',
    ),
  });

const exported = (): JsonObject =>
  object({
    volume: volume(),
    serial: text("The volume's."),
    protocol: protocol(),
    targets: list(object({ name: text('IQN, WWN or NQN.'), address: text('host:port.') }), 'Each way to it.'),
    lun: bytes('Number of the logical unit.'),
    initiators: initiators('Whom this step let in.'),
  });

/** By method. */
export const storageSchemas: Readonly<
  Record<StorageMethod, { readonly argumentsSchema: JsonObject; readonly outputSchema: JsonObject }>
> = {
  discover: { argumentsSchema: object({}), outputSchema: discovery() },
  'list-volumes': {
    argumentsSchema: page(),
    outputSchema: object(
      { volumes: list(listedVolume(), 'In order.'), next: text('For the next page.') },
      'next',
    ),
  },
  'list-snapshots': {
    argumentsSchema: page(),
    outputSchema: object(
      { snapshots: list(listedSnapshot(), 'In order.'), next: text('For the next page.') },
      'next',
    ),
  },
  'get-volume': {
    argumentsSchema: object({ volume: volume() }),
    outputSchema: object({ found: listedVolume() }, 'found'),
  },
  'get-snapshot': {
    argumentsSchema: object({ snapshot: snapshot() }),
    outputSchema: object({ found: listedSnapshot() }, 'found'),
  },
  'create-volume': {
    argumentsSchema: object(
      {
        volume: volume(),
        size_bytes: size('Its size.'),
        pool: pool(),
        thick: flag('Whether its space is taken and cleared now.'),
      },
      ...['pool', 'thick'],
    ),
    outputSchema: object(volumeProperties()),
  },
  'delete-volume': {
    argumentsSchema: object({ volume: volume(), serial: serial('the volume') }, 'serial'),
    outputSchema: object({ volume: volume() }),
  },
  'expand-volume': {
    argumentsSchema: object(
      {
        volume: volume(),
        serial: serial('the volume'),
        size_bytes: size('Its new size; not below the present one.'),
      },
      'serial',
    ),
    outputSchema: object({
      volume: volume(),
      size_bytes: bytes('Its size now.'),
      previous_size_bytes: bytes('Its size before.'),
    }),
  },
  'restore-volume-size': {
    argumentsSchema: object({ volume: volume() }),
    outputSchema: object({ volume: volume(), size_bytes: bytes('Its size now.') }, 'size_bytes'),
  },
  'create-snapshot': {
    argumentsSchema: object(
      { snapshot: snapshot(), volume: volume(), serial: serial('the volume') },
      'serial',
    ),
    outputSchema: object(snapshotProperties()),
  },
  'delete-snapshot': {
    argumentsSchema: object({ snapshot: snapshot(), serial: serial('the snapshot') }, 'serial'),
    outputSchema: object({ snapshot: snapshot() }),
  },
  'clone-volume': {
    argumentsSchema: {
      ...object(
        {
          volume: name('The new volume.'),
          source_volume: name('The volume to copy.'),
          source_snapshot: name('The snapshot to copy; instead of a volume.'),
          source_serial: serial('the source'),
          size_bytes: size("Its size; not below the source's, which is the default."),
          pool: pool(),
        },
        ...['source_volume', 'source_snapshot', 'source_serial', 'size_bytes', 'pool'],
      ),
      oneOf: [
        { properties: { source_volume: true }, required: ['source_volume'] },
        { properties: { source_snapshot: true }, required: ['source_snapshot'] },
      ],
    },
    outputSchema: object(volumeProperties()),
  },
  'revert-volume': {
    argumentsSchema: object(
      {
        volume: volume(),
        serial: serial('the volume'),
        snapshot: snapshot(),
        snapshot_serial: serial('the snapshot'),
      },
      ...['serial', 'snapshot_serial'],
    ),
    outputSchema: object({ volume: volume(), snapshot: snapshot(), size_bytes: bytes('Its size.') }),
  },
  'export-volume': {
    argumentsSchema: object(
      {
        volume: volume(),
        serial: serial('the volume'),
        initiators: initiators('Whom to let in, beside those who are.'),
        host: name('What the host is called, where the system keeps hosts.'),
        chap: chap(),
      },
      ...['serial', 'host', 'chap'],
    ),
    outputSchema: exported(),
  },
  'unexport-volume': {
    argumentsSchema: object(
      {
        volume: volume(),
        serial: serial('the volume'),
        initiators: initiators('Whom to keep out; everybody if left out.'),
      },
      ...['serial', 'initiators'],
    ),
    outputSchema: object({ volume: volume(), remaining_initiators: list(text('A name.'), 'Who still may.') }),
  },
};
