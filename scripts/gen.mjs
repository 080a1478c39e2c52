// Makes src/gen from proto/. With --check: makes it elsewhere and compares, changing nothing.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root } from './setup.mjs';

const isCheck = process.argv.includes('--check');
const buf = join(root, 'node_modules/.bin/buf');

function generate(directory) {
  const options = { cwd: directory, stdio: ['ignore', 'inherit', 'inherit'] };
  execFileSync(buf, ['generate'], options);
  execFileSync(buf, ['generate', '--template', 'buf.gen.store.yaml'], options);
  execFileSync(
    buf,
    ['build', '--exclude-source-info', '-o', 'src/gen/descriptors.binpb', '--as-file-descriptor-set'],
    options,
  );
}

function filesBelow(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true })
    .map((name) => join(directory, String(name)))
    .filter((path) => statSync(path).isFile());
}

function compare(left, right) {
  const names = new Set(
    [left, right].flatMap((base) => filesBelow(base).map((path) => relative(base, path))),
  );
  return [...names].filter((name) => {
    const paths = [join(left, name), join(right, name)];
    return !paths.every((path) => existsSync(path)) || !readFileSync(paths[0]).equals(readFileSync(paths[1]));
  });
}

if (!isCheck) {
  generate(root);
} else {
  const scratch = mkdtempSync(join(tmpdir(), 'steplock-gen-'));
  try {
    for (const name of ['proto', 'buf.yaml', 'buf.gen.yaml', 'buf.gen.store.yaml', 'package.json']) {
      cpSync(join(root, name), join(scratch, name), { recursive: true });
    }
    // The plugin is found by its path below the project.
    execFileSync('ln', ['-s', join(root, 'node_modules'), join(scratch, 'node_modules')]);
    generate(scratch);
    const stale = compare(join(root, 'src/gen'), join(scratch, 'src/gen'));
    if (stale.length > 0) {
      console.error(`src/gen is not what proto/ makes; run npm run gen. Stale:\n${stale.join('\n')}`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
