// `npm run <task>`: installs what the task needs, then runs it. One place, so that no task needs a step before it.
import { spawn } from 'node:child_process';
import { ensureDebianPackages, ensureNodeModules, root } from './setup.mjs';

const [task = '', ...args] = process.argv.slice(2);
const bin = (name) => `${root}/node_modules/.bin/${name}`;
const tsx = ['--import', 'tsx'];

const tasks = {
  demo: async () => {
    const missing = ensureDebianPackages();
    return await run('node', [
      ...tsx,
      'examples/demo/main.ts',
      ...missing.map((name) => `--missing=${name}`),
      ...args,
    ]);
  },
  test: async () => {
    const missing = ensureDebianPackages(true);
    if (missing.length > 0) {
      console.error(`The tests need ${missing.join(', ')}`);
      return 1;
    }
    return await run('node', ['scripts/test.mjs', ...args]);
  },
  cluster: async () => {
    const missing = ensureDebianPackages();
    if (missing.some((name) => name.startsWith('etcd'))) {
      console.error(`The cluster needs ${missing.join(', ')}`);
      return 1;
    }
    return await run('node', [...tsx, 'examples/cluster/main.ts', ...args]);
  },
  bench: async () => {
    const missing = ensureDebianPackages();
    if (missing.some((name) => name.startsWith('etcd'))) {
      console.error(`The benches need ${missing.join(', ')}`);
      return 1;
    }
    return await run('node', ['scripts/bench.mjs', ...args]);
  },
  'python-controller': async () => {
    const { ensurePython } = await import('./python.mjs');
    const { python, generated } = ensurePython();
    process.env['PYTHONPATH'] = generated;
    return await run(python, ['examples/python-controller/controller.py', ...args]);
  },
  // The checker keeps the history of the whole run: of half an hour more than Node's default heap.
  chaos: async () => await run('node', ['--max-old-space-size=12288', ...tsx, 'test/chaos/main.ts', ...args]),
  kill: async () => await run('node', [...tsx, 'test/e2e/kill/main.ts', ...args]),
  'sim:mutants': async () => await run('node', [...tsx, 'test/simulation/mutants/main.ts', ...args]),
  sweep: async () => await run('node', [...tsx, 'test/simulation/sweep/main.ts', ...args]),
  sim: async () => await run('node', [...tsx, 'test/simulation/main.ts', ...args]),
  check: async () =>
    await inOrder([
      [bin('buf'), ['lint']],
      ['node', ['scripts/gen.mjs', '--check']],
      ['node', ['scripts/buf-breaking.mjs']],
      [bin('tsc'), ['-p', '.']],
      [bin('eslint'), ['.']],
      [bin('prettier'), ['--check', '--log-level', 'warn', '.']],
      [bin('mocha'), ['test/tidy/**/*.test.ts']],
    ]),
  gen: async () =>
    await inOrder([
      ['node', ['scripts/gen.mjs', ...args]],
      ['node', [...tsx, 'scripts/gen-docs.ts']],
    ]),
  format: async () => await run(bin('prettier'), ['--write', '--log-level', 'warn', '.']),
  build: async () => await run('node', ['scripts/build.mjs', ...args]),
};

async function run(command, commandArgs) {
  return await new Promise((resolve) => {
    const child = spawn(command, commandArgs, { cwd: root, stdio: 'inherit' });
    // Ctrl-C goes to the whole foreground group; the child ends first and its code is ours.
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, () => {
        if (signal === 'SIGTERM') child.kill(signal);
      });
    }
    child.on('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(1);
    });
  });
}

async function inOrder(commands) {
  for (const [command, commandArgs] of commands) {
    console.log(`— ${command.split('/').at(-1)} ${commandArgs.join(' ')}`);
    const code = await run(command, commandArgs);
    if (code !== 0) return code;
  }
  return 0;
}

const job = tasks[task];
if (job === undefined) {
  console.error(`No task "${task}"; there are: ${Object.keys(tasks).join(', ')}`);
  process.exitCode = 2;
} else {
  ensureNodeModules();
  process.exitCode = await job();
}
