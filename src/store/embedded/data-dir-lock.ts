/**
 * One process per data directory. The lock is the kernel's (on Linux an open file description lock), not a file
 * whose presence means something: it goes with the process however that dies, so it never is stale, and it also
 * holds between containers that share the directory, where process ids tell nothing.
 */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { SteplockError } from '../../errors/index.js';
import { makeDataDir } from './data-dir.js';

/**
 * Makes the directory if need be and locks it.
 *
 * @returns what gives the lock up.
 * @throws SteplockError STORE_UNAVAILABLE when another process, or this one, has it open.
 */
export function lockDataDir(directory: string): () => void {
  makeDataDir(directory);
  // A bare descriptor: a FileHandle that is collected as garbage would close the file and lose the lock.
  const file = openSync(join(directory, 'lock'), 'a+');
  try {
    if (!tryLock(file)) throw inUse(directory, file);
    // For people, and for the message below; it means nothing once the lock is gone.
    ftruncateSync(file);
    writeSync(file, `${process.pid}\n`);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return () => {
    closeSync(file);
  };
}

function inUse(directory: string, file: number): SteplockError {
  const buffer = Buffer.alloc(20);
  const length = readSync(file, buffer, 0, buffer.length, 0);
  const pid = buffer.toString('latin1', 0, length).trim();
  const message = `The data directory ${directory} is in use by process ${pid === '' ? 'unknown' : pid}`;
  return new SteplockError('STORE_UNAVAILABLE', message, { metadata: { directory, pid } });
}
