/** JSON Schemas of what the inventory controller's methods take and give. */
import type { JsonObject } from '../base/json.js';
import { storageSchemas } from '../storage/index.js';
import { resourceKinds } from './bodies.js';

const text = (maxLength: number): JsonObject => ({ type: 'string', minLength: 1, maxLength });
const object = (properties: JsonObject, ...optional: string[]): JsonObject => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((key) => !optional.includes(key)),
  additionalProperties: false,
});
const kind: JsonObject = { enum: [...resourceKinds] };
const target = { kind, id: text(255) };
const body: JsonObject = { type: 'object' };
const labels: JsonObject = { type: 'object', additionalProperties: { type: 'string', maxLength: 256 } };

/** By method. */
export const inventorySchemas = {
  declare: object({ ...target, body, labels }, 'labels'),
  begin: object(
    { ...target, uid: text(64), state: { enum: ['UPDATING', 'DELETING'] }, left_by: text(63) },
    'left_by',
  ),
  record: object({ ...target, body }),
  forget: object({ ...target, uid: text(64) }),
  'make-host': object({ id: text(63), initiators: { type: 'array', maxItems: 32, items: body } }),
  'record-system': object({
    id: text(63),
    controller: text(63),
    discovery: storageSchemas.discover.outputSchema,
  }),
  target: object(target),
  made: object({ uid: { type: 'string' } }),
} as const satisfies Record<string, JsonObject>;
