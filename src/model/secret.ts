/**
 * Secrets. In arguments and outputs a secret stands as `{"$secret": …}` in one of four forms: `env` and `file`
 * refer to where the controller runs; `value` is in clear and exists only between the caller and the door;
 * `sealed` is what is stored. A sealed secret is bound to its workflow: copied into another plan it does not
 * open, so nobody can have a controller reveal what somebody else submitted.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { sha256Hex } from '../base/bytes.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../base/json.js';
import type { Random } from '../base/random.js';

/** A secret as it stands in JSON. */
export type SecretForm =
  | { readonly env: string }
  | { readonly file: string }
  | { readonly value: string }
  | { readonly sealed: string };

const member = '$secret';

/** The secret that the value is, or undefined if it is something else. */
export function asSecret(value: JsonValue): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, member) ? value[member] : undefined;
}

/** The secret's form, or undefined if it has none that is known. */
export function secretForm(secret: JsonValue): SecretForm | undefined {
  if (!isJsonObject(secret)) return undefined;
  const entries = Object.entries(secret);
  const [name, text] = entries[0] ?? ['', ''];
  if (entries.length !== 1 || typeof text !== 'string') return undefined;
  switch (name) {
    case 'env':
      return { env: text };
    case 'file':
      return { file: text };
    case 'value':
      return { value: text };
    case 'sealed':
      return { sealed: text };
    default:
      return undefined;
  }
}

/** A secret as JSON. */
export function secretJson(form: SecretForm): JsonObject {
  return { [member]: { ...form } };
}

/** Seals and opens. */
export interface Sealer {
  /** The text, sealed for one workflow. */
  seal(text: string, workflowUid: string): string;
  /**
   * The text of a sealed secret.
   *
   * @throws Error when it was sealed with another key or for another workflow, or was changed.
   */
  open(sealed: string, workflowUid: string): string;
  /** A keyed hash: tells equal requests without revealing what is in them. */
  digest(text: string): string;
}

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** A sealer with a key of 32 bytes. */
export function createSealer(key: Uint8Array, random: Random): Sealer {
  if (key.length !== 32) throw new TypeError('A secret key has 32 bytes');
  const sealKey = Buffer.from(hkdfSync('sha256', key, '', 'steplock seal', 32));
  const digestKey = Buffer.from(hkdfSync('sha256', key, '', 'steplock digest', 32));
  const keyId = sha256Hex(sealKey).slice(0, 8);
  return {
    seal: (text, workflowUid) => {
      const nonce = Buffer.from(random.hex(nonceBytes), 'hex');
      const sealing = createCipheriv(cipher, sealKey, nonce).setAAD(Buffer.from(workflowUid));
      const sealed = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()]);
      return `v1.${keyId}.${Buffer.concat([nonce, sealed, sealing.getAuthTag()]).toString('base64url')}`;
    },
    open: (sealed, workflowUid) => {
      const [version, sealedKeyId, body] = sealed.split('.');
      if (version !== 'v1' || body === undefined) throw new Error('Not a sealed secret');
      if (sealedKeyId !== keyId) throw new Error(`Sealed with another key (${String(sealedKeyId)})`);
      const bytes = Buffer.from(body, 'base64url');
      const opening = createDecipheriv(cipher, sealKey, bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      })
        .setAAD(Buffer.from(workflowUid))
        .setAuthTag(bytes.subarray(bytes.length - tagBytes));
      const inner = bytes.subarray(nonceBytes, bytes.length - tagBytes);
      return Buffer.concat([opening.update(inner), opening.final()]).toString('utf8');
    },
    digest: (text) => createHmac('sha256', digestKey).update(text).digest('hex'),
  };
}

/** The JSON with each secret replaced by what the function gives for it. */
export function mapSecrets(value: JsonValue, replace: (form: SecretForm) => JsonValue): JsonValue {
  const secret = asSecret(value);
  if (secret !== undefined) {
    const form = secretForm(secret);
    return form === undefined ? value : replace(form);
  }
  if (Array.isArray(value)) return value.map((item) => mapSecrets(item, replace));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapSecrets(item, replace)]));
}

const censor = '[redacted]';
/** Shorter ones would tear holes into ordinary words. */
const redactedLengthMin = 4;

/** The text with every occurrence of the secrets taken out, as they are and as JSON and URLs spell them. */
export function redactText(text: string, secrets: Iterable<string>): string {
  let redacted = text;
  for (const secret of secrets) {
    if (secret.length < redactedLengthMin) continue;
    for (const spelling of spellingsOf(secret)) redacted = redacted.replaceAll(spelling, censor);
  }
  return redacted;
}

function spellingsOf(secret: string): Set<string> {
  // Half of a surrogate pair has no spelling in a URL.
  const inUrl = encodeURIComponent(Buffer.from(secret).toString());
  return new Set([secret, JSON.stringify(secret).slice(1, -1), inUrl]);
}

/** The JSON with every occurrence of the secrets taken out of its strings and keys. */
export function redactJson(value: JsonValue, secrets: ReadonlySet<string>): JsonValue {
  if (secrets.size === 0) return value;
  if (typeof value === 'string') return redactText(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redactJson(item, secrets));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [redactText(key, secrets), redactJson(item, secrets)]),
  );
}

/** Whose uid secrets are sealed for: the root's, so that outputs can pass between a parent and its children. */
export function secretScopeOf({
  uid,
  secretScope,
}: {
  readonly uid: string;
  readonly secretScope: string;
}): string {
  return secretScope === '' ? uid : secretScope;
}
