/** Seals in an output what its schema calls a secret. Pure but for the sealing that is passed in. */
import { childPointer, isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';
import { isSecretAt } from './schema-parts.js';
import { secretJson } from './secret.js';

/** How to seal. */
export interface SealOptions {
  /** The output's schema, as JSON; empty for any output. */
  readonly schema: string;
  /** The text sealed; undefined when there is no key. */
  readonly seal: (text: string) => string | undefined;
  /** What becomes of a text, or of a key, that is no secret. */
  readonly plain: (text: string) => string;
}

/** The output as it may be stored, or what stands in the way. */
export type SealedOutput =
  | { readonly ok: true; readonly output: JsonObject }
  | { readonly ok: false; readonly why: 'no-key' | 'no-text'; readonly at: string };

/** See the head of this file. */
export function sealOutput(output: JsonObject, { schema, seal, plain }: SealOptions): SealedOutput {
  const parsed = schema === '' ? undefined : (JSON.parse(schema) as JsonObject);
  let problem: Extract<SealedOutput, { ok: false }> | undefined;
  const sealSecret = (value: JsonValue, at: string): JsonValue => {
    const sealed = typeof value === 'string' ? seal(value) : undefined;
    if (sealed !== undefined) return secretJson({ sealed });
    // Where there is none there is nothing to hide.
    if (value !== null) problem ??= { ok: false, why: typeof value === 'string' ? 'no-key' : 'no-text', at };
    return null;
  };
  const walk = (value: JsonValue, at: string): JsonValue => {
    if (parsed !== undefined && isSecretAt(parsed, at)) return sealSecret(value, at);
    if (typeof value === 'string') return plain(value);
    if (Array.isArray(value)) return value.map((entry, index) => walk(entry, childPointer(at, index)));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [plain(key), walk(entry, childPointer(at, key))]),
    );
  };
  const sealed = walk(output, '');
  return problem ?? { ok: true, output: isJsonObject(sealed) ? sealed : {} };
}
