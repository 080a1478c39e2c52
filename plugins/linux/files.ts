/** Files that are there whole or not at all, also after the power failed. */
import { constants, type BigIntStats } from 'node:fs';
import { open, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from './refusal.js';

/** Replaces the file by one with this text: whoever reads it sees the former text or all of the new one. */
export async function writeFileAtomic(path: string, temporaryPath: string, text: string): Promise<void> {
  const { O_CREAT, O_TRUNC, O_WRONLY, O_NOFOLLOW } = constants;
  const file = await open(temporaryPath, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await removeFile(temporaryPath);
    throw withPath(error, path);
  } finally {
    await file.close();
  }
  await rename(temporaryPath, path);
  await syncDirectory(dirname(path));
}

/** The file's text, or undefined if it is not there. */
export async function readFileIfThere(path: string): Promise<string | undefined> {
  return await unlessMissing(async () => {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  });
}

/** What the file is, or undefined if it is not there. */
export async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  return await unlessMissing(async () => await stat(path, { bigint: true }));
}

/** Removes the file; true if it was there. */
export async function removeFile(path: string): Promise<boolean> {
  const removed = await unlessMissing(async () => {
    await unlink(path);
    return true;
  });
  return removed ?? false;
}

/** Makes what was created, renamed and removed in the directory outlast a power failure. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Sets the file's length and makes it last. */
export async function setLength(path: string, length: number): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    await file.truncate(length);
    await file.sync();
  } catch (error) {
    throw withPath(error, path);
  } finally {
    await file.close();
  }
}

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Calls on an open file do not say in their errors which file it was. */
function withPath(error: unknown, path: string): unknown {
  return error instanceof Error ? Object.assign(error, { path }) : error;
}
