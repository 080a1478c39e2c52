/** The node's key for secrets: given in a file, or made beside the data of an embedded store. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemRandom } from '../base/random.js';
import type { NodeSettings } from '../config/settings.js';
import { createSealer, type Sealer } from '../model/secret.js';
import { dataDirError, makeDataDir } from '../store/embedded/index.js';

/** The sealer of the key file; with a data directory of its own a node makes itself a key. */
export async function openSealer(
  settings: Pick<NodeSettings, 'secretKeyFile' | 'store'>,
): Promise<Sealer | undefined> {
  if (settings.secretKeyFile !== undefined) {
    return createSealer(
      parseKey(await readFile(settings.secretKeyFile, 'utf8'), settings.secretKeyFile),
      systemRandom,
    );
  }
  if (settings.store.kind === 'etcd') return undefined;
  if (settings.store.dataDir === undefined)
    return createSealer(Buffer.from(systemRandom.hex(32), 'hex'), systemRandom);
  return createSealer(await ownKey(settings.store.dataDir), systemRandom);
}

async function ownKey(dataDir: string): Promise<Uint8Array> {
  makeDataDir(dataDir);
  try {
    return await readOrMakeKey(dataDir);
  } catch (error) {
    throw dataDirError(dataDir, error);
  }
}

async function readOrMakeKey(dataDir: string): Promise<Uint8Array> {
  const file = join(dataDir, 'secret.key');
  try {
    await writeFile(file, `${systemRandom.hex(32)}\n`, { flag: 'wx', mode: 0o600 });
    await chmod(file, 0o600);
  } catch (error) {
    // It is there from an earlier start.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return parseKey(await readFile(file, 'utf8'), file);
}

function parseKey(text: string, file: string): Uint8Array {
  const trimmed = text.trim();
  const key = /^[0-9a-f]{64}$/i.test(trimmed) ? Buffer.from(trimmed, 'hex') : Buffer.from(trimmed, 'base64');
  if (key.length !== 32) throw new Error(`${file} must hold 32 bytes in hexadecimal or base64`);
  return key;
}
