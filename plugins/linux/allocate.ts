/**
 * Fills a data file with real zeros, by children that hold the volume's lock with us: first the space is
 * reserved, so that a full disk is known at once, then it is written, which takes its time.
 */
import type { Call } from './call.js';
import { Refusal } from './refusal.js';

/** Reserves the bytes from `fromBytes` to below `toBytes` of the file. */
export async function reserveSpace(
  call: Call,
  path: string,
  fromBytes: number,
  toBytes: number,
): Promise<void> {
  const args = ['--offset', String(fromBytes), '--length', String(toBytes - fromBytes), path];
  const result = await call.run('fallocate', args, { signal: call.signal, inherit: call.lock.file.fd });
  if (result.exitCode === 0) return;
  // A file system that cannot reserve shows its limit when the zeros are written.
  if (result.errorOutput.includes('not supported')) return;
  throw allocationFailure(call, path, 'fallocate', result.errorOutput);
}

/** Writes zeros from `fromBytes` to below `toBytes` of the file and makes them last. */
export async function writeZeros(
  call: Call,
  path: string,
  fromBytes: number,
  toBytes: number,
): Promise<void> {
  const length = toBytes - fromBytes;
  const report = (text: string): void => {
    const written = /([0-9]+) bytes[^\r\n]*$/.exec(text.trimEnd())?.[1];
    if (written !== undefined) call.context.progress(percentOf(Number(written), length), 'Writing zeros');
  };
  const args = [
    ...['if=/dev/zero', `of=${path}`, 'bs=4M', 'iflag=count_bytes,fullblock', `count=${length}`],
    ...['oflag=seek_bytes', `seek=${fromBytes}`, 'conv=notrunc,fsync', 'status=progress'],
  ];
  const { signal, lock } = call;
  const result = await call.run('dd', args, { signal, inherit: lock.file.fd, onErrorOutput: report });
  if (result.exitCode !== 0) throw allocationFailure(call, path, 'dd', result.errorOutput);
}

/** A whole number from 0 to 100. */
export function percentOf(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.min(100, Math.floor((part / whole) * 100));
}

function allocationFailure({ system, volume }: Call, path: string, tool: string, text: string): Error {
  if (/No space left on device|Disk quota exceeded/.test(text)) {
    return new Refusal(
      'CapacityExceeded',
      `Storage system ${system.id} has no space left for volume ${volume}: free some or choose another system`,
    );
  }
  if (/File too large/.test(text)) {
    return new Refusal('InvalidSize', `The file system of ${path} cannot hold a file that large`);
  }
  return new Error(`${tool} could not fill ${path}: ${text.trim().split('\n').at(-1) ?? ''}`);
}
