// `npm run bench -- P1 …`: compiles the benches with what they measure, then runs them. Compiled, because that is what
// a packaged Steplock is. Not into dist/, which the command line would take for itself, however old it were.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './setup.mjs';

const run = (program, args) => spawnSync(program, args, { cwd: root, stdio: 'inherit' }).status ?? 1;

const status = run(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.bench.json']);
process.exitCode =
  status !== 0
    ? status
    : run('node', ['--enable-source-maps', '.cache/bench/bench/main.js', ...process.argv.slice(2)]);
