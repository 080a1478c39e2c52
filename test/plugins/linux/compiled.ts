/**
 * A TypeScript program as plain JavaScript in a directory of its own. A process that loads TypeScript takes
 * ten times as long to start, and the tests that kill processes start a hundred of them.
 */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A program that Node runs as it is. */
export interface Compiled {
  readonly path: string;
  remove(): Promise<void>;
}

/** Compiles the file and whatever of this repository it imports. Types are not checked: `tsc` does that. */
export async function compile(entry: string): Promise<Compiled> {
  const directory = await mkdtemp(join(tmpdir(), 'steplock-linux-compiled-'));
  const placeOf = (file: string): string => join(directory, relative(root, file)).replace(/\.ts$/, '.js');
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  const waiting = [entry];
  const seen = new Set(waiting);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const { outputText } = ts.transpileModule(await readFile(file, 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
      },
    });
    await mkdir(dirname(placeOf(file)), { recursive: true });
    await writeFile(placeOf(file), outputText);
    for (const [, name = ''] of outputText.matchAll(/\bfrom ['"](\.[^'"]+)\.js['"]/g)) {
      const next = `${resolve(dirname(file), name)}.ts`;
      if (!seen.has(next)) waiting.push(next);
      seen.add(next);
    }
  }
  return {
    path: placeOf(entry),
    remove: async () => {
      await rm(directory, { recursive: true });
    },
  };
}
