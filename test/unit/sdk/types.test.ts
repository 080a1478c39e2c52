/** What of the SDK does not compile, and why not: each snippet is compiled, and its one error is compared. */
import { expect } from 'chai';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from '../../tidy/support/project.js';

/** What every snippet stands behind. */
const prelude = `
import { basic, controller, newPlan, orchestrator, outputAt, secret } from '../../../src/client/index.js';
import type { Ended, SteplockClient, TypedPlan, WorkflowHandle } from '../../../src/client/index.js';
import { defineController, done, failed, method } from '../../../src/controller.js';
import { operation, planned } from '../../../src/orchestrator.js';
export const image = defineController({
  kind: 'image', version: '1', description: 'Images', methods: {
    create: method({
      description: 'Makes one',
      argumentsSchema: { type: 'object', required: ['size'], properties: {
        size: { type: 'integer' }, tier: { enum: ['gold', 'iron'] }, tags: { type: 'array', items: { type: 'string' } },
      } },
      outputSchema: { type: 'object', required: ['path', 'blocks'], properties: {
        path: { type: 'string' }, blocks: { type: 'integer' },
        owner: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
      } },
      undo: { method: 'remove' },
      execute: async (_context, { size }) => await Promise.resolve(done({ path: 'x', blocks: size })),
    }),
    remove: method({
      description: 'Undoes it', undo: 'none-needed',
      argumentsSchema: { type: 'object', properties: { path: { type: 'string' } } },
      execute: async () => await Promise.resolve(done()),
    }),
  },
});
const images = controller<typeof image>('image');
const desk = orchestrator<{ provision: { args: { size: number }; output: { volume: string } } }>('desk');
const plan = newPlan();
const made = plan.call('made', images('create'), { with: { size: 1 } });
declare const client: SteplockClient;
export { basic, client, desk, failed, made, operation, outputAt, plan, planned, secret };
export type { Ended, TypedPlan, WorkflowHandle };
`;

const right: Readonly<Record<string, string>> = {
  'arguments as values, references, secrets and lists of them': `
    plan.call('a', images('create'), { with: { size: made.output.blocks, tier: 'gold', tags: ['x', made.output.path, secret({ env: 'TAG' })] } });
    plan.call('b', basic('echo'), { with: { any: [made.output, { deep: made.output.owner.name }] } });`,
  'a method without required arguments, with none': `plan.call('a', images('remove'));`,
  'needs, groups, locks, retry, undo with references to the own output': `
    const group = plan.group('g', { needs: [made] });
    const step = plan.call('a', images('create'), { with: { size: 2 }, group, needs: [made], locks: { 'pool/a': 'shared' },
      retry: { maxAttempts: 2 }, undo: { method: 'remove', with: { path: made.output.path } }, timeoutMs: 5_000 });
    plan.approval('b', 'May it?', { needs: [group, step] });
    const resized = plan.signal<{ size: number }>('c', 'resized');
    plan.call('d', images('create'), { with: { size: resized.output.size } });
    const child = plan.child('e', desk('provision'), { with: { size: made.output.blocks } });
    plan.call('f', images('remove'), { with: { path: child.output.volume } });`,
  'a part that the types do not know': `plan.call('a', images('remove'), { with: { path: outputAt<string>(made, '/x/0') } });`,
  'a result with the type of what the plan returns': `
    const built: TypedPlan<{ path: string; blocks: number; note: string }> = plan.build({ ...{ path: made.output.path }, blocks: made.output.blocks, note: 'x' as string });
    const ended: Ended<{ path: string; blocks: number; note: string }> = await (await client.submit(built)).result();
    export const path: string = ended.state === 'SUCCEEDED' ? ended.output.path : ended.workflow.name;
    export const volume: string = await client.request(desk('provision'), { size: 1 }).then(async (handle) => {
      const result = await handle.result();
      return result.state === 'SUCCEEDED' ? result.output.volume : result.state;
    });`,
};

/** A snippet, and what the compiler says of it. */
const wrong: Readonly<Record<string, readonly [snippet: string, says: RegExp]>> = {
  'a step by its name': [
    `plan.call('a', basic('fail'), { needs: ['made'] });`,
    /'string' is not assignable to type 'Awaited'/,
  ],
  'a step that is not there': [
    `plan.call('a', basic('fail'), { needs: [maid] });`,
    /Cannot find name 'maid'/,
  ],
  'a step in the place of a group': [
    `plan.call('a', basic('fail'), { group: made });`,
    /'isGroup' is missing/,
  ],
  'a method that is not there': [
    `plan.call('a', images('creat'), { with: { size: 1 } });`,
    /'"creat"' is not assignable/,
  ],
  'an operation that is not there': [
    `plan.child('a', desk('nope'), { with: { size: 1 } });`,
    /'"nope"' is not assignable/,
  ],
  'an argument of another type': [
    `plan.call('a', images('create'), { with: { size: '1' } });`,
    /'string' is not assignable to type '.*Ref<number>/,
  ],
  'an argument that is not one of its values': [
    `plan.call('a', images('create'), { with: { size: 1, tier: 'tin' } });`,
    /'"tin"' is not assignable/,
  ],
  'an argument that is no member': [
    `plan.call('a', images('create'), { with: { size: 1, sise: 2 } });`,
    /'sise' does not exist/,
  ],
  'a required argument left out': [`plan.call('a', images('create'), { with: {} });`, /'size' is missing/],
  'all arguments left out': [`plan.call('a', images('create'));`, /Expected 3 arguments, but got 2/],
  'an output of another type': [
    `plan.call('a', images('create'), { with: { size: made.output.path } });`,
    /'Ref<string>' is not assignable to type '.*Ref<number>/,
  ],
  'an output that is not there': [
    `plan.call('a', images('remove'), { with: { path: made.output.pat } });`,
    /'pat' does not exist/,
  ],
  'a part of a text': [
    `plan.call('a', images('remove'), { with: { path: made.output.path.x } });`,
    /'x' does not exist/,
  ],
  'a secret as a number': [
    `plan.call('a', images('create'), { with: { size: secret({ env: 'X' }) } });`,
    /'Secret' is not assignable to type '.*Ref<number>/,
  ],
  'a wrong item of a list': [
    `plan.call('a', images('create'), { with: { size: 1, tags: [2] } });`,
    /'number' is not assignable to type '.*Ref<string>/,
  ],
  'an undo that is no method': [
    `plan.call('a', images('create'), { with: { size: 1 }, undo: { method: 'nope' } });`,
    /'"nope"' is not assignable/,
  ],
  'a wrong argument of an undo': [
    `plan.call('a', images('create'), { with: { size: 1 }, undo: { method: 'remove', with: { path: 1 } } });`,
    /'number' is not assignable to type 'Arg<string> \| undefined'|'number' is not assignable/,
  ],
  'a wrong lock': [
    `plan.call('a', basic('fail'), { locks: { pool: 'mine' } });`,
    /'"mine"' is not assignable/,
  ],
  'a wrong argument of a child': [
    `plan.child('a', desk('provision'), { with: { size: 'x' } });`,
    /'string' is not assignable to type '.*Ref<number>/,
  ],
  'the output of a workflow that has not succeeded': [
    `export const nothing = await (await client.submit(plan.build({ path: made.output.path }))).result().then(({ output }) => output);`,
    /'output' does not exist/,
  ],
  'a result taken for another type': [
    `export const handle: WorkflowHandle<{ path: number }> = await client.submit(plan.build({ path: made.output.path }));`,
    /not assignable to type 'WorkflowHandle<\{ path: number; \}>'/,
  ],
  'a setting that is none': [
    `await client.submit(plan.build(), { onFailure: 'explode' });`,
    /'"explode"' is not assignable/,
  ],
  'an undo that the controller lacks': [
    `defineController({ kind: 'a', version: '1', description: '', methods: { x: method({ description: '', argumentsSchema: {}, undo: { method: 'y' }, execute: async () => await Promise.resolve(done()) }) } });`,
    /not assignable to type '"x"'/,
  ],
  'an output that does not fit the method’s schema': [
    `method({ description: '', undo: 'none-needed', argumentsSchema: { type: 'object' }, outputSchema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] }, execute: async () => await Promise.resolve(done({ id: 1 })) });`,
    /'Done<\{ id: number; \}>' is not assignable|'number' is not assignable to type 'string'/,
  ],
  'a plan that does not return what its operation says': [
    `operation({ description: '', argumentsSchema: { type: 'object' }, outputSchema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] }, plan: async () => await Promise.resolve(planned(newPlan().build({ id: made.output.blocks }))) });`,
    /'number' is not assignable to type 'string'|not assignable to type 'string'|is not assignable to type '.*Planned/,
  ],
  'an argument that the method’s schema does not have': [
    `method({ description: '', undo: 'none-needed', argumentsSchema: { type: 'object', properties: { id: { type: 'string' } } }, execute: async (_context, args) => await Promise.resolve(done({ id: args.name })) });`,
    /'name' does not exist/,
  ],
};

/** The compiler's words on each snippet, by its title. */
function compile(snippets: ReadonlyMap<string, string>): Map<string, string[]> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const paths = new Map(
    [...snippets].map(([title], index) => [join(root, `test/unit/sdk/snippet-${index}.ts`), title]),
  );
  const host = ts.createCompilerHost(options);
  const base = { ...host };
  const textOf = (path: string): string | undefined => {
    const title = paths.get(path);
    return title === undefined ? undefined : `${prelude}\n${snippets.get(title) ?? ''}`;
  };
  host.readFile = (path) => textOf(path) ?? base.readFile(path);
  host.fileExists = (path) => paths.has(path) || base.fileExists(path);
  host.getSourceFile = (path, ...rest) => {
    const text = textOf(path);
    return text === undefined
      ? base.getSourceFile(path, ...rest)
      : ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  };
  const program = ts.createProgram([...paths.keys()], options, host);
  return new Map(
    [...paths].map(([path, title]) => [
      title,
      ts
        .getPreEmitDiagnostics(program, program.getSourceFile(path))
        .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
    ]),
  );
}

describe('types of the SDK', function () {
  this.timeout(120_000);
  let said: Map<string, string[]>;
  before(() => {
    const all = [
      ...Object.entries(right),
      ...Object.entries(wrong).map(([title, [text]]) => [title, text] as const),
    ];
    said = compile(new Map(all));
  });

  for (const title of Object.keys(right)) {
    it(`take ${title}`, () => {
      expect(said.get(title)).to.deep.equal([]);
    });
  }

  for (const [title, [, says]] of Object.entries(wrong)) {
    it(`refuse ${title}`, () => {
      const messages = said.get(title) ?? [];
      expect(messages, messages.join('\n---\n')).to.have.length(1);
      expect(messages[0]).to.match(says);
    });
  }
});
