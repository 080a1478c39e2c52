// Runs all suites, one after the other, and ends with the sum over all of them. `node scripts/test.mjs NAME…` runs some.
// Each suite has a budget in minutes (they stand in .ci/run too): what takes longer is ended, and counts as failed.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './setup.mjs';

const mochaSuites = {
  unit: { minutes: 3, files: ['test/unit/**/*.test.ts', 'test/property/**/*.test.ts'] },
  tidy: { minutes: 1, files: ['test/tidy/**/*.test.ts'] },
  store: { minutes: 3, files: ['test/store/**/*.test.ts'] },
  // The same tests on the etcd that production runs; without it they run on the one of the PATH, Debian's.
  store36: { minutes: 3, files: ['test/store/**/*.test.ts'], etcd: ensureEtcd36 },
  simulation: { minutes: 8, files: ['test/simulation/**/*.test.ts'] },
  integration: { minutes: 9, files: ['test/integration/**/*.test.ts'] },
  plugins: { minutes: 5, files: ['test/plugins/**/*.test.ts'] },
  // Every storage adapter under the same checks; each check has a system, and some a process, of its own.
  conformance: { minutes: 7, files: ['test/conformance/**/*.test.ts'] },
  // A vCenter simulator is built first.
  vsphere: { minutes: 3, files: ['test/vsphere/**/*.test.ts'], prepare: ensureVCenter },
  e2e: { minutes: 16, files: ['test/e2e/**/*.test.ts'] },
  chaos: { minutes: 15, files: ['test/chaos/**/*.test.ts'] },
};
const commandSuites = {
  check: { minutes: 6, command: ['node', 'scripts/run.mjs', 'check'] },
};
// Of all tests. Before store36, chaos and vsphere programs are built from Go modules, unless this user's cache has them.
const order = [
  ...['check', 'unit', 'store', 'store36', 'simulation', 'integration', 'plugins'],
  ...['conformance', 'vsphere', 'e2e', 'chaos'],
];

const scratch = mkdtempSync(join(tmpdir(), 'steplock-test-'));
const wanted = process.argv.slice(2);
const results = [];
try {
  for (const name of wanted.length > 0 ? wanted : order) {
    const suite = mochaSuites[name] ?? commandSuites[name];
    if (suite === undefined) throw new Error(`No suite "${name}"; there are: ${order.join(', ')}`);
    console.log(`\n═══ ${name} (at most ${suite.minutes} min)`);
    const startedMs = Date.now();
    const counts = suite.files === undefined ? await runCommand(suite) : await runMocha(name, suite);
    results.push({ name, seconds: (Date.now() - startedMs) / 1_000, ...counts });
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
report();

/** Whether this checkout knows how to build etcd 3.6. */
function hasEtcd36Build() {
  return existsSync(join(root, 'scripts/etcd36.mjs'));
}

async function ensureVCenter() {
  const build = await import('./vcenter.mjs');
  await build.ensureVCenter();
}

async function ensureEtcd36() {
  // By hand: a binary that is there already.
  const given = process.env['STEPLOCK_TEST_ETCD36'];
  if (given !== undefined) return given;
  if (!hasEtcd36Build()) throw new Error('Set STEPLOCK_TEST_ETCD36 to the path of an etcd 3.6');
  const build = await import('./etcd36.mjs');
  return await build.ensureEtcd36();
}

async function runMocha(name, { files, minutes, etcd, prepare }) {
  await prepare?.();
  const env = etcd === undefined ? process.env : { ...process.env, STEPLOCK_TEST_ETCD: await etcd() };
  const file = join(scratch, `${name}.json`);
  const args = [...files, '--reporter', 'test/support/reporter.cjs', '--reporter-option', `file=${file}`];
  const code = await run(join(root, 'node_modules/.bin/mocha'), args, minutes, env);
  try {
    const { passed, failed, failures } = JSON.parse(readFileSync(file, 'utf8'));
    // A suite that ends badly without a failed test has failed all the same: a hook, or a process that was ended.
    return { passed, failed: failed === 0 && code !== 0 ? 1 : failed, failures };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

async function runCommand({ command: [program, ...args], minutes }) {
  const code = await run(program, args, minutes);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function run(program, args, minutes, env = process.env) {
  return await new Promise((resolve) => {
    // A group of its own, so that what runs too long goes with all that it started.
    const child = spawn(program, args, { cwd: root, stdio: 'inherit', detached: true, env });
    const endGroup = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    };
    const timer = setTimeout(() => {
      console.log(`Over its budget of ${minutes} min: ended`);
      endGroup();
    }, minutes * 60_000);
    const onSignal = () => {
      endGroup();
      process.exit(130);
    };
    process.once('SIGINT', onSignal);
    process.once('SIGTERM', onSignal);
    child.on('exit', (code) => {
      clearTimeout(timer);
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      endGroup();
      resolve(code ?? 1);
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      console.error(error.message);
      resolve(1);
    });
  });
}

function report() {
  // Named again at the end, where somebody who reads only a log's tail sees them.
  for (const { name, failures = [] } of results) {
    for (const failure of failures) console.log(`\nFAILED ${name}: ${failure}`);
  }
  console.log('');
  for (const { name, passed, failed, seconds } of results) {
    console.log(
      `${name.padEnd(12)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed  ${seconds.toFixed(0)} s`,
    );
  }
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('failed') === 0 ? 0 : 1;
}
