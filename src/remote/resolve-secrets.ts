/**
 * Where references to secrets are looked up. Only names that begin with the given prefix, and only files below the
 * given directory: whoever submits a plan must not be able to have any variable or file of the host read.
 */
import { readFile, realpath } from 'node:fs/promises';
import { isAbsolute, resolve, sep } from 'node:path';
import type { JsonObject, JsonValue } from '../base/json.js';
import { mapSecrets, type SecretForm } from '../model/secret.js';

/** See above. */
export interface SecretSource {
  /** The environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What names of variables must begin with, e.g. `STEPLOCK_SECRET_`. */
  readonly envPrefix: string;
  /** The directory of files with secrets; undefined for none. */
  readonly directory: string | undefined;
}

const secretBytesMax = 64 * 1024;

/**
 * The secret that `env` or `file` refers to.
 *
 * @throws Error that names the place, never what stands there.
 */
export async function lookUpSecret(
  form: { readonly env: string } | { readonly file: string },
  source: SecretSource,
): Promise<string> {
  if ('env' in form) {
    const { env, envPrefix } = source;
    if (!form.env.startsWith(envPrefix)) {
      throw new Error(`Secret ${form.env}: names of variables with secrets begin with ${envPrefix}`);
    }
    const value = env[form.env];
    if (value === undefined)
      throw new Error(`Secret ${form.env}: there is no such variable where the controller runs`);
    return value;
  }
  return await readSecretFile(form.file, source.directory);
}

async function readSecretFile(file: string, directory: string | undefined): Promise<string> {
  if (directory === undefined)
    throw new Error(`Secret ${file}: no directory for secrets is configured (--secret-dir)`);
  try {
    const root = await realpath(directory);
    const path = await realpath(isAbsolute(file) ? file : resolve(root, file));
    if (!path.startsWith(root + sep)) throw new Error('it is not within the directory for secrets');
    const text = await readFile(path, 'utf8');
    if (text.length > secretBytesMax) throw new Error('it is too large');
    return text.replace(/\r?\n$/, '');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : (error as Error).message;
    throw new Error(`Secret ${file} cannot be read: ${why}`, { cause: error });
  }
}

/**
 * The arguments with every secret that refers to this host replaced by its text.
 *
 * @throws Error that names the place.
 */
export async function resolveSecrets(
  args: JsonObject,
  source: SecretSource | undefined,
): Promise<JsonObject> {
  const forms: SecretForm[] = [];
  mapSecrets(args, (form) => {
    forms.push(form);
    return null;
  });
  if (forms.length === 0) return args;
  const texts = await Promise.all(
    forms.map(async (form) => {
      if (source === undefined || !('env' in form || 'file' in form)) {
        throw new Error('A secret is referred to, and this controller looks none up');
      }
      return await lookUpSecret(form, source);
    }),
  );
  let index = 0;
  return mapSecrets(args, (): JsonValue => texts[index++] ?? '') as JsonObject;
}
