/** Whatever src/ and plugins/ export is documented, and each RPC names the errors that it may end with. */
import { expect } from 'chai';
import ts from 'typescript';
import { callReasons, stepReasons } from '../../src/errors/index.js';
import { filesBelow, parse, read, sourcesBelow } from './support/project.js';

/** End only with what their service says for all its calls. */
const plainCalls = ['Describe', 'ListNodes', 'ListControllers', 'ListLimits', 'ListHolds'];

function undocumented(path: string): string[] {
  const file = parse(path);
  return file.statements
    .filter((statement) => ts.canHaveModifiers(statement) && isExported(statement))
    .filter((statement) => ts.getJSDocCommentsAndTags(statement).length === 0)
    .filter((statement) => !isOverloadOf(statement, file))
    .map((statement) => {
      const { line } = file.getLineAndCharacterOfPosition(statement.getStart());
      return `${path}:${line + 1}: ${statement.getText().split('\n')[0] ?? ''}`;
    });
}

function isExported(statement: ts.HasModifiers): boolean {
  return ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

/** The implementation after documented signatures. */
function isOverloadOf(statement: ts.Statement, file: ts.SourceFile): boolean {
  const before = file.statements[file.statements.indexOf(statement) - 1];
  if (before === undefined || !ts.isFunctionDeclaration(statement) || !ts.isFunctionDeclaration(before))
    return false;
  return before.name?.text === statement.name?.text;
}

describe('comments', () => {
  it('every exported symbol of src/ and plugins/ has one', () => {
    expect(sourcesBelow('src', 'plugins').flatMap(undocumented)).to.deep.equal([]);
  });

  it('buf lint asks for one at every element of the proto', () => {
    expect(read('buf.yaml')).to.match(/use:\s+- STANDARD\s+- COMMENTS/);
  });

  it('each RPC that changes something takes a request_id, so that it can be repeated', () => {
    const wrong: string[] = [];
    for (const path of filesBelow('proto/steplock/v1', '.proto')) {
      // Those of controllers have the idempotency key of their call, those of orchestrators the sequence of the news.
      if (/\/(controller|orchestrator)_service\.proto$/.test(path)) continue;
      const text = read(path);
      for (const [, rpc = '', body = ''] of text.matchAll(/^ *rpc (\w+)\([^{]*\{([^}]*)\}/gm)) {
        if (body.includes('NO_SIDE_EFFECTS')) continue;
        const [, request = ''] = new RegExp(`^message ${rpc}Request \\{([^]*?)^\\}`, 'm').exec(text) ?? [];
        if (!/string request_id = /.test(request)) wrong.push(`${path}: ${rpc}`);
      }
    }
    expect(wrong).to.deep.equal([]);
  });

  it('each RPC names its errors, and names only such as there are', () => {
    const known = new Set<string>([...Object.keys(callReasons), ...stepReasons]);
    const wrong: string[] = [];
    for (const path of filesBelow('proto/steplock', '.proto')) {
      for (const [, comment = '', rpc = ''] of read(path).matchAll(/((?:^ *\/\/.*\n)+) *rpc (\w+)\(/gm)) {
        const [, list] = /Errors:([\s\S]*)/.exec(comment) ?? [];
        if ((list === undefined) !== plainCalls.includes(rpc)) wrong.push(`${path}: ${rpc} names no errors`);
        const names = [...(list ?? '').matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b|\bFENCED\b/g)].map(([name]) => name);
        const isBare = !/as SubmitWorkflow/.test(list ?? 'as SubmitWorkflow');
        if (isBare && names.length === 0) wrong.push(`${path}: ${rpc} names no reason`);
        for (const name of names) {
          if (!known.has(name) && name !== 'RESOURCE_EXHAUSTED')
            wrong.push(`${path}: ${rpc}: no reason ${name}`);
        }
      }
    }
    expect(wrong).to.deep.equal([]);
  });
});
