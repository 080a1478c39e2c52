// Installs what the project needs, and only what is missing: npm packages anywhere; Debian packages with root on Debian.
// Plain Node without packages: it runs first on a bare machine.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Debian packages by the program that shows that they are there. */
const debianPackages = {
  etcd: 'etcd-server',
  tgtd: 'tgt',
  'iscsi-ls': 'libiscsi-bin',
  'qemu-io': 'qemu-utils',
};
/** What only tests need. */
const testPackages = {
  'mkfs.xfs': 'xfsprogs',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  python3: 'python3',
};
/** Has no program of its own: qemu's iSCSI block driver. */
const qemuBlockDrivers = ['/usr/lib', '/usr/lib64'];

/** Installs npm packages if they are missing or older than the lock file. */
export function ensureNodeModules() {
  const installed = `${root}/node_modules/.package-lock.json`;
  const lock = `${root}/package-lock.json`;
  const isFresh = existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs;
  if (isFresh) return;
  console.error('Installing npm packages …');
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (result.status !== 0) {
    console.error('npm ci failed. Is the npm registry reachable?');
    process.exit(1);
  }
}

/** Whether a program is on the PATH, /usr/sbin included. */
export function hasProgram(name) {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  return path.split(':').some((directory) => directory !== '' && existsSync(`${directory}/${name}`));
}

/**
 * Installs the Debian packages that are missing. Gives what is missing afterwards, with the reason; empty when all is
 * there. `forTests`: those that only tests need, too.
 */
export function ensureDebianPackages(forTests = false) {
  const missing = missingPackages(forTests);
  if (missing.length === 0) return [];
  if (!existsSync('/etc/debian_version') || !hasProgram('apt-get'))
    return explain(missing, 'this is no Debian');
  if (process.getuid?.() !== 0) return explain(missing, 'installing them needs root');
  console.error(`Installing Debian packages: ${missing.join(', ')} …`);
  installQuietly(missing);
  return explain(missingPackages(forTests), 'apt-get could not install them');
}

function missingPackages(forTests) {
  const wanted = { ...debianPackages, ...(forTests ? testPackages : {}) };
  const missing = Object.entries(wanted)
    .filter(([program]) => !hasProgram(program))
    .map(([, name]) => name);
  if (!hasQemuIscsi()) missing.push('qemu-block-extra');
  if (forTests && !hasPythonVenv()) missing.push('python3-venv');
  return [...new Set(missing)];
}

/** Debian has taken what `python3 -m venv` needs out of python3. */
function hasPythonVenv() {
  return spawnSync('python3', ['-c', 'import ensurepip']).status === 0;
}

function hasQemuIscsi() {
  return qemuBlockDrivers.some((directory) => {
    const found = spawnSync('find', [directory, '-name', 'block-iscsi.so', '-print', '-quit'], {
      encoding: 'utf8',
    });
    return found.stdout?.trim() !== '' && found.status !== null;
  });
}

function explain(missing, why) {
  return missing.map((name) => `${name} (${why})`);
}

/** No package may start a service on the machine that it is installed on. */
function installQuietly(packages) {
  const policy = '/usr/sbin/policy-rc.d';
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    const options = { env, stdio: ['ignore', 'ignore', 'inherit'] };
    const install = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
    // The lists of a fresh image are empty or old.
    execFileSync('apt-get', ['update', '-qq'], options);
    execFileSync('apt-get', install, options);
  } catch (error) {
    console.error(`apt-get: ${error.message}`);
  } finally {
    if (isOurs) rmSync(policy, { force: true });
  }
}

/** The project's package.json. */
export function readPackage() {
  return JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
}
