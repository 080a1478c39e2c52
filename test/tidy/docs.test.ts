/** What the documents and comments refer to is there, and examples in the README are the files of that name. */
import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/base/json.js';
import { planFileSchema } from '../../src/cli/plan-file-schema.js';
import { parsePlanFile } from '../../src/cli/plan-file.js';
import { renderStatesPage } from '../../scripts/docs/states-page.js';
import { filesBelow, read, root } from './support/project.js';

const all = filesBelow().filter((path) => !path.startsWith('src/gen/') && !path.startsWith('proto/google/'));
const pages = all.filter((path) => path.endsWith('.md'));

/** The names of all members that a schema describes. */
function membersOf(schema: JsonValue): string[] {
  if (Array.isArray(schema)) return schema.flatMap(membersOf);
  if (!isJsonObject(schema)) return [];
  const { properties = {} } = schema;
  return [...Object.keys(properties as JsonObject), ...Object.values(schema).flatMap(membersOf)].filter(
    (name) => !['properties', 'type'].includes(name),
  );
}

/** As GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const headings = [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text);
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('documents', () => {
  it('every docs/… that a file names exists', () => {
    const missing = all.flatMap((path) =>
      [...read(path).matchAll(/(?<![\w/.-])docs\/[\w./-]*\w\.md/g)]
        .map(([target]) => target)
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${path}: ${target}`),
    );
    expect(missing).to.deep.equal([]);
  });

  it('every relative link leads somewhere, its anchor included', () => {
    const broken = pages.flatMap((page) =>
      [
        ...read(page)
          .replace(/`[^`]*`/g, '')
          .matchAll(/\]\(([^)\s]+)\)/g),
      ]
        .map(([, link = '']) => link)
        .filter((link) => !/^[a-z]+:/.test(link))
        .filter((link) => {
          const [path = '', anchor] = link.split('#');
          const target = path === '' ? page : normalize(join(dirname(page), path));
          if (!existsSync(join(root, target))) return true;
          return anchor !== undefined && !anchorsOf(target).has(anchor);
        })
        .map((link) => `${page}: ${link}`),
    );
    expect(broken).to.deep.equal([]);
  });

  it('the examples in README.md are the files', () => {
    const blocks = [...read('README.md').matchAll(/```(?:ts|yaml)\n([\s\S]*?)```/g)].map(([, text]) => text);
    const files = ['examples/image-controller.ts', 'examples/image.yaml'];
    expect(blocks).to.deep.equal(files.map(read));
  });

  it('docs/states.md is what the code says; else run npm run gen', () => {
    expect(read('docs/states.md')).to.equal(renderStatesPage());
  });

  it('docs/cli.md has every option, docs/plan-file.md every member of a plan file', () => {
    const commands = filesBelow('src/cli', '.ts').map(read).join('\n');
    const options = [...commands.matchAll(/(?:[Oo]ption\(\s*)'(?:-\w, )?(--[a-z-]+)/g)].map(
      ([, name = '']) => name,
    );
    const names = [...commands.matchAll(/command\('([a-z]+)/g)].map(([, name = '']) => name);
    expect(options.length).to.be.greaterThan(25);
    const cli = read('docs/cli.md');
    expect([...options, ...names].filter((name) => !new RegExp(`${name}\\b`).test(cli))).to.deep.equal([]);
    const planFile = read('docs/plan-file.md');
    expect(membersOf(planFileSchema).filter((name) => !planFile.includes(`${name}:`))).to.deep.equal([]);
  });

  it('docs/plan-file.md has an example that can be read', () => {
    const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(read('docs/plan-file.md')) ?? [];
    expect(parsePlanFile(text, 'docs/plan-file.md').plan.steps).to.have.length(3);
  });

  it('the glossary is in order, each term once', () => {
    const terms = [...read('docs/glossary.md').matchAll(/^\| \*\*([^*]+)\*\* \|/gm)].map(
      ([, term = '']) => term,
    );
    expect(terms.length).to.be.greaterThan(20);
    const order = [...new Set(terms)].sort((left, right) =>
      left.toLowerCase() < right.toLowerCase() ? -1 : 1,
    );
    expect(terms).to.deep.equal(order);
  });

  it('decision records are numbered without gaps', () => {
    const numbers = pages.flatMap((page) => /^docs\/adr\/(\d{4})-[a-z0-9-]+\.md$/.exec(page)?.[1] ?? []);
    expect(numbers).to.deep.equal(numbers.map((_, index) => String(index + 1).padStart(4, '0')));
  });

  it('no file names a place of the machine that it was written on', () => {
    const pattern = new RegExp('(?<![\\w.-])/(work|tmp|root|home)/');
    expect(all.filter((path) => pattern.test(read(path)))).to.deep.equal([]);
  });
});
