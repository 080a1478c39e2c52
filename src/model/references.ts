/**
 * References within arguments: `$output` to another step's output, `$secret` to a secret, and, in what a method
 * declares as its undo's arguments, `$args` and `$result` to the undone step's own.
 */
import {
  childPointer,
  isJsonObject,
  isPointer,
  resolvePointer,
  type JsonObject,
  type JsonValue,
} from '../base/json.js';
import { asSecret, secretForm, type SecretForm } from './secret.js';

/** A reference, where it stands, or what is wrong with it. */
export type Reference =
  | { readonly kind: 'output'; readonly at: string; readonly step: string; readonly pointer: string }
  | { readonly kind: 'secret'; readonly at: string; readonly form: SecretForm }
  | { readonly kind: 'args' | 'result'; readonly at: string; readonly pointer: string }
  | { readonly kind: 'malformed'; readonly at: string; readonly rule: string };

const referenceMembers = ['$output', '$secret', '$args', '$result'] as const;

/** All references within the value, in the order in which they stand. */
export function findReferences(value: JsonValue, at = ''): Reference[] {
  const own = readReference(value, at);
  if (own !== undefined) return [own];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => findReferences(item, childPointer(at, index)));
  }
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => findReferences(item, childPointer(at, key)));
}

/** The reference that the value itself is, or undefined if it is none. */
function readReference(value: JsonValue, at: string): Reference | undefined {
  if (!isJsonObject(value)) return undefined;
  const member = referenceMembers.find((name) => Object.hasOwn(value, name));
  if (member === undefined) return undefined;
  if (Object.keys(value).length !== 1) {
    return { kind: 'malformed', at, rule: `${member} must stand alone in its object` };
  }
  const target = value[member] ?? null;
  switch (member) {
    case '$output':
      return readOutput(target, at);
    case '$secret': {
      const form = secretForm(asSecret(value) ?? null);
      const rule = '$secret must be one of {"env": …}, {"file": …} and {"value": …}, each with a string';
      return form === undefined ? { kind: 'malformed', at, rule } : { kind: 'secret', at, form };
    }
    default:
      return typeof target === 'string' && isPointer(target)
        ? { kind: member === '$args' ? 'args' : 'result', at, pointer: target }
        : { kind: 'malformed', at, rule: `${member} must be a JSON pointer, e.g. "/volume"` };
  }
}

function readOutput(target: JsonValue, at: string): Reference {
  const rule = '$output must be {"step": "<id>", "pointer": "/…"}';
  if (!isJsonObject(target)) return { kind: 'malformed', at, rule };
  const { step, pointer = '', ...rest } = target;
  if (typeof step !== 'string' || typeof pointer !== 'string' || !isPointer(pointer)) {
    return { kind: 'malformed', at, rule };
  }
  if (Object.keys(rest).length > 0) return { kind: 'malformed', at, rule };
  return { kind: 'output', at, step, pointer };
}

/** What references are resolved against. */
export interface ReferenceSources {
  /** The output of a step, or undefined if it has none. */
  output(step: string): JsonObject | undefined;
  /** For an undo: the undone step's arguments, resolved. */
  readonly args?: JsonObject;
  /** For an undo: the undone step's output, if it has one. */
  readonly result?: JsonObject;
}

/** Thrown when a reference leads nowhere. */
export class UnresolvedReferenceError extends Error {
  override readonly name = 'UnresolvedReferenceError';
}

/** Stands for a property that is left out. */
const absent = Symbol('absent');

/**
 * The arguments with `$output`, `$args` and `$result` replaced by what they refer to; secrets stay as they are.
 *
 * @throws UnresolvedReferenceError naming the reference, unless `omitMissing`: then the property is left out, as
 *   an undo needs it whose step never got to its output.
 */
export function resolveArguments(
  args: JsonObject,
  sources: ReferenceSources,
  omitMissing: boolean,
): JsonObject {
  const resolved = resolveValue(args, '', sources, omitMissing);
  return isJsonObject(resolved) ? resolved : {};
}

function resolveValue(
  value: JsonValue,
  at: string,
  sources: ReferenceSources,
  omitMissing: boolean,
): JsonValue {
  const resolved = tryResolve(value, at, sources, omitMissing);
  return resolved === absent ? null : resolved;
}

function tryResolve(
  value: JsonValue,
  at: string,
  sources: ReferenceSources,
  omitMissing: boolean,
): JsonValue | typeof absent {
  const reference = readReference(value, at);
  if (reference !== undefined) {
    const target = lookUp(reference, value, sources);
    if (target !== undefined) return target;
    if (omitMissing) return absent;
    throw new UnresolvedReferenceError(`Arguments${at}: ${describe(reference)} is not there`);
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => resolveValue(item, childPointer(at, index), sources, omitMissing));
  }
  if (!isJsonObject(value)) return value;
  const entries: [string, JsonValue][] = [];
  for (const [key, item] of Object.entries(value)) {
    const resolved = tryResolve(item, childPointer(at, key), sources, omitMissing);
    if (resolved !== absent) entries.push([key, resolved]);
  }
  return Object.fromEntries(entries);
}

function lookUp(reference: Reference, value: JsonValue, sources: ReferenceSources): JsonValue | undefined {
  switch (reference.kind) {
    case 'secret':
      return value;
    case 'output': {
      const output = sources.output(reference.step);
      return output === undefined ? undefined : resolvePointer(output, reference.pointer);
    }
    case 'args':
      return sources.args === undefined ? undefined : resolvePointer(sources.args, reference.pointer);
    case 'result':
      return sources.result === undefined ? undefined : resolvePointer(sources.result, reference.pointer);
    case 'malformed':
      return undefined;
  }
}

function describe(reference: Reference): string {
  switch (reference.kind) {
    case 'output':
      return `the output ${reference.step}${reference.pointer}`;
    case 'args':
    case 'result':
      return `$${reference.kind} ${reference.pointer}`;
    default:
      return 'it';
  }
}
