/**
 * Files of lines that are only ever appended to, one for each day and node, so that no two processes write to the same
 * one. A line is there for good when {@link ArchiveFile.append} has ended; what an end of the process cut off stays as a
 * line that nothing was deleted for, and is no JSON.
 */
import { constants } from 'node:fs';
import { access, mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.js';
import { InvalidSettingError } from '../config/settings.js';
import { errorText } from '../errors/index.js';

/** Characters that are gathered before they are written. */
const gatherMax = 256 * 1_024;
const newline = 0x0a;

/** See the head of this file. */
export class ArchiveFile {
  readonly #directory: string;
  readonly #nodeId: string;
  readonly #clock: Clock;

  private constructor(directory: string, nodeId: string, clock: Clock) {
    this.#directory = directory;
    this.#nodeId = nodeId;
    this.#clock = clock;
  }

  /**
   * Makes the directory if it is not there; the one that it is in must be. (Making those too is left to nobody: Node 20
   * never comes back from it where a parent exists and takes none, as in /proc.)
   *
   * @throws InvalidSettingError when nothing can be written there.
   */
  static async open(directory: string, nodeId: string, clock: Clock): Promise<ArchiveFile> {
    try {
      await makeDirectory(directory);
      await access(directory, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new InvalidSettingError(`--retention-export-dir cannot be written to: ${errorText(error)}`);
    }
    return new ArchiveFile(directory, nodeId, clock);
  }

  /**
   * Appends the pieces of lines, each line with its end, and waits until they are on disk.
   *
   * @throws Error when that cannot be done; nothing of it is then left in the file, unless that fails too.
   */
  async append(pieces: AsyncIterable<string>): Promise<void> {
    const day = new Date(this.#clock.nowMs()).toISOString().slice(0, 10);
    const path = join(this.#directory, `workflows-${day}-${this.#nodeId}.jsonl`);
    const file = await open(path, 'a+', 0o600);
    try {
      await appendTo(file, pieces);
    } finally {
      await file.close();
    }
    await syncDirectory(this.#directory);
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  }
}

async function appendTo(file: FileHandle, pieces: AsyncIterable<string>): Promise<void> {
  const { size } = await file.stat();
  try {
    let gathered = (await endsLine(file, size)) ? '' : '\n';
    for await (const piece of pieces) {
      gathered += piece;
      if (gathered.length < gatherMax) continue;
      await file.appendFile(gathered);
      gathered = '';
    }
    await file.appendFile(gathered);
    await file.sync();
  } catch (error) {
    // A full disk: what was not written whole would only take room.
    await file.truncate(size).catch(() => undefined);
    throw error;
  }
}

/** Whether the next line can begin: an end of the process may have cut off the last one. */
async function endsLine(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return true;
  const { buffer } = await file.read({ buffer: Buffer.alloc(1), position: size - 1 });
  return buffer[0] === newline;
}

/** A new file is there for good once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
