/**
 * Checks the arguments of one call against its method before anything runs: schema, references and secrets.
 */
import { isJsonObject, type JsonObject } from '../base/json.js';
import { findReferences, type Reference } from './references.js';
import { areTypesDisjoint, isImpossible, isSecretAt, secretPlaces, subschema } from './schema-parts.js';
import type { SchemaChecker } from './schema.js';
import type { Violations } from './violations.js';

/** The schemas of an undone step's arguments and output, parsed; undefined where there is none. */
export interface UndoneSchemas {
  readonly args: JsonObject | undefined;
  readonly result: JsonObject | undefined;
}

/** What is checked. */
export interface CallToCheck {
  /** The arguments, with references. */
  readonly args: JsonObject;
  /** The method's schema, as JSON. */
  readonly schema: string;
  /** For an undo's own arguments, in which `$args` and `$result` may stand: the schemas of what these refer to. */
  readonly undone: UndoneSchemas | undefined;
  /** Whether sealed secrets may stand in them: in those of a draft, sealed when they came. */
  readonly allowsSealed?: boolean;
  /** The output schema of a step that a reference names, parsed; undefined where there is none. */
  readonly outputSchemaOf: (step: string) => JsonObject | undefined;
  /** Where the call stands in the request. */
  readonly at: string;
}

const misplaced = 'the method does not declare this property as a secret';

/** See the head of this file. What is wrong goes to `violations`. */
export function checkArguments(call: CallToCheck, checker: SchemaChecker, violations: Violations): void {
  const schema = JSON.parse(call.schema) as JsonObject;
  const references = findReferences(call.args);
  for (const reference of references) checkReference(reference, schema, call, violations);
  const unresolved = references.map((reference) => reference.at);
  for (const { at, description } of checker.check(call.schema, call.args, unresolved)) {
    violations.add('INVALID_ARGUMENTS', `${call.at}${at}`, description);
  }
  for (const place of secretPlaces(schema, call.args)) {
    if (unresolved.includes(place)) continue;
    const wayOut = 'is a secret: write {"$secret": {"env": "NAME"}}, {"file": "/path"} or {"value": "…"}';
    violations.add('SECRET_IN_CLEAR', `${call.at}${place}`, wayOut);
  }
}

function checkReference(
  reference: Reference,
  schema: JsonObject,
  call: CallToCheck,
  violations: Violations,
): void {
  const at = `${call.at}${reference.at}`;
  switch (reference.kind) {
    case 'malformed':
      violations.add('INVALID_REFERENCE', at, reference.rule);
      return;
    case 'secret':
      // Elsewhere a controller would treat it as ordinary data: it might log it, or put it into an object's name.
      if (!isSecretAt(schema, reference.at)) {
        violations.add('SECRET_MISPLACED', at, misplaced);
      }
      if ('sealed' in reference.form && call.allowsSealed !== true) {
        violations.add(
          'INVALID_REFERENCE',
          at,
          'a sealed secret belongs to the workflow that it was sealed for',
        );
      }
      return;
    case 'args':
    case 'result': {
      if (call.undone === undefined) {
        violations.add('INVALID_REFERENCE', at, `$${reference.kind} can stand in an undo's arguments only`);
        return;
      }
      const source = call.undone[reference.kind];
      if (
        source !== undefined &&
        isSecretAt(source, reference.pointer) &&
        !isSecretAt(schema, reference.at)
      ) {
        violations.add('SECRET_MISPLACED', at, misplaced);
      }
      return;
    }
    case 'output':
      checkOutput(reference, schema, call, violations);
  }
}

function checkOutput(
  { step, pointer, at: place }: Extract<Reference, { kind: 'output' }>,
  schema: JsonObject,
  call: CallToCheck,
  violations: Violations,
): void {
  const at = `${call.at}${place}`;
  const outputSchema = call.outputSchemaOf(step);
  if (outputSchema === undefined) return;
  if (isImpossible(outputSchema, pointer)) {
    violations.add('INVALID_REFERENCE', at, `the output of "${step}" has no "${pointer}"`);
    return;
  }
  const source = subschema(outputSchema, pointer);
  const target = subschema(schema, place);
  if (areTypesDisjoint(source, target)) {
    const types = `${JSON.stringify(source?.['type'])}, where ${JSON.stringify(target?.['type'])} is needed`;
    violations.add('INVALID_REFERENCE', at, `"${pointer}" of the output of "${step}" is ${types}`);
  }
  if (isSecretAt(outputSchema, pointer) && !isSecretAt(schema, place)) {
    violations.add('SECRET_MISPLACED', at, misplaced);
  }
}

/** Arguments from their stored form. */
export function parseArguments(bytes: Uint8Array): JsonObject {
  if (bytes.length === 0) return {};
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return isJsonObject(value) ? value : {};
}

/** Whether any secret in clear stands in the arguments. */
export function hasClearSecret(args: JsonObject): boolean {
  return findReferences(args).some((reference) => reference.kind === 'secret' && 'value' in reference.form);
}
