// Compiles src/ and plugins/ to dist/, with what is read at run time beside it. `--out DIR`: not into this checkout, whose
// command line would run the compiled code from then on, but into a folder that `npm pack` takes.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from './setup.mjs';

const [option, folder] = process.argv.slice(2);
const target = option === '--out' && folder !== undefined ? resolve(folder) : root;
const dist = join(target, 'dist');
rmSync(dist, { recursive: true, force: true });
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', '--outDir', dist], {
  cwd: root,
  stdio: 'inherit',
});
mkdirSync(join(dist, 'src/gen'), { recursive: true });
cpSync(join(root, 'src/gen/descriptors.binpb'), join(dist, 'src/gen/descriptors.binpb'));
if (target !== root) {
  for (const name of ['package.json', 'bin', 'proto', 'README.md', 'CHANGELOG.md', 'LICENSE'])
    cpSync(join(root, name), join(target, name), { recursive: true });
}
