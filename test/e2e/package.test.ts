/** The package as a user gets it: built, packed, installed into an empty project, compiled there under strict, and run. */
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { version } from '../../src/version.js';
import { root } from '../tidy/support/project.js';

const run = promisify(execFile);

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly version: string }>>;
}

/** As a careful user has it: everything strict, declarations of packages checked too. */
const consumerConfig = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable'],
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: ['node'],
    outDir: 'out',
    rootDir: '.',
  },
  include: ['*.ts'],
};

/** Where an example imports a source, a user imports an entry. */
const entries: readonly (readonly [RegExp, string])[] = [
  [/'\.\.\/\.\.\/src\/client\/index\.js'/g, "'steplock/client'"],
  [/'\.\.\/\.\.\/src\/(controller|orchestrator|testing)\.js'/g, "'steplock/$1'"],
];

describe('The package', function () {
  this.timeout(400_000);
  let directory: string;
  let project: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'steplock-package-'));
    project = join(directory, 'project');
    const stage = join(directory, 'stage');
    await Promise.all([mkdir(project), mkdir(stage)]);
    await run(process.execPath, ['scripts/build.mjs', '--out', stage], { cwd: root });
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', directory], { cwd: stage });
    const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as LockFile;
    const versionOf = (name: string): string => `${name}@${packages[`node_modules/${name}`]?.version ?? ''}`;
    await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module' }));
    const tarball = join(directory, `steplock-${version}.tgz`);
    const wanted = [tarball, versionOf('typescript'), versionOf('@types/node')];
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...wanted], { cwd: project });
    for (const name of await readdir(join(root, 'examples/sdk'))) {
      const text = await readFile(join(root, 'examples/sdk', name), 'utf8');
      const consumed = entries.reduce((each, [pattern, entry]) => each.replace(pattern, entry), text);
      expect(consumed).not.to.contain('../src');
      await writeFile(join(project, name), consumed);
    }
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(consumerConfig));
  });
  after(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('compiles in a strict project', async () => {
    const compiled = await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], {
      cwd: project,
    }).catch((error: unknown) => error as { readonly stdout: string });
    expect(compiled.stdout).to.equal('');
  });

  it('refuses there what it refuses here', async () => {
    const text = `import { basic, newPlan } from 'steplock/client';\nnewPlan().call('a', basic('wait'), { with: { ms: 'x' } });\n`;
    await writeFile(join(project, 'wrong.ts'), text);
    const compiled = await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.', '--noEmit'], {
      cwd: project,
    }).catch((error: unknown) => error as { readonly stdout: string });
    expect(compiled.stdout).to.match(/^wrong\.ts\(2,\d+\): error TS2322: Type 'string' is not assignable/);
    await rm(join(project, 'wrong.ts'));
  });

  it('runs: the test kit in it, and its command line', async () => {
    const { stdout } = await run(process.execPath, ['out/try-volumes.js'], { cwd: project });
    expect(stdout).to.equal('it is 2030-01-02T10 h now, and data was undone\n');
    const shown = await run(join(project, 'node_modules/.bin/steplock'), ['--version'], { cwd: project });
    expect(shown.stdout.trim()).to.contain(version);
  });

  it('has its entries, and nothing else can be imported', async () => {
    const inside = join(project, 'deep.mjs');
    await writeFile(inside, `await import('steplock/dist/src/node.js');\n`);
    const refused = await run(process.execPath, [inside], { cwd: project }).catch(
      (error: unknown) => error as { readonly stderr: string },
    );
    expect(refused.stderr).to.contain('ERR_PACKAGE_PATH_NOT_EXPORTED');
    const names = ['client', 'controller', 'orchestrator', 'storage-controller', 'testing'];
    await writeFile(inside, names.map((name) => `await import('steplock/${name}');`).join('\n'));
    await run(process.execPath, [inside], { cwd: project });
  });
});
