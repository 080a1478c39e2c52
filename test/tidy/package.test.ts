/** package.json against what is there: versions, and packages as they are used. */
import { expect } from 'chai';
import { version } from '../../src/version.js';
import { filesBelow, importsOf, read, sourcesBelow } from './support/project.js';

interface PackageJson {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
  >;
}

const manifest = JSON.parse(read('package.json')) as PackageJson;

/** Packages that are used otherwise than by an import in TypeScript, and the file that shows it. */
const usedElsewhere: Readonly<Record<string, readonly [file: string, text: string]>> = {
  '@bufbuild/buf': ['scripts/gen.mjs', 'node_modules/.bin/buf'],
  '@types/chai': ['test/tidy/package.test.ts', "from 'chai'"],
  '@types/mocha': ['tsconfig.json', '"mocha"'],
  '@types/node': ['tsconfig.json', '"node"'],
  eslint: ['scripts/run.mjs', "bin('eslint')"],
  mocha: ['scripts/run.mjs', "bin('mocha')"],
  prettier: ['scripts/run.mjs', "bin('prettier')"],
  'ts-proto': ['buf.gen.yaml', 'node_modules/ts-proto/'],
  tsx: ['bin/steplock.mjs', "import('tsx')"],
  'typescript-eslint': ['eslint.config.js', "from 'typescript-eslint'"],
};

function packagesOf(...paths: readonly string[]): Set<string> {
  const specifiers = paths.flatMap((path) => importsOf(path));
  const names = specifiers
    .filter((name) => !/^(\.|\/|node:|src\/|test\/|plugins\/|examples\/|scripts\/|bench\/)/.test(name))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    );
  return new Set(names);
}

describe('package.json', () => {
  it('has the version of src/version.ts, and the changelog has it too', () => {
    expect(version).to.equal(manifest.version);
    expect(read('CHANGELOG.md')).to.include(`## [${manifest.version}]`);
  });

  it('its lock file has every optional package, those of other platforms too: without them npm ci refuses it', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as LockFile;
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
      ),
    );
    expect(missing).to.deep.equal([]);
  });

  it('what src/ and plugins/ import is a dependency', () => {
    const used = packagesOf(...sourcesBelow('src', 'plugins'), ...filesBelow('src/gen', '.ts'));
    expect([...used].filter((name) => !(name in manifest.dependencies))).to.deep.equal([]);
  });

  it('what anything imports is a dependency of some kind, and every dependency is used', () => {
    const used = packagesOf(
      ...sourcesBelow('src', 'plugins', 'test', 'examples', 'bench'),
      ...filesBelow('src/gen', '.ts'),
    );
    const declared = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)];
    expect([...used].filter((name) => !declared.includes(name))).to.deep.equal([]);
    const idle = declared.filter((name) => {
      const [file, text] = usedElsewhere[name] ?? [];
      const isUsed =
        used.has(name) || (file !== undefined && text !== undefined && read(file).includes(text));
      return !isUsed;
    });
    expect(idle).to.deep.equal([]);
  });
});
