// Builds etcd 3.6 with its fault points (gofail) from Go modules, once; `node scripts/etcd36.mjs` prints where it is.
// The sources are pinned by test/support/etcd-gofail/go.sum, and the binary is kept by their hash in the user's cache
// ($XDG_CACHE_HOME/steplock or ~/.cache/steplock), so that another checkout finds it. Go itself comes from the PATH or,
// where it is missing or too old, as a module from the Go proxy.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { root } from './setup.mjs';
import { unzip } from './unzip.mjs';

const sources = join(root, 'test/support/etcd-gofail');
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'steplock');
const server = 'go.etcd.io/etcd/server/v3';
/** The least that etcd 3.6.16 builds with, and what is fetched. */
const goVersion = '1.26.8';
const goMinor = 26;
/** Of the toolchain's module, as the proxy serves it. */
const goSha256 = {
  amd64: '30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7',
  arm64: '02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99',
};

/** Where the binary is, if it was built before. */
export function findEtcd36() {
  return existsSync(binary()) ? binary() : undefined;
}

/**
 * The path of the binary; builds it first if it is not there: two to four minutes on two cores, some seconds with a warm
 * cache of Go.
 *
 * @throws Error when it cannot be built, with the reason.
 */
export async function ensureEtcd36() {
  if (existsSync(binary())) return binary();
  console.error('Building etcd 3.6 with fault points (once; some minutes) …');
  const go = findGo() ?? (await fetchGo());
  mkdirSync(join(cache, 'etcd36'), { recursive: true });
  const work = mkdtempSync(join(cache, 'etcd36', 'build-'));
  try {
    build(go, work);
    mkdirSync(join(binary(), '..'), { recursive: true });
    // In one step, so that two builds at once do no harm.
    renameSync(join(work, 'etcd'), binary());
  } finally {
    // Go's copies are read-only.
    execFileSync('chmod', ['-R', 'u+w', work]);
    rmSync(work, { recursive: true, force: true });
  }
  return binary();
}

function binary() {
  const hash = createHash('sha256');
  for (const name of ['go.mod', 'go.sum', 'main.go']) hash.update(readFileSync(join(sources, name)));
  return join(cache, 'etcd36', hash.digest('hex').slice(0, 16), 'etcd');
}

/** Fault points are comments in etcd's source until gofail makes code of them: so a copy of the server is built. */
function build(go, work) {
  cpSync(sources, work, { recursive: true });
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-buildvcs=false', GOWORK: 'off' };
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

/** Go on the PATH, if it is new enough. */
function findGo() {
  try {
    const version = execFileSync('go', ['env', 'GOVERSION'], {
      encoding: 'utf8',
      env: { ...process.env, GOTOOLCHAIN: 'local' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [, minor] = /^go1\.(\d+)/.exec(version) ?? [];
    return Number(minor) >= goMinor ? 'go' : undefined;
  } catch {
    // Not installed.
    return undefined;
  }
}

async function fetchGo() {
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch];
  if (process.platform !== 'linux' || architecture === undefined)
    throw new Error(`etcd 3.6 needs Go 1.${goMinor} or later on the PATH`);
  const home = join(cache, `go-${goVersion}`);
  if (existsSync(join(home, 'bin/go'))) return join(home, 'bin/go');
  const [proxy] = (process.env['GOPROXY'] ?? 'https://proxy.golang.org').split(/[,|]/);
  const url = `${proxy}/golang.org/toolchain/@v/v0.0.1-go${goVersion}.linux-${architecture}.zip`;
  console.error(`Fetching Go ${goVersion} …`);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const zip = Buffer.from(await response.arrayBuffer());
  const sha256 = createHash('sha256').update(zip).digest('hex');
  if (sha256 !== goSha256[architecture]) throw new Error(`${url} has another content: ${sha256}`);
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'go-'));
  // Names begin with the module's, `golang.org/toolchain@v…/`; modules have no modes, so programs get theirs here.
  for (const { name, content } of unzip(zip)) {
    const path = name.slice(name.indexOf('/', name.indexOf('@')) + 1);
    mkdirSync(join(work, path, '..'), { recursive: true });
    writeFileSync(join(work, path), content());
    if (/^(bin|pkg\/tool)\//.test(path)) chmodSync(join(work, path), 0o755);
  }
  rmSync(home, { recursive: true, force: true });
  renameSync(work, home);
  return join(home, 'bin/go');
}

if (import.meta.url === `file://${process.argv[1] ?? ''}`) console.log(await ensureEtcd36());
