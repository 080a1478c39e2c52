/** What a watch gives on of what servers send: nothing twice, nothing left out, one end. */
import { expect } from 'chai';
import { Picture } from '../../../src/client/watch.js';
import { Step, StepState, Workflow, WorkflowState } from '../../../src/gen/wire/steplock/v1/workflow.js';
import {
  WatchEvent,
  type WatchWorkflowResponse,
} from '../../../src/gen/wire/steplock/v1/workflow_service.js';

const { RUNNING, SUCCEEDED } = WorkflowState;

function step(id: string, state: StepState): Step {
  return Step.fromPartial({ name: `workflows/w/steps/${id}`, id, state });
}

function response(
  revision: number,
  state: WorkflowState,
  steps: readonly Step[],
  event: WatchEvent = WatchEvent.SNAPSHOT,
  uid = 'u1',
): WatchWorkflowResponse {
  const workflow = Workflow.fromPartial({ name: 'workflows/w', uid, state });
  return { revision: String(revision), event, workflow, steps: [...steps] };
}

interface Seen {
  readonly state: WorkflowState;
  readonly steps: readonly string[];
  readonly flags: readonly string[];
}

function given(picture: Picture, ...responses: readonly WatchWorkflowResponse[]): Seen[] {
  return responses.flatMap((each) => [...picture.take(each)]).map(show);
}

function show({
  workflow,
  steps,
  ...flags
}: ReturnType<Picture['take']> extends Generator<infer U> ? U : never): Seen {
  const set = Object.entries(flags).filter(([, value]) => value);
  return { state: workflow.state, steps: steps.map(({ id }) => id), flags: set.map(([name]) => name) };
}

describe('Picture', () => {
  it('leaves out what a new connection shows again, and marks what it shows new', () => {
    const picture = new Picture();
    const first = response(5, RUNNING, [step('a', StepState.RUNNING), step('b', StepState.PENDING)]);
    expect(given(picture, first)).to.deep.equal([{ state: RUNNING, steps: ['a', 'b'], flags: [] }]);
    picture.lose();
    expect(given(picture, first)).to.deep.equal([]);
    const second = response(9, RUNNING, [step('a', StepState.SUCCEEDED), step('b', StepState.PENDING)]);
    expect(given(picture, second)).to.deep.equal([
      { state: RUNNING, steps: ['a'], flags: ['resynchronised'] },
    ]);
    const third = response(12, RUNNING, [step('b', StepState.RUNNING)], WatchEvent.CHANGED);
    expect(given(picture, third)).to.deep.equal([{ state: RUNNING, steps: ['b'], flags: [] }]);
  });

  it('shows the end when all of its parts are there, once', () => {
    const picture = new Picture();
    given(picture, response(5, RUNNING, [step('a', StepState.RUNNING)]));
    const part = response(9, SUCCEEDED, [step('a', StepState.SUCCEEDED)], WatchEvent.CHANGED);
    expect(given(picture, part)).to.deep.equal([]);
    // The connection breaks before the second part, and the next one shows all of it.
    picture.lose();
    const whole = response(9, SUCCEEDED, [step('a', StepState.SUCCEEDED)]);
    const rest = response(9, SUCCEEDED, [step('b', StepState.SUCCEEDED)], WatchEvent.CHANGED);
    expect(given(picture, whole, rest)).to.deep.equal([]);
    expect(picture.isOver).to.equal(false);
    expect([...picture.close()].map(show)).to.deep.equal([
      { state: SUCCEEDED, steps: ['a', 'b'], flags: ['resynchronised', 'ended'] },
    ]);
    expect(picture.isOver).to.equal(true);
  });

  it('does not go back with a node that lags behind', () => {
    const picture = new Picture();
    given(picture, response(9, RUNNING, [step('a', StepState.SUCCEEDED)]));
    picture.lose();
    expect(given(picture, response(7, RUNNING, [step('a', StepState.RUNNING)]))).to.deep.equal([]);
  });

  it('takes another workflow of the same name for the deletion of the first', () => {
    const picture = new Picture();
    given(picture, response(9, RUNNING, []));
    picture.lose();
    expect(given(picture, response(20, SUCCEEDED, [], WatchEvent.SNAPSHOT, 'u2'))).to.deep.equal([
      { state: RUNNING, steps: [], flags: ['resynchronised', 'deleted'] },
    ]);
    expect(picture.isOver).to.equal(true);
  });

  it('an orderly end without a final state is no end', () => {
    const picture = new Picture();
    given(picture, response(9, RUNNING, []));
    expect([...picture.close()]).to.deep.equal([]);
    expect(picture.isOver).to.equal(false);
  });
});
