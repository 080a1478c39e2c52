/**
 * Decodes requests, with UTF-8 checked: the generated code would put replacement characters where bytes are broken, and
 * so store something that nobody sent. What is wrong is named by its field.
 */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { errorText, SteplockError } from '../errors/index.js';

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

/** Decodes a request. Never throws: grpc-js would turn that into an answer without reason. */
export function decodeChecked<T>(type: Decodable<T>, bytes: Uint8Array): Decoded<T> {
  try {
    return { ok: true, message: type.decode(new BinaryReader(bytes, (part) => strict.decode(part))) };
  } catch (error) {
    // A TypeError of the TextDecoder, or the reader's own for bytes that are no message.
    return { ok: false, error: explain(type, bytes, error) };
  }
}

function explain<T>(type: Decodable<T>, bytes: Uint8Array, cause: unknown): SteplockError {
  try {
    const field = findBroken(type.decode(new BinaryReader(bytes, decodeOrMark)), '');
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

/** The path of the first broken string, in the proto's own names. */
function findBroken(value: unknown, path: string): string | undefined {
  if (value === broken) return path;
  if (Array.isArray(value)) {
    return firstFound(value.map((item: unknown, index) => [`${path}[${index}]`, item] as const));
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Date)
    return undefined;
  if (Object.hasOwn(value, broken)) return `${path} (a key of it)`;
  const entries = Object.entries(value as Record<string, unknown>);
  return firstFound(
    entries
      // A oneof is {$case, value}: its place is that of the case.
      .filter(([key]) => key !== '$case')
      .map(([key, item]) => {
        const name = key === 'value' && '$case' in value ? String(value.$case) : key;
        return [join(path, toSnake(name)), item] as const;
      }),
  );
}

function firstFound(entries: readonly (readonly [string, unknown])[]): string | undefined {
  for (const [path, item] of entries) {
    const found = findBroken(item, path);
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
