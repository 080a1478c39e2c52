/**
 * JSON Schema (2020-12) checks. At submission arguments still hold references: what stands at or around one
 * cannot be judged then and is judged at dispatch, when all is resolved.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import formatsModule from 'ajv-formats';
import type { JsonObject, JsonValue } from '../base/json.js';
import { localTarget, partsAt } from './schema-parts.js';

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

const compiledMax = 1_000;
/** What these keywords say of a value hangs on the values within it. */
const deepKeywords = new Set([
  'anyOf',
  'oneOf',
  'not',
  'if',
  'contains',
  'const',
  'enum',
  'unevaluatedItems',
  'unevaluatedProperties',
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
    const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: true, verbose: true });
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
      return decidedErrors(validate, unresolved).map((error) => ({
        at: error.instancePath,
        description: describeError(error),
      }));
    },
  };
}

/**
 * The errors that stand whatever the references come to be. An error at a reference does not, and neither does one that
 * sums up errors within its value (see {@link deepKeywords}) if a reference stands there, nor those errors themselves:
 * of the branches of an `anyOf` another one may fit in the end.
 */
function decidedErrors(validate: ValidateFunction, unresolved: readonly string[]): ErrorObject[] {
  const errors = validate.errors ?? [];
  const root = validate.schema as JsonObject;
  let decided: ErrorObject[] = [];
  // Ajv notes the errors of branches before the one that sums them up.
  for (const error of errors) {
    const isWithin = unresolved.some((pointer) => isAtOrBelow(error.instancePath, pointer));
    if (isWithin) continue;
    const isAround = unresolved.some((pointer) => isAtOrBelow(pointer, error.instancePath));
    if (!isAround || !deepKeywords.has(error.keyword)) {
      decided.push(error);
      continue;
    }
    const branches = branchesOf(error).map((branch) => ({
      inPlace: new Set<unknown>(partsAt(root, branch)),
      below: partsBelow(root, branch),
    }));
    const owners = (other: ErrorObject): number[] => {
      if (!isAtOrBelow(other.instancePath, error.instancePath)) return [];
      const isHere = other.instancePath === error.instancePath && other.propertyName === undefined;
      return branches.flatMap(({ inPlace, below }, index) =>
        (isHere ? inPlace : below).has(other.parentSchema) ? [index] : [],
      );
    };
    // Where each branch has an error that stands, the whole does; one that several could have made counts for none.
    const failed = new Set(decided.map(owners).flatMap((indexes) => (indexes.length === 1 ? indexes : [])));
    if (failed.size === branches.length && isNoneFitting(error)) decided.push(error);
    else decided = decided.filter((other) => owners(other).length === 0);
  }
  return decided;
}

function isAtOrBelow(pointer: string, above: string): boolean {
  return pointer === above || pointer.startsWith(`${above}/`);
}

/** Whether the error says that no branch fits; of a `oneOf` several may. */
function isNoneFitting({ keyword, params }: ErrorObject): boolean {
  return keyword === 'anyOf' || (keyword === 'oneOf' && params['passingSchemas'] === null);
}

/** The schemas whose errors the error sums up. */
function branchesOf({ keyword, schema, parentSchema }: ErrorObject): JsonValue[] {
  switch (keyword) {
    case 'anyOf':
    case 'oneOf':
      return schema as JsonValue[];
    case 'if':
      return [(parentSchema?.['then'] ?? {}) as JsonValue, (parentSchema?.['else'] ?? {}) as JsonValue];
    default:
      return [schema as JsonValue];
  }
}

/** The schema and all schemas within it, those that it refers to included. */
function partsBelow(root: JsonObject, schema: JsonValue): Set<unknown> {
  const parts = new Set<unknown>();
  const stack = [schema];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (typeof next !== 'object' || next === null || parts.has(next)) continue;
    parts.add(next);
    stack.push(...Object.values(next));
    const target = Array.isArray(next) ? undefined : localTarget(root, next['$ref']);
    if (target !== undefined) stack.push(target);
  }
  return parts;
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
