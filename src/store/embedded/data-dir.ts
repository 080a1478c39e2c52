/** The directory of a store: made if need be, and named in whatever goes wrong with it. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { errorText, SteplockError } from '../../errors/index.js';

/**
 * Makes the directory, and those around it, if need be.
 *
 * @throws SteplockError STORE_UNAVAILABLE
 */
export function makeDataDir(directory: string): void {
  try {
    make(resolve(directory));
  } catch (cause) {
    throw dataDirError(directory, cause);
  }
}

/** What went wrong with the directory, by its name; an error that says so already stays as it is. */
export function dataDirError(directory: string, cause: unknown): SteplockError {
  if (cause instanceof SteplockError) return cause;
  const message = `Cannot use the data directory ${directory}: ${errorText(cause)}`;
  return new SteplockError('STORE_UNAVAILABLE', message, { metadata: { directory }, cause });
}

/** Not with `recursive`: where a file system says ENOENT for good, as /proc does, Node would try for ever. */
function make(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    const around = dirname(path);
    if (code !== 'ENOENT' || existsSync(around)) throw error;
    make(around);
    mkdirSync(path);
  }
}
