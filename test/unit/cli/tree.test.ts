/** The tree of a workflow: what people watch, on narrow and on wide terminals, with colors and without. */
import { expect } from 'chai';
import stringWidth from 'string-width';
import { renderPlainStep, renderTree, type TreeStyle } from '../../../src/cli/tree.js';
import {
  Direction,
  Step,
  StepState,
  Workflow,
  WorkflowState,
} from '../../../src/gen/wire/steplock/v1/workflow.js';

const { FORWARD, UNDO } = Direction;
const { PENDING, RUNNING, SUCCEEDED, FAILED, BACKING_OFF } = StepState;
const nowMs = 100_000;
const at = (ms: number): Date => new Date(ms);
const escape = String.fromCharCode(27);
const colorPattern = new RegExp(`${escape}\\[[0-9]+m`, 'g');

const workflow = Workflow.fromPartial({
  name: 'workflows/w-1',
  state: WorkflowState.ROLLING_BACK,
  counts: { total: 5, succeeded: 2, running: 1, failed: 1, undone: 1 },
  startTime: at(10_000),
});

function step(id: string, state: StepState, more: Partial<Step> = {}): Step {
  return { ...Step.fromPartial({ id, state, direction: FORWARD }), ...more };
}

const error = {
  reason: 'CONTROLLER_FAILED',
  message: `NoRoom: ${'there is no room '.repeat(9)}`,
  retryable: false,
};
const steps = [
  step('create', SUCCEEDED, { startTime: at(10_000), endTime: at(12_500) }),
  step('export', RUNNING, {
    waitsFor: ['create'],
    startTime: at(12_500),
    progressPercent: 40,
    progressMessage: 'copying',
    attempts: 2,
  }),
  step('verify', FAILED, { waitsFor: ['create'], error, attempts: 1 }),
  step('mount', PENDING, { waitsFor: ['export', 'verify'] }),
  step('create', SUCCEEDED, { direction: UNDO, startTime: at(50_000), endTime: at(51_000) }),
];

function tree(patch: Partial<TreeStyle> = {}, given: readonly Step[] = steps): string[] {
  return renderTree(workflow, given, { columns: 200, hasColor: false, nowMs, ...patch });
}

describe('renderTree()', () => {
  it('shows each step with its state, time and progress, below what it waits for, its undo beside it', () => {
    const lines = tree();
    expect(lines[0]).to.equal('ROLLING_BACK  w-1  2/5 done, 1 running, 1 failed, 1 undone  1m30s');
    expect(lines[1]).to.equal('  ✔ create     succeeded 2.5s  ↩ ✔ undo succeeded 1.0s');
    expect(lines[2]).to.equal('  ●   export   running 1m27s 40% copying attempt 2');
    expect(lines[3]).to.match(/^ {2}✘ {3}verify {3}failed NoRoom: there is no room/);
    expect(lines[4]).to.equal('  ·     mount  pending');
    expect(lines).to.have.length(5);
  });

  it('shows nothing of a controller that a terminal would obey', () => {
    const hostile = `${escape}[2J\n\u0000x`;
    const given = [
      step('a', RUNNING, { progressMessage: hostile }),
      step('b', FAILED, { error: { reason: 'R', message: hostile, retryable: false } }),
    ];
    const shown = [...tree({}, given), ...given.map(renderPlainStep)].join('');
    expect(shown).to.not.match(/\p{Cc}/u);
    expect(shown).to.contain('[2J');
  });

  for (const columns of [80, 200]) {
    it(`keeps every line within ${columns} columns, with colors and without, and cuts no more than that`, () => {
      for (const hasColor of [false, true]) {
        const lines = tree({ columns, hasColor }).map((line) => line.replace(colorPattern, ''));
        for (const line of lines) expect(line.length, line).to.be.at.most(columns);
        // The one that is too long is shown as far as there is room, and says that it was cut.
        const long = lines[3]!;
        expect([long.length, long.endsWith('…')]).to.deep.equal(columns === 80 ? [80, true] : [183, false]);
        expect(lines[1]).to.not.include('…');
      }
    });
  }

  it('says the same with colors as without, and leaves no color switched on', () => {
    const colored = tree({ columns: 80, hasColor: true });
    expect(colored.map((line) => line.replace(colorPattern, ''))).to.deep.equal(tree({ columns: 80 }));
    for (const line of colored) {
      const codes = [...line.matchAll(colorPattern)].map(([code]) => code);
      if (codes.length > 0) expect(codes.at(-1)).to.equal(`${escape}[0m`);
    }
    expect(colored[3]).to.include(`${escape}[31m✘`);
  });

  it('cuts nothing where the width is not known', () => {
    expect(tree({ columns: 0 })[3]!.length).to.be.above(150);
  });

  it('goes no further to the right than there is room for, however long a chain is', () => {
    const chain = Array.from({ length: 50 }, (_, index) =>
      step(`s${index}`, PENDING, { waitsFor: index === 0 ? [] : [`s${index - 1}`] }),
    );
    const indents = tree({}, chain)
      .slice(1)
      .map((line) => /^ {2}· ( *)s/.exec(line)?.[1]?.length);
    expect(indents.slice(0, 3)).to.deep.equal([0, 2, 4]);
    expect(Math.max(...indents.map(Number))).to.equal(16);
  });

  it('does not mind steps that stand before what they wait for, or wait for what is not shown', () => {
    const given = [step('b', PENDING, { waitsFor: ['a', 'group-1'] }), step('a', PENDING)];
    expect(tree({}, given).slice(1)).to.deep.equal(['  ·   b       pending', '  · a         pending']);
    expect(tree({}, [])).to.have.length(1);
  });

  it('counts wide characters as two columns, and cuts none in half', () => {
    for (const columns of [40, 41, 42]) {
      const message = '音量を作成しています'.repeat(9);
      const [, line = ''] = tree({ columns }, [
        step('a', RUNNING, { progressPercent: 5, progressMessage: message }),
      ]);
      expect(stringWidth(line)).to.be.within(columns - 1, columns);
      expect(line).to.match(/^  ● a +running 5% 音量[^\uFFFD]*…$/u);
    }
  });

  it('shows no more lines than there are rows: trouble and what moves first, in their order, and how many are left out', () => {
    const many = [
      ...Array.from({ length: 30 }, (_, n) => step(`old${n}`, SUCCEEDED, { endTime: at(n) })),
      step('bad', FAILED),
      ...Array.from({ length: 30 }, (_, n) => step(`run${n}`, n % 3 === 0 ? RUNNING : PENDING)),
      step('undone', SUCCEEDED, { endTime: at(1) }),
      step('undone', RUNNING, { direction: UNDO }),
    ];
    const lines = tree({ rows: 24 }, many);
    // One row is left for the cursor.
    expect(lines).to.have.length(23);
    const shown = lines.slice(1, -1).map((line) => /(\w+) +\w+( {2}↩.*)?$/.exec(line)?.[1]);
    expect(lines.at(-1)).to.equal('  … 41 more steps');
    const moving = many.filter(({ state, id }) => state === RUNNING && id !== 'undone').map(({ id }) => id);
    expect(shown).to.include.members(['bad', ...moving, 'undone']);
    const order = many.map(({ id }) => id);
    expect(shown.map((id = '') => order.indexOf(id))).to.deep.equal(
      shown.map((id = '') => order.indexOf(id)).sort((left, right) => left - right),
    );
    expect(shown.filter((id) => id?.startsWith('old'))).to.deep.equal([]);
    expect(tree({}, many)).to.have.length(63);
  });

  it('shows the latest ends where there is room for some only', () => {
    const ended = Array.from({ length: 30 }, (_, n) => step(`s${n}`, SUCCEEDED, { endTime: at(n) }));
    const lines = tree({ rows: 8 }, ended);
    expect(lines.slice(1).map((line) => line.trim().split(/\s+/)[1])).to.deep.equal([
      's25',
      's26',
      's27',
      's28',
      's29',
      '25',
    ]);
    // Too small a terminal for any step.
    for (const rows of [1, 2, 3]) expect(tree({ rows }, ended)).to.have.length(2);
  });

  it('says nothing of the error of what succeeded in the end', () => {
    const [, line] = tree({}, [step('a', SUCCEEDED, { error, attempts: 3 })]);
    expect(line).to.equal('  ✔ a         succeeded attempt 3');
  });
});

describe('renderPlainStep()', () => {
  it('says the same in words', () => {
    expect(renderPlainStep(steps[1]!)).to.equal('export: running (attempt 2)');
    expect(renderPlainStep(step('a', BACKING_OFF, { error: { ...error, message: 'Busy' } }))).to.equal(
      'a: backing off  Busy',
    );
    expect(renderPlainStep(steps[4]!)).to.equal('undo.create: succeeded');
  });
});
