// Go for peers of our tests that are built from Go modules: from the PATH or, where it is missing or too old, as a module
// from the Go proxy. What is built is kept in the user's cache ($XDG_CACHE_HOME/steplock or ~/.cache/steplock) by the
// hash of its sources, so that another checkout finds it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { unzip } from './unzip.mjs';

/** Where what was built is kept. */
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'steplock');
/** The least that the peers build with, and what is fetched. */
const goVersion = '1.26.8';
const goMinor = 26;
/** Of the toolchain's module, as the proxy serves it. */
const goSha256 = {
  amd64: '30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7',
  arm64: '02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99',
};

/** Where the program that is built from the Go files in a folder is, or will be. */
export function goBinary(name, sources) {
  const hash = createHash('sha256');
  const files = readdirSync(sources).filter((file) => /\.go$|^go\.(mod|sum)$/.test(file));
  for (const file of files.sort()) hash.update(`${file}\n`).update(readFileSync(join(sources, file)));
  return join(cache, name, hash.digest('hex').slice(0, 16), name);
}

/**
 * The path of the program; if it is not there it is built first, by `build(go, work, env)`, which leaves it as
 * `work/NAME`.
 *
 * @throws Error when it cannot be built, with the reason.
 */
export async function ensureGoBinary(name, sources, build) {
  const binary = goBinary(name, sources);
  if (existsSync(binary)) return binary;
  console.error(`Building ${name} from Go modules (once; some minutes) …`);
  const go = findGo() ?? (await fetchGo());
  mkdirSync(join(cache, name), { recursive: true });
  const work = mkdtempSync(join(cache, name, 'build-'));
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-buildvcs=false', GOWORK: 'off' };
  try {
    build(go, work, env);
    mkdirSync(join(binary, '..'), { recursive: true });
    // In one step, so that two builds at once do no harm.
    renameSync(join(work, name), binary);
  } finally {
    // Go's copies are read-only.
    execFileSync('chmod', ['-R', 'u+w', work]);
    rmSync(work, { recursive: true, force: true });
  }
  return binary;
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
    throw new Error(`the tests need Go 1.${goMinor} or later on the PATH`);
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
