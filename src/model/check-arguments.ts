/**
 * Checks the arguments of one call against its method before anything runs: schema, references and secrets.
 */
import { isJsonObject, type JsonObject } from '../base/json.js';
import { findReferences, type Reference } from './references.js';
import {
  areTypesDisjoint,
  isImpossible,
  isSecretSchema,
  secretPlaces,
  subschema,
  type SchemaChecker,
} from './schema.js';
import { asSecret } from './secret.js';
import type { Violations } from './violations.js';

/** What is checked. */
export interface CallToCheck {
  /** The arguments, with references. */
  readonly args: JsonObject;
  /** The method's schema, as JSON. */
  readonly schema: string;
  /** Which of `$args` and `$result` may stand in them: in an undo's declared arguments. */
  readonly allowsOwn: boolean;
  /** Whether sealed secrets may stand in them: in those of a draft, sealed when they came. */
  readonly allowsSealed?: boolean;
  /** The output schema of a step that a reference names, parsed; undefined where there is none. */
  readonly outputSchemaOf: (step: string) => JsonObject | undefined;
  /** Where the call stands in the request. */
  readonly at: string;
}

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
  const target = subschema(schema, reference.at);
  switch (reference.kind) {
    case 'malformed':
      violations.add('INVALID_REFERENCE', at, reference.rule);
      return;
    case 'secret':
      // Elsewhere a controller would treat it as ordinary data: it might log it, or put it into an object's name.
      if (!isSecretSchema(target)) {
        violations.add('SECRET_MISPLACED', at, 'the method does not declare this property as a secret');
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
    case 'result':
      if (!call.allowsOwn) {
        violations.add('INVALID_REFERENCE', at, `$${reference.kind} can stand in an undo's arguments only`);
      }
      return;
    case 'output':
      checkOutput(
        reference.step,
        reference.pointer,
        target,
        call.outputSchemaOf(reference.step),
        at,
        violations,
      );
  }
}

// eslint-disable-next-line max-params -- one call, from right above
function checkOutput(
  step: string,
  pointer: string,
  target: JsonObject | undefined,
  outputSchema: JsonObject | undefined,
  at: string,
  violations: Violations,
): void {
  if (outputSchema === undefined) return;
  if (isImpossible(outputSchema, pointer)) {
    violations.add('INVALID_REFERENCE', at, `the output of "${step}" has no "${pointer}"`);
    return;
  }
  const source = subschema(outputSchema, pointer);
  if (areTypesDisjoint(source, target)) {
    const types = `${JSON.stringify(source?.['type'])}, where ${JSON.stringify(target?.['type'])} is needed`;
    violations.add('INVALID_REFERENCE', at, `"${pointer}" of the output of "${step}" is ${types}`);
  }
  if (isSecretSchema(source) && !isSecretSchema(target)) {
    violations.add('SECRET_MISPLACED', at, 'the method does not declare this property as a secret');
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

/** Whether the value is a secret of any form. */
export function isSecretValue(value: JsonObject): boolean {
  return asSecret(value) !== undefined;
}
