/** A `linux` system as it lies on disk and in tgtd: what the in-process subject and the agent's have in common. */
import { mkdir, mkdtemp, open, readdir, rm, stat, statfs, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LinuxSystem } from '../../../plugins/linux/index.js';
import type { RunningTgtd } from '../../../plugins/linux/tgtd.js';
import { mebibyte } from '../../plugins/linux/support.js';
import type { Bench, Objects } from '../bench.js';

/** Everything of a bench that needs no controller. */
export type BehindLinux = Pick<Bench, 'objects' | 'write' | 'read' | 'setSize' | 'addForeign'>;

/** A system in a directory of its own, which may promise a tebibyte. */
export async function newSystem(tgtd: RunningTgtd): Promise<LinuxSystem> {
  const rootDir = await mkdtemp(join(tmpdir(), 'steplock-conformance-'));
  const { blocks, bsize } = await statfs(rootDir);
  return {
    id: 'shelf',
    rootDir,
    tgtd: { controlPort: tgtd.controlPort, portal: tgtd.portal, ipcPath: tgtd.ipcPath },
    iqnPrefix: `iqn.2026-11.com.example:${rootDir.replaceAll(/[^A-Za-z0-9]/g, '').toLowerCase()}`,
    oversubscription: 1024 ** 4 / (blocks * bsize),
  };
}

/** Takes away all that is in the system, foreign things too. */
export async function emptySystem(system: LinuxSystem, { client }: RunningTgtd): Promise<void> {
  const { targets, accounts } = await client.show();
  for (const { tid, name } of targets) {
    if (!name.startsWith(system.iqnPrefix)) continue;
    await client.request({ mode: 'target', operation: 'delete', tid, force: true }, ['no target']);
  }
  for (const username of accounts) {
    await client.request({ mode: 'account', operation: 'delete', parameters: `user=${username}` }, [
      'no account',
    ]);
  }
  for (const name of await readdir(system.rootDir)) {
    await rm(join(system.rootDir, name), { recursive: true, force: true });
  }
}

/** Removes a volume's files, whosever they are. */
export async function destroyFiles({ rootDir }: LinuxSystem, volume: string): Promise<void> {
  for (const suffix of ['img', 'json'])
    await rm(join(rootDir, 'volumes', `${volume}.${suffix}`), { force: true });
}

/** Looks and reaches behind the controller. */
export function behind(system: LinuxSystem, tgtd: RunningTgtd): BehindLinux {
  const { rootDir, iqnPrefix } = system;
  const image = (volume: string, kind = 'volume'): string => join(rootDir, `${kind}s`, `${volume}.img`);
  return {
    objects: async () => {
      const [volumes, snapshots] = [
        await filesIn(join(rootDir, 'volumes')),
        await filesIn(join(rootDir, 'snapshots')),
      ];
      const exports: Record<string, string[]> = {};
      for (const { name, acl } of (await tgtd.client.show()).targets) {
        if (name.startsWith(`${iqnPrefix}:`) && acl.length > 0) {
          exports[name.slice(iqnPrefix.length + 1)] = [...acl].sort();
        }
      }
      return {
        ...{ volumes: volumes.sizes, snapshots: snapshots.sizes, exports },
        stray: [...volumes.stray, ...snapshots.stray],
      };
    },
    write: async (volume, text) => {
      const file = await open(image(volume), 'r+');
      await file.write(text, 0);
      await file.close();
    },
    read: async (volume, like) => {
      const file = await open(image(volume), 'r');
      const { buffer } = await file.read(Buffer.alloc(like.length), 0, like.length, 0);
      await file.close();
      return buffer.toString('latin1');
    },
    setSize: async (volume, sizeBytes) => {
      await truncate(image(volume), sizeBytes);
    },
    addForeign: async (kind, name) => {
      await mkdir(join(rootDir, `${kind}s`), { recursive: true });
      const file = await open(image(name, kind), 'w');
      await file.truncate(3 * mebibyte);
      await file.close();
    },
  };
}

async function filesIn(directory: string): Promise<{ sizes: Record<string, number>; stray: string[] }> {
  const found: { sizes: Objects['volumes'] & Record<string, number>; stray: string[] } = {
    sizes: {},
    stray: [],
  };
  for (const name of (await readdir(directory).catch(() => [])).sort()) {
    if (name.startsWith('.')) found.stray.push(name);
    else if (name.endsWith('.img')) {
      found.sizes[name.slice(0, -'.img'.length)] = (await stat(join(directory, name))).size;
    }
  }
  return found;
}
