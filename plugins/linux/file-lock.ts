/**
 * A lock between processes: an advisory lock (flock) on a file. The kernel gives it back when the last
 * process that holds it is gone, so kill -9 frees it at once and SIGSTOP does not.
 *
 * Node cannot take such a lock itself. It opens the file, and a `flock` child takes the lock on that very
 * open file and ends; the lock stays with our descriptor. Nothing has to be kept running, and a child that
 * inherits the descriptor holds the lock with us.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { RunChild } from './child-process.js';
import { statIfThere } from './files.js';

/** A lock that is held. */
export interface HeldLock {
  /** The locked file, open for reading and writing. */
  readonly file: FileHandle;
}

/** What taking a lock needs. */
export interface LockOptions {
  /** Ends the wait. */
  readonly signal: AbortSignal;
  /** Runs `flock`. */
  readonly run: RunChild;
}

/**
 * Runs the work while the lock on the file is held; makes the file if it is not there.
 *
 * @throws the signal's reason if it aborts before the lock is held.
 */
export async function withLock<T>(
  path: string,
  options: LockOptions,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  for (;;) {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    // Closing the only descriptor gives the lock back, whatever happened.
    try {
      await takeLock(file, path, options);
      // Whoever removed the file while we waited has left us a lock that nobody else sees.
      if (await isStillAt(file, path)) return await work({ file });
    } finally {
      await file.close();
    }
  }
}

async function takeLock(file: FileHandle, path: string, options: LockOptions): Promise<void> {
  const { signal, run } = options;
  const { exitCode, errorOutput } = await run('flock', ['--exclusive', '3'], { signal, inherit: file.fd });
  if (exitCode !== 0) throw new Error(`Cannot lock ${path}: flock ended with ${exitCode} ${errorOutput}`);
  signal.throwIfAborted();
}

async function isStillAt(file: FileHandle, path: string): Promise<boolean> {
  const [held, named] = [await file.stat({ bigint: true }), await statIfThere(path)];
  return named?.ino === held.ino && named.dev === held.dev;
}
