/** Each rule of the chaos run's checker can fail, and a run in which all went well breaks none. */
import { expect } from 'chai';
import type { EntryKind, LogEntry } from '../../chaos/array/log.js';
import { judge, type StepFacts, type Verdict, type WorkflowFacts } from '../../chaos/checker.js';

const step = (id: string, more: Partial<StepFacts> = {}): StepFacts => ({
  id,
  dependsOn: [],
  makes: true,
  state: 'SUCCEEDED',
  ...more,
});
const chain = [step('a'), step('b', { dependsOn: ['a'] })];
const workflow = (more: Partial<WorkflowFacts> = {}): WorkflowFacts => ({
  id: 'w',
  uid: 'u',
  state: 'SUCCEEDED',
  expected: 'SUCCEEDED',
  wasCancelled: false,
  steps: chain,
  ...more,
});
const rolledBack = workflow({ state: 'ROLLED_BACK', expected: 'ROLLED_BACK' });

/** Entries in few words: `a create`, `undo a destroy`, `a create 2` for attempt 2 (and token 2), `a create 2 @1` for token 1. */
function log(...lines: readonly string[]): LogEntry[] {
  return lines.map((line) => {
    const [, undo, id = '', kind, attempt = '1', token = attempt] =
      /^(undo )?(\w+) (\w+)(?: (\d+))?(?: @(\d+))?$/.exec(line) ?? [];
    return {
      workflow: 'w',
      uid: 'u',
      step: id,
      direction: undo === undefined ? 'forward' : 'undo',
      attempt: Number(attempt),
      token: [1, Number(token)],
      key: `u/${id}`,
      ownKeys: [`u/${id}`],
      kind: kind as EntryKind,
      timeMs: 0,
    };
  });
}
const make = (id: string): string[] => [`${id} begin`, `${id} create`, `${id} complete`];
const unmake = (id: string): string[] => [`undo ${id} begin`, `undo ${id} destroy`];
const brokenOf = (entries: readonly LogEntry[], ...workflows: readonly WorkflowFacts[]): readonly string[] =>
  judge(entries, workflows).broken;
const expectOne = (broken: readonly string[], pattern: RegExp): void => {
  expect(broken).to.have.length(1);
  expect(broken[0]).to.match(pattern);
};

describe('the checker of the chaos run', () => {
  it('finds nothing where all went well: done, rolled back, taken over', () => {
    expect(brokenOf(log(...make('a'), ...make('b')), workflow())).to.deep.equal([]);
    expect(
      brokenOf(log(...make('a'), ...make('b'), ...unmake('b'), ...unmake('a')), rolledBack),
    ).to.deep.equal([]);
    const takenOver = [
      'a begin',
      'a create',
      'a probe 1 @2',
      'a begin 2 @3',
      'a again 2 @3',
      'a complete 2 @3',
    ];
    expect(brokenOf(log(...takenOver, 'a refused', ...make('b')), workflow())).to.deep.equal([]);
  });

  it('a workflow that has not ended (7)', () => {
    expectOne(brokenOf(log(...make('a'), ...make('b')), workflow({ state: 'RUNNING' })), /has not ended/);
  });

  it('a workflow that ended otherwise than it had to (9); what its user cancelled may', () => {
    const entries = log(...make('a'), ...unmake('a'));
    const ended = workflow({ state: 'ROLLED_BACK' });
    expectOne(brokenOf(entries, ended), /ended ROLLED_BACK and not SUCCEEDED/);
    expect(brokenOf(entries, { ...ended, wasCancelled: true })).to.deep.equal([]);
  });

  it('a step that succeeded and whose object is not there, or half (9)', () => {
    expectOne(brokenOf(log(...make('a')), workflow()), /w\/b.*is not there/);
    expectOne(brokenOf(log(...make('a'), 'b begin', 'b create'), workflow()), /w\/b.*is not there/);
  });

  it('an object that a rolled back workflow left (12)', () => {
    const verdict: Verdict = judge(log(...make('a')), [rolledBack]);
    expectOne(verdict.broken, /w\/a.*left over/);
    expect(verdict.orphans).to.equal(1);
  });

  it('an object of a step that never ran, or of a workflow that there is not (12)', () => {
    const steps = [step('a', { state: 'PENDING' })];
    const failed = workflow({ state: 'FAILED', expected: 'FAILED', steps });
    expectOne(brokenOf(log(...make('a')), failed), /left over/);
    const verdict = judge(log(...make('a')), []);
    expectOne(verdict.broken, /left over by no workflow/);
    expect(verdict.orphans).to.equal(1);
  });

  it('what a failed step leaves may stay where the workflow keeps it', () => {
    const steps = [step('a', { state: 'FAILED' })];
    const failed = workflow({ state: 'FAILED', expected: 'FAILED', steps });
    expect(brokenOf(log('a begin', 'a create'), failed)).to.deep.equal([]);
  });

  it('an object that is made twice, also after it was undone (12)', () => {
    const twice = judge(log(...make('a'), 'a create', 'a complete', ...make('b')), [workflow()]);
    expectOne(twice.broken, /made twice/);
    expect(twice.doubleCreations).to.equal(1);
    const again = log(...make('a'), ...unmake('a'), 'a create 2');
    expect(brokenOf(again, rolledBack).join()).to.match(/made twice/);
  });

  it('an older token after a newer one, and an older attempt after a newer one (13)', () => {
    const older = log('a begin 1 @2', 'a create 1 @1', 'a complete 1 @2', ...make('b'));
    expectOne(brokenOf(older, workflow()), /older token/);
    // As when every call has the same token: the array refuses none.
    const same = log('a begin 2 @9', 'a create 1 @9', 'a complete 2 @9', ...make('b'));
    expectOne(brokenOf(same, workflow()), /after attempt 2/);
  });

  it('an effect after the undo has begun (13)', () => {
    const late = log('a begin', 'undo a begin', 'a create', 'undo a destroy');
    expectOne(brokenOf(late, rolledBack), /after its undo had begun/);
  });

  it('a step that began before one that it depends on had taken effect (4)', () => {
    expectOne(
      brokenOf(log('a begin', 'a create', 'b begin', 'a complete', 'b create', 'b complete'), workflow()),
      /b attempt 1: forward begin: before a/,
    );
  });

  it('an undo while a dependent stands (5)', () => {
    const entries = log(...make('a'), ...make('b'), 'undo a begin', ...unmake('b'), 'undo a destroy');
    expectOne(brokenOf(entries, rolledBack), /before b was undone/);
  });

  it('counts what the array refused', () => {
    expect(judge(log('a refused', 'a refused'), []).refused).to.equal(2);
  });
});
