/**
 * What a schema says of one place in its values, as far as that can be read off without a value: which type stands
 * there, whether it is a secret, whether anything can.
 */
import {
  childPointer,
  isJsonObject,
  pointerTokens,
  resolvePointer,
  type JsonObject,
  type JsonValue,
} from '../base/json.js';

const secretKeyword = 'x-steplock-secret';

/** The part of a schema that describes what the pointer names; undefined where the schema does not tell. */
export function subschema(schema: JsonObject, pointer: string): JsonObject | undefined {
  let current: JsonValue | undefined = schema;
  for (const token of pointerTokens(pointer)) {
    current = stepInto(followLocalRef(schema, current), token);
  }
  const found = followLocalRef(schema, current);
  return isJsonObject(found) ? found : undefined;
}

/** What a schema says of one of its members. */
function stepInto(schema: JsonValue | undefined, token: string): JsonValue | undefined {
  return stepsInto(schema, token)[0];
}

/** Everything that a schema says of one of its members, the most particular first. */
function stepsInto(schema: JsonValue | undefined, token: string): JsonValue[] {
  if (!isJsonObject(schema)) return [];
  const { properties, patternProperties, prefixItems, items, additionalProperties } = schema;
  const found: JsonValue[] = [];
  const add = (part: JsonValue | undefined): void => {
    if (part !== undefined) found.push(part);
  };
  if (isJsonObject(properties) && Object.hasOwn(properties, token)) add(properties[token]);
  if (isJsonObject(patternProperties)) {
    for (const [pattern, part] of Object.entries(patternProperties)) {
      if (new RegExp(pattern, 'u').test(token)) add(part);
    }
  }
  if (/^[0-9]+$/.test(token)) {
    const first = Array.isArray(prefixItems) ? prefixItems : [];
    if (Number(token) < first.length) add(first[Number(token)]);
    else if (isJsonObject(items)) add(items);
  }
  if (found.length === 0 && isJsonObject(additionalProperties)) add(additionalProperties);
  return found;
}

/** Follows `$ref: "#/…"`, at most a few times: a schema may refer in a circle. What stands beside it holds as well. */
function followLocalRef(root: JsonObject, schema: JsonValue | undefined): JsonValue | undefined {
  let current = schema;
  let beside: JsonObject = {};
  for (let depth = 0; depth < 8; depth++) {
    if (!isJsonObject(current)) return current;
    const { $ref: reference, ...siblings } = current;
    const properties = { ...toObject(siblings['properties']), ...toObject(beside['properties']) };
    beside = { ...siblings, ...beside, ...(Object.keys(properties).length > 0 ? { properties } : {}) };
    if (reference === undefined) return beside;
    current = localTarget(root, reference);
  }
  return undefined;
}

function toObject(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** What a `$ref` within the schema refers to. */
export function localTarget(root: JsonObject, reference: JsonValue | undefined): JsonValue | undefined {
  if (typeof reference !== 'string' || !(reference === '#' || reference.startsWith('#/'))) return undefined;
  try {
    return resolvePointer(root, decodeURIComponent(reference.slice(1)));
  } catch {
    // Not well encoded: Ajv has refused it, or finds it by its anchor.
    return undefined;
  }
}

/** Whether the schema rules out that anything stands where the pointer points. */
export function isImpossible(schema: JsonObject, pointer: string): boolean {
  let parent: JsonValue | undefined = schema;
  for (const token of pointerTokens(pointer)) {
    const current = followLocalRef(schema, parent);
    if (!isJsonObject(current)) return false;
    const child = stepInto(current, token);
    if (child === undefined)
      return current['additionalProperties'] === false && isJsonObject(current['properties']);
    parent = child;
  }
  return false;
}

/**
 * Whether the schema marks what the pointer names as a secret, in any part that may apply there: rather one secret too
 * many than one in clear.
 */
export function isSecretAt(schema: JsonObject, pointer: string): boolean {
  let parts = partsAt(schema, schema);
  for (const token of pointerTokens(pointer)) parts = partsAfter(schema, parts, token);
  return parts.some(isSecretSchema);
}

function isSecretSchema(schema: JsonObject): boolean {
  return schema[secretKeyword] === true;
}

/** All parts of a schema that may say something of the very value that it is for. */
export function partsAt(root: JsonObject, ...schemas: readonly (JsonValue | undefined)[]): JsonObject[] {
  const found = new Set<JsonObject>();
  const stack = [...schemas];
  while (stack.length > 0) {
    const next = stack.pop();
    if (!isJsonObject(next) || found.has(next)) continue;
    found.add(next);
    const { allOf, anyOf, oneOf, dependentSchemas } = next;
    for (const list of [allOf, anyOf, oneOf]) if (Array.isArray(list)) stack.push(...list);
    stack.push(localTarget(root, next['$ref']), next['then'], next['else']);
    if (isJsonObject(dependentSchemas)) stack.push(...Object.values(dependentSchemas));
  }
  return [...found];
}

function partsAfter(root: JsonObject, parts: readonly JsonObject[], token: string): JsonObject[] {
  return partsAt(root, ...parts.flatMap((part) => stepsInto(part, token)));
}

/** The JSON types that a schema allows; undefined where it does not tell. */
export function typesOf(schema: JsonObject | undefined): Set<string> | undefined {
  const type = schema?.['type'];
  if (typeof type === 'string') return new Set([type]);
  if (Array.isArray(type)) return new Set(type.filter((item) => typeof item === 'string'));
  return undefined;
}

/** Whether a value of the one kind can never be of the other. */
export function areTypesDisjoint(left: JsonObject | undefined, right: JsonObject | undefined): boolean {
  const leftTypes = typesOf(left);
  const rightTypes = typesOf(right);
  if (leftTypes === undefined || rightTypes === undefined) return false;
  const overlap = [...leftTypes].some(
    (type) =>
      rightTypes.has(type) ||
      (type === 'integer' && rightTypes.has('number')) ||
      (type === 'number' && rightTypes.has('integer')),
  );
  return !overlap;
}

/** Pointers of the values that stand where the schema has a secret. */
export function secretPlaces(schema: JsonObject, value: JsonValue): string[] {
  const places: string[] = [];
  const walk = (part: JsonValue, at: string, parts: readonly JsonObject[]): void => {
    if (parts.length === 0) return;
    if (parts.some(isSecretSchema)) {
      places.push(at);
    } else if (typeof part === 'object' && part !== null) {
      for (const [key, item] of Object.entries(part)) {
        walk(item, childPointer(at, key), partsAfter(schema, parts, key));
      }
    }
  };
  walk(value, '', partsAt(schema, schema));
  return places;
}
