/** The project's own files, for tests that look at them instead of running them. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The project's folder. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

const foreign = new Set(['node_modules', '.git', '.cache', 'dist', 'coverage', 'package-lock.json']);
const textual = /\.(ts|mjs|cjs|js|json|md|ya?ml|proto|sh)$|(^|\/)(\.ci\/run|LICENSE|\.npmrc|\.gitignore)$/;

/** Paths of all text files below a folder of the project, relative to the project. */
export function filesBelow(folder = '.', suffix = ''): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = normalize(join(folder, entry.name));
    if (foreign.has(entry.name)) continue;
    if (entry.isDirectory()) found.push(...filesBelow(path, suffix));
    else if (textual.test(path) && path.endsWith(suffix)) found.push(path);
  }
  return found.sort();
}

/** Hand-written TypeScript below these folders. */
export function sourcesBelow(...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) => filesBelow(folder, '.ts'))
    .filter((path) => !path.startsWith('src/gen/') && !path.endsWith('.d.ts'));
}

/** A file's text. */
export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

const parsed = new Map<string, ts.SourceFile>();

/** A file's syntax. */
export function parse(path: string): ts.SourceFile {
  let file = parsed.get(path);
  if (file === undefined) {
    file = ts.createSourceFile(path, read(path), ts.ScriptTarget.ES2022, true);
    parsed.set(path, file);
  }
  return file;
}

/** A file's text without its comments. */
export function codeOf(path: string): string {
  const printer = ts.createPrinter({ removeComments: true });
  return printer.printFile(parse(path));
}

/** What a file imports: paths within the project as they are there, packages by their specifier. */
export function importsOf(path: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isImport = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
    if (isImport && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push(node.moduleSpecifier.text);
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [target] = node.arguments;
      if (target !== undefined && ts.isStringLiteral(target)) found.push(target.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(path));
  return found.map((text) =>
    text.startsWith('.') ? normalize(join(dirname(path), text)).replace(/\.js$/, '.ts') : text,
  );
}
