/** What a controller under check is called with: read from a file, or made from the schemas where the file says nothing. */
import { parse } from 'yaml';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';
import type { MethodDescription } from '../contract/contract.js';
import type { SchemaChecker } from '../model/schema.js';
import { exampleOf } from './example.js';
import { withUnique } from './unique.js';

/** A call by name. */
export interface SampleCall {
  readonly method: string;
  readonly arguments: JsonObject;
}

/** A call that takes its time. */
export interface SlowSample {
  readonly arguments: JsonObject;
  /** At least, in milliseconds. */
  readonly takesMs: number;
  /** As of {@link MethodSample}, which it takes the place of. */
  readonly before: readonly SampleCall[] | undefined;
}

/** How a method is tried. */
export interface MethodSample {
  readonly arguments: JsonObject;
  /** What has to be there first; undone afterwards. */
  readonly before: readonly SampleCall[];
  /** A method that only reads, whose output shows what there is. */
  readonly observe: SampleCall | undefined;
  /** Arguments with which a call takes at least that long. */
  readonly slow: SlowSample | undefined;
  /** It changes nothing: one effect, fences and undo are not looked at. */
  readonly reads: boolean;
}

/** See the head of this file. */
export interface Samples {
  /** Sent with each call. */
  readonly system: string;
  readonly methods: ReadonlyMap<string, MethodSample>;
}

/** A file of samples that cannot be used. */
export class SamplesError extends Error {
  override readonly name = 'SamplesError';
}

/** No file. */
export const noSamples: Samples = { system: '', methods: new Map() };

/**
 * Reads a file of samples. `name`: for messages.
 *
 * @throws SamplesError naming the place and the rule.
 */
export function parseSamples(text: string, name: string): Samples {
  const refuse = (at: string, rule: string): never => {
    throw new SamplesError(`${name}: ${at} ${rule}`);
  };
  let file: JsonValue;
  try {
    file = parse(text) as JsonValue;
  } catch (error) {
    return refuse('the file', `is no YAML: ${(error as Error).message}`);
  }
  const top = fields(file, 'the file', ['system', 'methods'], refuse);
  const { system = '', methods = {} } = top;
  if (typeof system !== 'string') return refuse('system', 'must be a text');
  const entries = Object.entries(isJsonObject(methods) ? methods : refuse('methods', 'must be an object'));
  return {
    system,
    methods: new Map(
      entries.map(([method, value]) => [method, parseSample(value, `methods.${method}`, refuse)]),
    ),
  };
}

type Refuse = (at: string, rule: string) => never;

function fields(
  value: JsonValue | undefined,
  at: string,
  known: readonly string[],
  refuse: Refuse,
): JsonObject {
  if (!isJsonObject(value)) return refuse(at, 'must be an object');
  const stray = Object.keys(value).find((key) => !known.includes(key));
  return stray === undefined
    ? value
    : refuse(`${at}.${stray}`, `is not known; there are: ${known.join(', ')}`);
}

function parseSample(value: JsonValue, at: string, refuse: Refuse): MethodSample {
  const known = ['arguments', 'before', 'observe', 'slow', 'reads'];
  const {
    arguments: args = {},
    before = [],
    observe,
    slow,
    reads = false,
  } = fields(value, at, known, refuse);
  if (typeof reads !== 'boolean') return refuse(`${at}.reads`, 'must be true or false');
  return {
    arguments: object(args, `${at}.arguments`, refuse),
    before: parseCalls(before, `${at}.before`, refuse),
    observe: observe === undefined ? undefined : parseCall(observe, `${at}.observe`, refuse),
    slow: slow === undefined ? undefined : parseSlow(slow, `${at}.slow`, refuse),
    reads,
  };
}

function parseCalls(value: JsonValue, at: string, refuse: Refuse): SampleCall[] {
  if (!Array.isArray(value)) return refuse(at, 'must be a list');
  return value.map((call, index) => parseCall(call, `${at}[${index}]`, refuse));
}

function parseCall(value: JsonValue, at: string, refuse: Refuse): SampleCall {
  const { method, arguments: args = {} } = fields(value, at, ['method', 'arguments'], refuse);
  if (typeof method !== 'string') return refuse(`${at}.method`, 'must be the name of a method');
  return { method, arguments: object(args, `${at}.arguments`, refuse) };
}

function parseSlow(value: JsonValue, at: string, refuse: Refuse): MethodSample['slow'] {
  const {
    takes_ms: takesMs,
    arguments: args = {},
    before,
  } = fields(value, at, ['arguments', 'takes_ms', 'before'], refuse);
  if (typeof takesMs !== 'number' || !(takesMs >= 500 && takesMs <= 600_000))
    return refuse(`${at}.takes_ms`, 'must be 500 to 600000: how long such a call takes at least');
  return {
    arguments: object(args, `${at}.arguments`, refuse),
    takesMs,
    before: before === undefined ? undefined : parseCalls(before, `${at}.before`, refuse),
  };
}

function object(value: JsonValue, at: string, refuse: Refuse): JsonObject {
  return isJsonObject(value) ? value : refuse(at, 'must be an object');
}

/** The sample of a method: the file's, or one made from its schema; undefined when none can be made that fits. */
export function sampleOf(
  method: MethodDescription,
  { methods }: Samples,
  checker: SchemaChecker,
): MethodSample | undefined {
  const given = methods.get(method.name);
  if (given !== undefined) return given;
  const args = exampleOf(method.argumentsSchema);
  const fits =
    isJsonObject(args) &&
    checker.check(JSON.stringify(method.argumentsSchema), withUnique(args, 'c0-1')).length === 0;
  if (!fits) return undefined;
  // What leaves nothing to undo is taken for what only reads: whether it does is not to be seen without a sample.
  const reads = method.undo === 'none-needed';
  return { arguments: args, before: [], observe: undefined, slow: undefined, reads };
}
