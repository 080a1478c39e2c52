/**
 * Decodes requests, with UTF-8 checked: the generated code would put replacement characters where bytes are broken, and
 * so store something that nobody sent. What is wrong is named by its field.
 */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { errorText, invalidField, SteplockError } from '../errors/index.js';

/** What decodes a message. */
export interface Decodable<T> {
  decode(input: BinaryReader, length?: number): T;
}

/** A request, or what is wrong with it. */
export type Decoded<T> =
  { readonly ok: true; readonly message: T } | { readonly ok: false; readonly error: SteplockError };

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Stands where bytes are broken, to be found by its place. Private use: no sender means it. */
const broken = '\u{F8FF}broken\u{F8FF}';

/** As a key it is lost: the generated code assigns it to a plain object, which sets the prototype. */
const lostKey = '__proto__';

/** Decodes a request. Never throws: grpc-js would turn that into an answer without reason. */
export function decodeChecked<T>(type: Decodable<T>, bytes: Uint8Array): Decoded<T> {
  try {
    const message = type.decode(new BinaryReader(bytes, (part) => strict.decode(part)));
    const field = findLostKey(type, bytes);
    if (field === undefined) return { ok: true, message };
    return { ok: false, error: invalidField(field, `must not be "${lostKey}"`) };
  } catch (error) {
    // A TypeError of the TextDecoder, or the reader's own for bytes that are no message.
    return { ok: false, error: explain(type, bytes, error) };
  }
}

function findLostKey<T>(type: Decodable<T>, bytes: Uint8Array): string | undefined {
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(lostKey)) return undefined;
  return findBroken(type.decode(new LostKeyReader(bytes)), '', 'keys');
}

/** Puts the mark in the place of the key that would be lost. As a value it is text like any other. */
class LostKeyReader extends BinaryReader {
  override string(strictly?: boolean): string {
    const text = super.string(strictly);
    return text === lostKey ? broken : text;
  }
}

function explain<T>(type: Decodable<T>, bytes: Uint8Array, cause: unknown): SteplockError {
  try {
    const field = findBroken(type.decode(new BinaryReader(bytes, decodeOrMark)), '', 'all');
    if (field !== undefined) {
      return new SteplockError('INVALID_ENCODING', `${field} is not UTF-8`, {
        metadata: { field },
        violations: [{ field, rule: 'INVALID_ENCODING', description: 'must be UTF-8' }],
      });
    }
  } catch {
    // It is no message at all: said below.
  }
  const why = errorText(cause);
  return new SteplockError('INVALID_ENCODING', `The request cannot be decoded: ${why}`, {
    metadata: { field: '', why },
  });
}

function decodeOrMark(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    // Broken bytes are what is looked for.
    return broken;
  }
}

/** The path of the first broken string, in the proto's own names; of keys alone if only those matter. */
function findBroken(value: unknown, path: string, where: 'all' | 'keys'): string | undefined {
  if (value === broken) return where === 'all' ? path : undefined;
  if (Array.isArray(value)) {
    return firstFound(
      value.map((item: unknown, index) => [`${path}[${index}]`, item] as const),
      where,
    );
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Date)
    return undefined;
  if (Object.hasOwn(value, broken)) return `${path} (a key of it)`;
  return firstFound(Object.entries(value as Record<string, unknown>).map(placed(path)), where);
}

/** A oneof is {$case, value} under a name of its own, which the proto's paths leave out. */
function placed(path: string): (entry: [string, unknown]) => readonly [string, unknown] {
  return ([name, item]) => {
    const isOneof = typeof item === 'object' && item !== null && '$case' in item && 'value' in item;
    return isOneof
      ? [join(path, toSnake(String(item.$case))), item.value]
      : [join(path, toSnake(name)), item];
  };
}

function firstFound(
  entries: readonly (readonly [string, unknown])[],
  where: 'all' | 'keys',
): string | undefined {
  for (const [path, item] of entries) {
    const found = findBroken(item, path, where);
    if (found !== undefined) return found;
  }
  return undefined;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
