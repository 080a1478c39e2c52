/**
 * JSON Schema (2020-12) checks. At submission arguments still hold references: what stands at or around one
 * cannot be judged then and is judged at dispatch, when all is resolved.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import formatsModule from 'ajv-formats';
import { isJsonObject, pointerTokens, type JsonObject, type JsonValue } from '../base/json.js';

/** A place in a value that breaks its schema. */
export interface SchemaViolation {
  /** JSON pointer. */
  readonly at: string;
  /** For people. */
  readonly description: string;
}

/** Checks values against schemas; remembers those that it compiled. */
export interface SchemaChecker {
  /** What is wrong with the schema itself, or undefined. */
  problemOf(schema: string): string | undefined;
  /** Where the value breaks the schema, but for what `unresolved` (pointers of references) leaves open. */
  check(schema: string, value: JsonValue, unresolved?: readonly string[]): SchemaViolation[];
}

const secretKeyword = 'x-steplock-secret';
const compiledMax = 1_000;
/** Errors of these keywords sum up errors below them. */
const summaryKeywords = new Set([
  'anyOf',
  'oneOf',
  'not',
  'if',
  'contains',
  'unevaluatedProperties',
  'dependentSchemas',
]);

// ajv-formats is CommonJS: its default export arrives inside the namespace's default.
const addFormats = formatsModule.default;

/** See {@link SchemaChecker}. */
export function createSchemaChecker(): SchemaChecker {
  const compiled = new Map<string, ValidateFunction>();
  const compile = (schema: string): ValidateFunction => {
    const known = compiled.get(schema);
    if (known !== undefined) return known;
    // One Ajv a schema: two controllers may use one $id for different schemas.
    const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: true });
    addFormats(ajv);
    const validate = ajv.compile(JSON.parse(schema) as object);
    if (compiled.size >= compiledMax) compiled.delete(compiled.keys().next().value ?? '');
    compiled.set(schema, validate);
    return validate;
  };
  return {
    problemOf: (schema) => {
      try {
        compile(schema);
        return undefined;
      } catch (error) {
        // Ajv and JSON.parse throw plain Errors that say what is wrong.
        return error instanceof Error ? error.message : String(error);
      }
    },
    check: (schema, value, unresolved = []) => {
      const validate = compile(schema);
      if (validate(value)) return [];
      return (validate.errors ?? [])
        .filter((error) => isDecided(error, unresolved))
        .map((error) => ({ at: error.instancePath, description: describeError(error) }));
    },
  };
}

function isDecided(error: ErrorObject, unresolved: readonly string[]): boolean {
  return !unresolved.some((pointer) => {
    const isWithin = error.instancePath === pointer || error.instancePath.startsWith(`${pointer}/`);
    const isAround = pointer.startsWith(`${error.instancePath}/`) && summaryKeywords.has(error.keyword);
    return isWithin || isAround;
  });
}

function describeError(error: ErrorObject): string {
  const message = error.message ?? 'breaks the schema';
  switch (error.keyword) {
    case 'additionalProperties':
      return `has no property "${String(error.params['additionalProperty'])}"`;
    case 'enum':
      return `${message}: ${(error.params['allowedValues'] as unknown[]).map((value) => JSON.stringify(value)).join(', ')}`;
    default:
      return message;
  }
}

/** The part of a schema that describes what the pointer names; undefined where the schema does not tell. */
export function subschema(schema: JsonObject, pointer: string): JsonObject | undefined {
  let current: JsonValue | undefined = schema;
  for (const token of pointerTokens(pointer)) {
    current = stepInto(followLocalRef(schema, current), token);
  }
  const found = followLocalRef(schema, current);
  return isJsonObject(found) ? found : undefined;
}

function stepInto(schema: JsonValue | undefined, token: string): JsonValue | undefined {
  if (!isJsonObject(schema)) return undefined;
  const { properties, items, additionalProperties } = schema;
  if (isJsonObject(properties) && Object.hasOwn(properties, token)) return properties[token];
  if (/^[0-9]+$/.test(token) && isJsonObject(items)) return items;
  return isJsonObject(additionalProperties) ? additionalProperties : undefined;
}

/** Follows `$ref: "#/…"`, at most a few times: a schema may refer in a circle. */
function followLocalRef(root: JsonObject, schema: JsonValue | undefined): JsonValue | undefined {
  let current = schema;
  for (let depth = 0; depth < 8; depth++) {
    if (!isJsonObject(current) || typeof current['$ref'] !== 'string') return current;
    const reference: string = current['$ref'];
    if (!reference.startsWith('#')) return undefined;
    let target: JsonValue | undefined = root;
    for (const token of pointerTokens(reference.slice(1))) {
      target = isJsonObject(target) ? target[token] : undefined;
    }
    current = target;
  }
  return undefined;
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

/** Whether the schema marks the value as a secret. */
export function isSecretSchema(schema: JsonObject | undefined): boolean {
  return schema?.[secretKeyword] === true;
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
export function secretPlaces(schema: JsonObject, value: JsonValue, at = ''): string[] {
  if (isSecretSchema(subschema(schema, at))) return [at];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => secretPlaces(schema, item, `${at}/${index}`));
  }
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    secretPlaces(schema, item, `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`),
  );
}
