/** docs/observability.md has each metric and each alert, and nothing else. */
import { expect } from 'chai';
import { parse } from 'yaml';
import { filesBelow, read } from './support/project.js';

const page = read('docs/observability.md');
const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();
/** Names in backticks in the first column of tables. */
const listed = (pattern: RegExp): string[] =>
  [...page.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name).filter((name) => pattern.test(name)),
  );

describe('docs/observability.md', () => {
  it('has each metric once, with its type and labels, and no other', () => {
    const code = filesBelow('src/exporters', '.ts').map(read).join('\n');
    const defined = [...code.matchAll(/'(steplock_[a-z_]+)'/g)].map(([, name = '']) => name);
    expect(defined.length).to.be.greaterThan(15);
    expect(sorted(listed(/^steplock_/))).to.deep.equal(sorted(defined));
    expect(listed(/^steplock_/)).to.have.length(new Set(defined).size);
  });

  it('says of each alert what to do', () => {
    const { groups } = parse(read('examples/observability/rules.yaml')) as {
      groups: { rules: { alert?: string }[] }[];
    };
    const alerts = groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []));
    expect(sorted(listed(/^Steplock/))).to.deep.equal(sorted(alerts));
  });
});
