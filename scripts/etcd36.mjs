// Builds etcd 3.6 with its fault points (gofail) from Go modules, once; `node scripts/etcd36.mjs` prints where it is. The
// sources are pinned by test/support/etcd-gofail/go.sum.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureGoBinary, goBinary } from './go.mjs';
import { root } from './setup.mjs';

const sources = join(root, 'test/support/etcd-gofail');
const server = 'go.etcd.io/etcd/server/v3';

/** Where the binary is, if it was built before. */
export function findEtcd36() {
  const binary = goBinary('etcd', sources);
  return existsSync(binary) ? binary : undefined;
}

/**
 * The path of the binary; builds it first if it is not there: two to four minutes on two cores, some seconds with a warm
 * cache of Go.
 *
 * @throws Error when it cannot be built, with the reason.
 */
export async function ensureEtcd36() {
  return await ensureGoBinary('etcd', sources, build);
}

/** Fault points are comments in etcd's source until gofail makes code of them: so a copy of the server is built. */
function build(go, work, env) {
  cpSync(sources, work, { recursive: true });
  const run = (...args) =>
    execFileSync(go, args, { cwd: work, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const { Dir: module } = JSON.parse(run('mod', 'download', '-json', server));
  const copy = join(work, 'server');
  cpSync(module, copy, { recursive: true });
  execFileSync('chmod', ['-R', 'u+w', copy]);
  run('tool', 'gofail', 'enable', ...foldersWithFaultPoints(copy));
  run('mod', 'edit', `-replace=${server}=./server`);
  run('build', '-mod=mod', '-trimpath', '-ldflags=-s -w', '-o', 'etcd', '.');
}

function foldersWithFaultPoints(folder) {
  const entries = readdirSync(folder, { withFileTypes: true });
  const isOne = entries.some(
    (entry) =>
      /(?<!_test)\.go$/.test(entry.name) &&
      readFileSync(join(folder, entry.name), 'utf8').includes('// gofail:'),
  );
  const below = entries.filter((entry) => entry.isDirectory());
  return [
    ...(isOne ? [folder] : []),
    ...below.flatMap((entry) => foldersWithFaultPoints(join(folder, entry.name))),
  ];
}

if (import.meta.url === `file://${process.argv[1] ?? ''}`) console.log(await ensureEtcd36());
