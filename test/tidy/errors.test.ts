/** docs/errors.md, src/errors/reasons.ts and error_reason.proto say the same. */
import { expect } from 'chai';
import { callReasons, stepReasons } from '../../src/errors/index.js';
import { waysOut } from '../../src/errors/ways-out.js';
import { ErrorReason } from '../../src/gen/wire/steplock/v1/error_reason.js';
import { HeadState } from '../../src/gen/store/steplock/store/v1/workflow.js';
import { refusalOf, type VerbView } from '../../src/model/verbs.js';
import { stateName } from '../../src/model/workflow-state.js';
import { read, sourcesBelow } from './support/project.js';

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

/** A workflow whose state alone decides. */
const unhindered: Omit<VerbView, 'state'> = {
  ...{ hasFailedStep: false, hasLock: false, isOfIncident: false, isIncidentOpen: false, isUntold: false },
  ...{
    keepsSomething: false,
    parent: '',
    hasUntoldEnd: false,
    isHeldByParent: false,
    hasOpenIncident: false,
  },
  signal: { isAwaited: false, hasArrived: false },
};

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

  it('each reason is given by something: none stands in the tables for nothing', () => {
    const sources = sourcesBelow('src', 'plugins').filter((path) => path !== 'src/errors/reasons.ts');
    const code = sources.map(read).join('\n');
    const idle = [...Object.keys(callReasons), ...stepReasons].filter(
      (reason) => !code.includes(`'${reason}'`),
    );
    expect(idle).to.deep.equal([]);
  });

  it('docs/errors.md says of the verbs that hang on the state alone what src/model/verbs.ts allows', () => {
    const [, table = ''] = /^## What each state allows\n([^]*)/m.exec(page) ?? [];
    const rows = [...table.matchAll(/^\| ([A-Z][A-Za-z, ]+) \| (.*) \|$/gm)];
    const statesOf = (rpc: string): string[] => {
      const [, , cell = ''] = rows.find(([, rpcs = '']) => rpcs.split(', ').includes(rpc)) ?? [];
      return cell.replace(/\([^)]*\)/g, '').match(/[A-Z_]{5,}/g) ?? [];
    };
    for (const verb of ['suspend', 'resume', 'cancel', 'rollback'] as const) {
      const states = Object.values(HeadState).filter((state) => state > 0);
      const allowed = states.filter((state) => refusalOf(verb, { ...unhindered, state }) === undefined);
      const rpc = `${verb[0]?.toUpperCase() ?? ''}${verb.slice(1)}Workflow`;
      expect(sorted(statesOf(rpc)), rpc).to.deep.equal(sorted(allowed.map(stateName)));
    }
  });
});
