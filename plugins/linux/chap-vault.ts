/**
 * CHAP secrets at rest. A secret is never stored as it is. What is always stored is a salted scrypt hash, to
 * tell whether a second export comes with the same secret. With a key file it is stored sealed as well
 * (AES-256-GCM, bound to system and user name), so that exports can be restored after a restart of tgtd.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { LinuxSystem } from './options.js';
import { Refusal } from './refusal.js';

/** How a secret is recognised. */
export interface Verifier {
  readonly salt: string;
  readonly hash: string;
}

const hashSize = 32;
const ivSize = 12;
const tagSize = 16;
const keySize = 32;

/** Makes a verifier of a secret. */
export async function makeVerifier(secret: string): Promise<Verifier> {
  const salt = randomBytes(16).toString('hex');
  return { salt, hash: (await hashSecret(secret, salt)).toString('hex') };
}

/** Whether it is the secret that the verifier was made of. */
export async function isSecretOf(verifier: Verifier, secret: string): Promise<boolean> {
  const hash = Buffer.from(verifier.hash, 'hex');
  return hash.length === hashSize && timingSafeEqual(hash, await hashSecret(secret, verifier.salt));
}

/** The secret sealed; empty if the system has no key file. */
export async function sealSecret(system: LinuxSystem, username: string, secret: string): Promise<string> {
  const key = await readKey(system);
  if (key === undefined) return '';
  const iv = randomBytes(ivSize);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(bindingOf(system, username));
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
}

/** The secret, or undefined if it was not stored or was sealed with another key. */
export async function openSecret(
  system: LinuxSystem,
  username: string,
  sealed: string,
): Promise<string | undefined> {
  const key = sealed === '' ? undefined : await readKey(system);
  if (key === undefined) return undefined;
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivSize))
    .setAAD(bindingOf(system, username))
    .setAuthTag(bytes.subarray(ivSize, ivSize + tagSize));
  try {
    const secret = Buffer.concat([decipher.update(bytes.subarray(ivSize + tagSize)), decipher.final()]);
    return secret.toString('utf8');
  } catch {
    // Another key or a changed record: GCM does not tell which, and gives nothing away.
    return undefined;
  }
}

/**
 * Reads the system's key, each time anew, so that it is not kept in memory.
 *
 * @throws Refusal SecretKeyUnusable.
 */
async function readKey({ id, chapKeyFile }: LinuxSystem): Promise<Buffer | undefined> {
  if (chapKeyFile === undefined) return undefined;
  const unusable = (why: string): Refusal =>
    new Refusal('SecretKeyUnusable', `Key file ${chapKeyFile} of storage system ${id} ${why}`);
  const file = await open(chapKeyFile, 'r').catch(() => {
    throw unusable('cannot be opened');
  });
  try {
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) throw unusable('can be read by others: chmod 600');
    const bytes = await file.readFile();
    const text = bytes.toString('latin1').trim();
    if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
    if (bytes.length === keySize) return bytes;
    throw unusable('must have 32 bytes, or 64 hexadecimal digits');
  } finally {
    await file.close();
  }
}

function bindingOf({ id }: LinuxSystem, username: string): Buffer {
  return Buffer.from(JSON.stringify(['steplock-chap', id, username]));
}

async function hashSecret(secret: string, salt: string): Promise<Buffer> {
  return await new Promise<Buffer>((resolve, reject) => {
    scrypt(secret, Buffer.from(salt, 'hex'), hashSize, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
}
