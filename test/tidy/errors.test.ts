/** docs/errors.md, src/errors/reasons.ts and error_reason.proto say the same. */
import { expect } from 'chai';
import { callReasons, stepReasons } from '../../src/errors/index.js';
import { waysOut } from '../../src/errors/ways-out.js';
import { ErrorReason } from '../../src/gen/wire/steplock/v1/error_reason.js';
import { read } from './support/project.js';

const page = read('docs/errors.md');
const proto = read('proto/steplock/v1/error_reason.proto');

/** Rows of the tables below the headings that match, without the reason's backticks. */
function rowsBelow(heading: RegExp): string[][] {
  return page
    .split(/^## /m)
    .filter((section) => heading.test(section.split('\n')[0] ?? ''))
    .flatMap((section) => [...section.matchAll(/^\| `([A-Z_]+)` \|(.*)\|$/gm)])
    .map(([, reason = '', rest = '']) => [reason, ...rest.split(' | ').map((cell) => cell.trim())]);
}

const sorted = (names: Iterable<string>): string[] => [...names].sort();

describe('the table of errors', () => {
  it('docs/errors.md has each reason of a call once, with its status and advice, what it means and a way out', () => {
    const rows = rowsBelow(/^Of a call|^Between/);
    expect(sorted(rows.map(([reason = '']) => reason))).to.deep.equal(sorted(Object.keys(callReasons)));
    for (const [reason = '', status, again, when = '', wayOut = ''] of rows) {
      const { code, retry } = callReasons[reason as keyof typeof callReasons];
      expect([status, again], reason).to.deep.equal([code, retry]);
      expect(when.length, `${reason}: when`).to.be.greaterThan(0);
      // A caller gets the same words, without the links.
      const words = wayOut.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
      expect(waysOut[reason as keyof typeof callReasons], reason).to.equal(words);
    }
  });

  it('docs/errors.md has each reason of a step or workflow once, with what it means and a way out', () => {
    const rows = rowsBelow(/^Of a (step|workflow)/);
    expect(sorted(rows.map(([reason = '']) => reason))).to.deep.equal(sorted(stepReasons));
    for (const row of rows)
      expect(
        row.filter((cell) => cell !== ''),
        row[0],
      ).to.have.length(3);
  });

  it('the proto has the same reasons, and each comment begins with the status', () => {
    const inProto = Object.keys(ErrorReason).filter((name) => !/^(UNSPECIFIED|UNRECOGNIZED)$/.test(name));
    expect(sorted(inProto)).to.deep.equal(sorted([...Object.keys(callReasons), ...stepReasons]));
    for (const [, comment = '', reason = ''] of proto.matchAll(/((?: *\/\/.*\n)+) *ERROR_REASON_(\w+) =/g)) {
      const first = comment.trim().slice(3);
      if (reason === 'UNSPECIFIED' || first.startsWith('Of a')) continue;
      const row = callReasons[reason as keyof typeof callReasons];
      expect(first, reason).to.match(new RegExp(`^${row.code}: `));
    }
  });

  it('docs/errors.md explains each rule of a plan', () => {
    const [, union = ''] = /export type PlanRule =([^;]+);/.exec(read('src/model/violations.ts')) ?? [];
    const rules = [...union.matchAll(/'([A-Z_]+)'/g)].map(([, rule = '']) => rule);
    expect(sorted(rowsBelow(/^Rules of a plan/).map(([rule = '']) => rule))).to.deep.equal(sorted(rules));
  });
});
