/**
 * Copies of data files: by reflink where the file system can (XFS, btrfs), which is instant, takes no space and is of one
 * moment whoever writes; else byte by byte.
 */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '../../src/controller.js';
import type { Call } from './call.js';
import { runChild, type RunChild } from './child-process.js';
import { removeFile } from './files.js';
import { Refusal } from './refusal.js';
import type { LinuxSystem } from './options.js';

/** The kernel notes times of writes by its ticks: what is younger may be written again within the same one. */
const tickMs = 40;
const tries = 3;

/** Finds out, by trying, whether the system's file system copies by reflink. */
export async function canReflink({ rootDir }: LinuxSystem, run: RunChild = runChild): Promise<boolean> {
  const [from, to] = [`.reflink-${process.pid}.from`, `.reflink-${process.pid}.to`].map((name) =>
    join(rootDir, name),
  ) as [string, string];
  try {
    const file = await open(from, 'w', 0o600);
    await file.writeFile('x'.repeat(4_096));
    await file.close();
    const { exitCode } = await run('cp', ['--reflink=always', from, to], {
      signal: AbortSignal.timeout(10_000),
    });
    return exitCode === 0;
  } finally {
    await removeFile(from);
    await removeFile(to);
  }
}

/**
 * Copies the file to one that is there and empty. Nobody of ours writes to the source meanwhile, but initiators may.
 *
 * @throws Refusal VolumeBusy if they do and the file system cannot reflink: a copy would mix two moments; CapacityExceeded.
 */
export async function copyFile(call: Call, from: string, to: string): Promise<void> {
  if (await cp(call, ['--reflink=always', from, to])) return;
  for (let attempt = 0; attempt < tries; attempt++) {
    const before = await settledTime(call, from);
    if (!(await cp(call, ['--reflink=never', '--sparse=always', from, to]))) throw noSpace(call);
    if ((await stat(from, { bigint: true })).mtimeNs === before) return;
  }
  throw new Refusal(
    'VolumeBusy',
    `${from} is written to while it is copied, and its file system has no reflinks: ` +
      'stop writing for a moment, or keep the system on XFS',
  );
}

/** When the file was last written to, once that is long enough ago for the next write to show. */
async function settledTime({ clock, signal }: Call, path: string): Promise<bigint> {
  for (;;) {
    const { mtimeNs, mtimeMs } = await stat(path, { bigint: true });
    const restMs = Number(mtimeMs) + tickMs - clock.nowMs();
    if (restMs <= 0) return mtimeNs;
    await sleep(clock, Math.min(restMs, tickMs), signal);
  }
}

/** Whether it worked; false if the file system cannot do that, or has no space. */
async function cp(call: Call, args: readonly string[]): Promise<boolean> {
  const { run, signal, lock } = call;
  const { exitCode, errorOutput } = await run('cp', ['--no-preserve=all', ...args], {
    ...{ signal, inherit: lock.file.fd },
  });
  if (exitCode === 0) return true;
  if (args[0] === '--reflink=always') return false;
  if (/No space left on device|Disk quota exceeded/.test(errorOutput)) return false;
  throw new Error(`cp could not copy ${args.slice(-2).join(' to ')}: ${errorOutput.trim()}`);
}

function noSpace({ system, volume }: Call): Refusal {
  return new Refusal(
    'CapacityExceeded',
    `Storage system ${system.id} has no space left for a copy to ${volume}: free some or choose another system`,
  );
}
