/** What the SDK's entries export, by name: whoever takes something away, or adds something, has to say so in a file. */
import { expect } from 'chai';
import { join } from 'node:path';
import ts from 'typescript';
import { read, root } from './support/project.js';

/** The names that an entry exports, values first, then types. */
function exportsOf(program: ts.Program, path: string): { values: string[]; types: string[] } {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(join(root, path));
  const symbol = file === undefined ? undefined : checker.getSymbolAtLocation(file);
  const symbols = symbol === undefined ? [] : checker.getExportsOfModule(symbol);
  const isValue = (each: ts.Symbol): boolean => {
    const target = each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each;
    // `export type` of a class or a constant gives its type alone.
    const isTypeOnly = each.declarations?.some(
      (declaration) => ts.isExportSpecifier(declaration) && declaration.parent.parent.isTypeOnly,
    );
    return (target.flags & ts.SymbolFlags.Value) !== 0 && isTypeOnly !== true;
  };
  const names = (wanted: boolean): string[] =>
    symbols
      .filter((each) => isValue(each) === wanted)
      .map(({ name }) => name)
      .sort();
  return { values: names(true), types: names(false) };
}

describe('the public API', function () {
  this.timeout(60_000);

  it('exports what test/tidy/support/api.json says', () => {
    const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, string> };
    const expected = JSON.parse(read('test/tidy/support/api.json')) as Record<string, unknown>;
    const entries = Object.entries(exports).filter(([name]) => name in expected);
    expect(entries.map(([name]) => name)).to.deep.equal(Object.keys(expected));
    const sources = entries.map(
      ([name, target]) => [name, target.replace('./dist/', '').replace(/\.js$/, '.ts')] as const,
    );
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
      config: unknown;
    };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    const program = ts.createProgram(
      sources.map(([, path]) => join(root, path)),
      options,
    );
    const found = Object.fromEntries(sources.map(([name, path]) => [name, exportsOf(program, path)]));
    expect(found).to.deep.equal(expected);
  });
});
