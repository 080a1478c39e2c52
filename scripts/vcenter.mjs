// Builds the vCenter simulator of the tests from Go modules, once; `node scripts/vcenter.mjs` prints where it is. The
// sources are pinned by test/vsphere/launcher/go.sum.
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { ensureGoBinary } from './go.mjs';
import { root } from './setup.mjs';

/**
 * The path of the binary; builds it first if it is not there: one to three minutes on two cores.
 *
 * @throws Error when it cannot be built, with the reason.
 */
export async function ensureVCenter() {
  const sources = join(root, 'test/vsphere/launcher');
  return await ensureGoBinary('vcenter', sources, (go, work, env) => {
    cpSync(sources, work, { recursive: true });
    const args = ['build', '-trimpath', '-ldflags=-s -w', '-o', 'vcenter', '.'];
    execFileSync(go, args, { cwd: work, env, stdio: ['ignore', 'inherit', 'inherit'] });
  });
}

if (import.meta.url === `file://${process.argv[1] ?? ''}`) console.log(await ensureVCenter());
