/** Arguments made from their own JSON Schema: constants, defaults and examples first, else the least that is allowed. Pure. */
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';
import { uniqueMark } from './unique.js';

/**
 * An example of what the schema allows; undefined where that cannot be told. Only what is required is given. Whether it
 * really fits has to be checked: patterns and combinations are not looked at.
 */
export function exampleOf(schema: JsonValue): JsonValue | undefined {
  if (!isJsonObject(schema)) return undefined;
  const { const: constant, default: byDefault, examples, enum: among, type } = schema;
  if (constant !== undefined) return constant;
  if (Array.isArray(examples) && examples[0] !== undefined) return examples[0];
  if (byDefault !== undefined) return byDefault;
  if (Array.isArray(among)) return among[0];
  switch (Array.isArray(type) ? type[0] : type) {
    case 'object':
      return exampleObject(schema);
    case 'array':
      return exampleArray(schema);
    case 'string':
      return uniqueMark;
    case 'boolean':
      return false;
    case 'integer':
    case 'number':
      return exampleNumber(schema);
    case 'null':
      return null;
    default:
      return undefined;
  }
}

function exampleObject({ properties, required }: JsonObject): JsonObject | undefined {
  const known = isJsonObject(properties) ? properties : {};
  const made: JsonObject = {};
  for (const name of Array.isArray(required) ? required : []) {
    if (typeof name !== 'string') return undefined;
    const value = exampleOf(known[name] ?? {});
    if (value === undefined) return undefined;
    made[name] = value;
  }
  return made;
}

function exampleArray({ items, minItems }: JsonObject): JsonValue | undefined {
  if (typeof minItems !== 'number' || minItems === 0) return [];
  const item = exampleOf(items ?? {});
  return item === undefined ? undefined : Array.from({ length: minItems }, () => item);
}

/** The least multiple that is allowed. */
function exampleNumber({ minimum, exclusiveMinimum, multipleOf }: JsonObject): number {
  const step = typeof multipleOf === 'number' ? multipleOf : 1;
  const above = typeof exclusiveMinimum === 'number' ? exclusiveMinimum + step / 2 : 0;
  const least = typeof minimum === 'number' ? minimum : above;
  return Math.ceil(least / step) * step;
}
