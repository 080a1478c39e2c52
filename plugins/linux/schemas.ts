/** JSON Schemas of the methods' arguments and outputs. */
import type { JsonObject } from '../../src/controller.js';
import {
  blockBytes,
  initiatorLengthMax,
  initiatorPattern,
  initiatorsMax,
  secretPattern,
  sizeBytesMin,
  usernamePattern,
  volumePattern,
} from './arguments.js';

const volume = (): JsonObject => ({
  type: 'string',
  pattern: volumePattern,
  description: 'The id of the volume, unique in its storage system.',
});
const size = (description: string): JsonObject => ({
  ...{ type: 'integer', minimum: sizeBytesMin, maximum: Number.MAX_SAFE_INTEGER },
  multipleOf: blockBytes,
  description,
});
const initiators = (description: string): JsonObject => ({
  ...{ type: 'array', minItems: 1, maxItems: initiatorsMax, uniqueItems: true, description },
  items: { type: 'string', pattern: initiatorPattern, maxLength: initiatorLengthMax },
});
const chap = (): JsonObject => ({
  type: 'object',
  description: 'The CHAP account that the initiators have to log in with.',
  properties: {
    username: { type: 'string', pattern: usernamePattern },
    secret: { type: 'string', pattern: secretPattern, 'x-steplock-secret': true },
  },
  required: ['username', 'secret'],
  additionalProperties: false,
});
const serial = (): JsonObject => ({
  type: 'string',
  description: 'What hosts tell the volume by: its SCSI serial number, and its NAA identifier.',
});

const object = (properties: JsonObject, optional: readonly string[] = []): JsonObject => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});

/** By method. */
export const schemas = {
  createVolume: {
    argumentsSchema: object(
      {
        volume: volume(),
        size_bytes: size('Its size.'),
        thick: { type: 'boolean', description: 'Whether its space is reserved and written with zeros now.' },
      },
      ['thick'],
    ),
    outputSchema: object({
      volume: volume(),
      path: { type: 'string', description: 'Its data file.' },
      size_bytes: size('Its size.'),
      serial: serial(),
    }),
  },
  resizeVolume: {
    argumentsSchema: object({
      volume: volume(),
      size_bytes: size('Its new size; not below the present one.'),
    }),
    outputSchema: object({
      volume: volume(),
      size_bytes: size('Its size now.'),
      previous_size_bytes: size('Its size before.'),
    }),
  },
  restoreVolumeSize: {
    argumentsSchema: object({ volume: volume() }),
    outputSchema: object({ volume: volume(), size_bytes: size('Its size now.') }, ['size_bytes']),
  },
  deleteVolume: {
    argumentsSchema: object({ volume: volume() }),
    outputSchema: object({ volume: volume() }),
  },
  exportVolume: {
    argumentsSchema: object(
      { volume: volume(), initiators: initiators('Who may use the volume.'), chap: chap() },
      ['chap'],
    ),
    outputSchema: object({
      target_iqn: { type: 'string', description: 'The name of the target.' },
      portal: { type: 'string', description: 'Where it is: host:port.' },
      lun: { type: 'integer', description: 'The number of its logical unit.' },
      initiators: initiators('Who this step let in.'),
      serial: serial(),
    }),
  },
  unexportVolume: {
    argumentsSchema: object(
      { volume: volume(), initiators: initiators('Who may no longer use the volume; nobody if left out.') },
      ['initiators'],
    ),
    outputSchema: object({
      volume: volume(),
      remaining_initiators: { type: 'array', items: { type: 'string' }, description: 'Who still may.' },
    }),
  },
} as const satisfies Record<string, { argumentsSchema: JsonObject; outputSchema: JsonObject }>;
