import { expect } from 'chai';
import type { StepId } from '../../../src/base/ids.js';
import { OutcomeState } from '../../../src/gen/store/steplock/store/v1/step.js';
import { HeadState } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { refusalOf, type Verb, type VerbView } from '../../../src/model/verbs.js';
import {
  checkMove,
  isFinal,
  isResting,
  isRollingBack,
  isStopped,
  moves,
  startsSteps,
  startsUndos,
  stateName,
  type State,
} from '../../../src/model/workflow-state.js';
import { queueItem, stepRecord } from '../../support/records.js';
import { thrown } from '../../support/rejection.js';

const states = Object.entries(HeadState).filter(
  ([name]) => name !== 'UNSPECIFIED' && name !== 'UNRECOGNIZED',
);

/** The names of the states for which it is so. */
const those = (is: (state: State) => boolean): string[] =>
  states.filter(([, state]) => is(state)).map(([name]) => name);

describe('The states of a workflow', () => {
  it('move only as the table says', () => {
    const known = new Set(moves.map(({ from, to }) => `${from} ${to}`));
    expect(known.size, 'No move is listed twice').to.equal(moves.length);
    for (const [, from] of states) {
      for (const [, to] of states) {
        if (known.has(`${from} ${to}`)) checkMove(from, to);
        else
          expect(
            thrown(() => {
              checkMove(from, to);
            }).message,
          ).to.match(/cannot move from/);
      }
    }
  });

  it('can all be reached, and all but the last one left', () => {
    const reached = new Set<State>([HeadState.DRAFT]);
    for (let size = 0; size < reached.size;) {
      size = reached.size;
      for (const { from, to } of moves) if (reached.has(from)) reached.add(to);
    }
    expect(reached.size).to.equal(states.length);
    expect(those((state) => !moves.some(({ from }) => from === state))).to.deep.equal(['DELETING']);
  });

  it('that are final lead nowhere but to being deleted, or for a child back with its parent', () => {
    expect(those(isFinal)).to.deep.equal(['SUCCEEDED', 'ROLLED_BACK', 'CANCELLED', 'FAILED']);
    for (const { from, to } of moves) {
      if (!isFinal(from)) continue;
      expect(['DELETING', ...(from === HeadState.ROLLED_BACK ? [] : ['ROLLING_BACK'])]).to.include(
        stateName(to),
      );
    }
  });

  it('start steps while running, undos while rolling back, and nothing else', () => {
    expect(those(startsSteps)).to.deep.equal(['RUNNING']);
    expect(those(startsUndos)).to.deep.equal(['ROLLING_BACK']);
  });

  it('that are stopped never lead back to where steps are started', () => {
    for (const { from, to } of moves)
      if (isStopped(from)) expect(isStopped(to), stateName(to)).to.equal(true);
    expect(those(isStopped)).to.not.include('SUSPENDED');
  });

  it('rest when only somebody can move them', () => {
    const resting = ['SUSPENDED', 'ROLLBACK_SUSPENDED', 'ROLLBACK_BLOCKED'];
    expect(those((state) => isResting(state) && !isFinal(state))).to.deep.equal(resting);
    expect(those(isRollingBack)).to.deep.equal(['ROLLING_BACK', 'ROLLBACK_SUSPENDING', ...resting.slice(1)]);
  });
});

describe('Which verb is allowed', () => {
  const view = (state: State, patch: Partial<VerbView> = {}): VerbView => ({
    state,
    hasFailedStep: false,
    hasOpenIncident: false,
    hasLock: false,
    isOfIncident: false,
    isIncidentOpen: false,
    isUntold: false,
    keepsSomething: false,
    parent: '',
    hasUntoldEnd: false,
    isHeldByParent: false,
    signal: { isAwaited: false, hasArrived: false },
    ...patch,
  });
  const allowedIn = (verb: Verb, patch: Partial<VerbView> = {}): string[] =>
    // A workflow that waits for its locks is as one that waits for its time.
    those((state) => refusalOf(verb, view(state, patch)) === undefined).filter((name) => name !== 'QUEUED');

  it('depends on the state', () => {
    expect(allowedIn('suspend')).to.deep.equal(['SCHEDULED', 'RUNNING', 'ROLLING_BACK']);
    expect(allowedIn('resume')).to.deep.equal([
      'SUSPENDING',
      'SUSPENDED',
      'ROLLBACK_SUSPENDING',
      'ROLLBACK_SUSPENDED',
    ]);
    const stoppable = ['SCHEDULED', 'RUNNING', 'SUSPENDING', 'SUSPENDED', 'STOPPING'];
    expect(allowedIn('cancel')).to.deep.equal(stoppable);
    expect(allowedIn('rollback')).to.deep.equal(stoppable);
    expect(allowedIn('delete')).to.have.members([
      'DRAFT',
      'SUCCEEDED',
      'ROLLED_BACK',
      'CANCELLED',
      'FAILED',
      'DELETING',
    ]);
  });

  it('says which state stands in the way', () => {
    expect(refusalOf('suspend', view(HeadState.SUSPENDED))).to.equal('the workflow is SUSPENDED');
  });

  it('does not resume over a failed step, unless what was done is being undone', () => {
    expect(allowedIn('resume', { hasFailedStep: true })).to.deep.equal([
      'ROLLBACK_SUSPENDING',
      'ROLLBACK_SUSPENDED',
    ]);
  });

  it('does not delete with an incident open, but a draft always', () => {
    expect(allowedIn('delete', { hasOpenIncident: true })).to.have.members(['DRAFT', 'DELETING']);
  });

  it('retries and skips a step that failed while the workflow goes forward, and skips it while it goes back', () => {
    const step = {
      id: 's' as StepId,
      kind: 'call',
      record: undefined,
      undone: undefined,
      item: undefined,
      undoItem: undefined,
      hasUndoMethod: true,
    };
    const forward = ['RUNNING', 'SUSPENDING', 'SUSPENDED'];
    const back = ['ROLLING_BACK', 'ROLLBACK_SUSPENDING', 'ROLLBACK_SUSPENDED', 'ROLLBACK_BLOCKED'];
    for (const state of [OutcomeState.FAILED, OutcomeState.CANCELLED, OutcomeState.UNKNOWN]) {
      const failed = { step: { ...step, record: stepRecord('s', state) } };
      expect(allowedIn('retry', failed)).to.deep.equal(forward);
      expect(allowedIn('skip', failed)).to.have.members([...forward, ...back]);
    }
    for (const state of [OutcomeState.SUCCEEDED, OutcomeState.SKIPPED]) {
      const ended = { step: { ...step, record: stepRecord('s', state) } };
      expect(allowedIn('retry', ended)).to.deep.equal([]);
      expect(allowedIn('skip', ended)).to.deep.equal([]);
    }
    expect(allowedIn('skip', { step })).to.deep.equal(forward);
    expect(allowedIn('retry', { step })).to.deep.equal([]);
    expect(allowedIn('retry')).to.deep.equal([]);
    expect(allowedIn('skip')).to.deep.equal([]);
  });

  it('leaves alone a step that is running; what only waits in the queue can be skipped but not retried', () => {
    const base = {
      id: 's' as StepId,
      kind: 'call',
      record: undefined,
      undone: undefined,
      undoItem: undefined,
      hasUndoMethod: true,
    };
    const running = { step: { ...base, item: queueItem({ inDoubt: true }) } };
    const claimed = { step: { ...base, item: queueItem({ claim: { node: 'n', session: 1, timeMs: 1 } }) } };
    const waiting = { step: { ...base, item: queueItem() } };
    expect(allowedIn('skip', running)).to.deep.equal([]);
    expect(allowedIn('skip', claimed)).to.deep.equal([]);
    expect(allowedIn('skip', waiting)).to.include('RUNNING');
    expect(allowedIn('retry', waiting)).to.deep.equal([]);
  });

  it('retries an undo that failed, or that nobody dared to begin, if there is a method for it', () => {
    const undone = stepRecord('s', OutcomeState.UNKNOWN);
    const none = { record: undefined, item: undefined, undoItem: undefined };
    const undo = { ...none, id: 'undo.s' as StepId, kind: 'call', undone, hasUndoMethod: true };
    const back = ['ROLLING_BACK', 'ROLLBACK_SUSPENDING', 'ROLLBACK_SUSPENDED', 'ROLLBACK_BLOCKED'];
    expect(allowedIn('retry', { step: undo })).to.deep.equal(back);
    expect(allowedIn('retry', { step: { ...undo, hasUndoMethod: false } })).to.deep.equal([]);
    const succeeded = stepRecord('s', OutcomeState.SUCCEEDED);
    expect(allowedIn('retry', { step: { ...undo, undone: succeeded } })).to.deep.equal([]);
    const failed = { ...undo, undone: succeeded, record: stepRecord('undo.s', OutcomeState.FAILED) };
    expect(allowedIn('retry', { step: failed })).to.deep.equal(back);
    expect(allowedIn('skip', { step: failed })).to.deep.equal(back);
    expect(allowedIn('skip', { step: { ...undo, undone: undefined } }), 'It never ran').to.deep.equal([]);
  });
});
