/**
 * Watches and waits: who follows a workflow sees every state that it comes to rest in and all that each step became, in
 * order, and hears of the end, however large the workflow is and whatever becomes of the node.
 */
import { expect } from 'chai';
import { done } from '../../src/controller.js';
import { StepState, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { WatchEvent, type WatchWorkflowResponse } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { WorkflowServiceService as Service } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { eventually, within } from '../support/eventually.js';
import { rejection } from '../support/rejection.js';
import { chain, planOf, step } from './support/plans.js';
import { refused } from './support/refusal.js';
import { deletion, verb } from './support/requests.js';
import { freshStore, requestId, startRig, storeKinds, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

const { SNAPSHOT, CHANGED, BOOKMARK, DELETED } = WatchEvent;

/** All that a watch sends, gathered as it comes; `end` is how it ended. */
function follow(rig: Rig, name: string, startRevision = '0') {
  const seen: WatchWorkflowResponse[] = [];
  const stop = new AbortController();
  const read = async (): Promise<unknown> => {
    try {
      const options = { signal: stop.signal };
      for await (const response of rig.client.workflows.watchWorkflow({ name, startRevision }, options)) {
        seen.push(response);
      }
      return undefined;
    } catch (error) {
      return error;
    }
  };
  return { seen, stop, end: within(20_000, 'The watch', read()) };
}

for (const kind of storeKinds) {
  describe(`A watch (${kind})`, function () {
    this.timeout(30_000);
    let rig: Rig;

    before(async () => {
      rig = await startRig({ store: await freshStore(kind), logLevel: 'info' });
    });

    after(async () => {
      expect(rig.log.errors).to.deep.equal([]);
      await rig.close();
    });

    it('shows first all of it, then each change in order, and ends with the workflow', async () => {
      const gates = new Map(['a', 'b', 'c'].map((id) => [id, createGate()]));
      for (const [id, gate] of gates) rig.script.script('seen', id, gate.pass);
      const { name } = await rig.submit(chain('a', 'b', 'c'), { workflowId: 'seen' });
      const { seen, end } = follow(rig, name);
      for (const [id, gate] of gates) {
        await eventually(() => {
          const states = seen
            .flatMap(({ steps }) => steps.filter((each) => each.id === id))
            .map(({ state }) => state);
          expect(states.at(-1)).to.equal(StepState.RUNNING);
        });
        gate.open();
      }
      expect(await end).to.equal(undefined);
      const [first, ...rest] = seen;
      expect(first?.event).to.equal(SNAPSHOT);
      expect(first?.steps.map(({ id }) => id)).to.deep.equal(['a', 'b', 'c']);
      for (const { event } of rest) expect(event).to.be.oneOf([CHANGED, BOOKMARK]);
      const revisions = seen.map(({ revision }) => Number(revision));
      expect(revisions).to.deep.equal([...new Set(revisions)].sort((left, right) => left - right));
      const lastOf = (id: string) =>
        seen.flatMap(({ steps }) => steps.filter((each) => each.id === id)).at(-1)?.state;
      expect(['a', 'b', 'c'].map(lastOf)).to.deep.equal(['a', 'b', 'c'].map(() => StepState.SUCCEEDED));
      expect(seen.at(-1)?.workflow?.state).to.equal(WorkflowState.SUCCEEDED);
    });

    it('of a workflow that has ended shows it and ends', async () => {
      const { name } = await rig.run(chain('a'));
      const { seen, end } = follow(rig, name);
      expect(await end).to.equal(undefined);
      expect(seen.map(({ event }) => event)).to.deep.equal([SNAPSHOT]);
    });

    it('goes on from the last revision seen: nothing until something changes', async () => {
      const gate = createGate();
      rig.script.script('resumed', 'b', gate.pass);
      const { name } = await rig.submit(chain('a', 'b'), { workflowId: 'resumed' });
      await rig.script.called('resumed', 'b');
      const first = follow(rig, name);
      await eventually(() => {
        expect(first.seen.at(-1)?.workflow?.counts).to.include({ succeeded: 1, running: 1 });
      });
      first.stop.abort();
      expect(await first.end).to.equal(undefined);
      const second = follow(rig, name, first.seen.at(-1)?.revision);
      // The store is read before anything is held back: a suspension is the first that is sent.
      await rig.client.workflows.suspendWorkflow(verb(name));
      await eventually(() => {
        expect(second.seen.at(-1)?.workflow?.state).to.equal(WorkflowState.SUSPENDING);
      });
      expect(second.seen.every(({ workflow }) => workflow?.state !== WorkflowState.RUNNING)).to.equal(true);
      second.stop.abort();
      gate.open();
    });

    it('hears of a deletion, with the last state', async () => {
      const { workflow } = await rig.client.workflows.createWorkflow({
        requestId: requestId(),
        workflowId: 'doomed',
        settings: undefined,
        actor: '',
      });
      const { seen, end } = follow(rig, workflow!.name);
      await eventually(() => {
        expect(seen).to.have.length(1);
      });
      await rig.client.workflows.deleteWorkflow(deletion(workflow!.name));
      expect(await end).to.equal(undefined);
      expect(seen.at(-1)).to.include({ event: DELETED });
      expect(seen.at(-1)?.workflow?.name).to.equal(workflow!.name);
    });

    it('comes in parts where the steps fill more than a message, as lists do', async () => {
      const filling = 'x'.repeat(900 * 1024);
      for (const id of ['a', 'b', 'c', 'd', 'e', 'f'])
        rig.script.script('large', id, () => done({ filling }));
      const plan = planOf(...['a', 'b', 'c', 'd', 'e', 'f'].map((id) => step(id, 'free')));
      const { name } = await rig.run(plan, { workflowId: 'large' });
      const { seen, end } = follow(rig, name);
      expect(await end).to.equal(undefined);
      expect(seen.length).to.be.greaterThan(1);
      expect(seen.map(({ event }) => event)).to.deep.equal([SNAPSHOT, ...seen.slice(1).map(() => CHANGED)]);
      expect(seen.flatMap(({ steps }) => steps.map(({ id }) => id))).to.deep.equal([
        'a',
        'b',
        'c',
        'd',
        'e',
        'f',
      ]);
      const ids: string[] = [];
      for (let pageToken = '', isFirst = true; isFirst || pageToken !== ''; isFirst = false) {
        const page = await rig.client.workflows.listSteps({
          parent: name,
          pageSize: 0,
          pageToken,
          states: [],
        });
        ids.push(...page.steps.map(({ id }) => id));
        pageToken = page.nextPageToken;
      }
      expect(ids).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f']);
    });

    it('and a wait are refused for what is not there', async () => {
      const name = 'workflows/nobody';
      await refused(rig, Service.waitWorkflow, { name, timeout: undefined }, 'WORKFLOW_NOT_FOUND');
      expect(await follow(rig, name).end).to.include({ reason: 'WORKFLOW_NOT_FOUND' });
    });

    it('a wait answers at its time with the state that it has then', async () => {
      const gate = createGate();
      rig.script.script('waited', 'a', gate.pass);
      const { name } = await rig.submit(chain('a'), { workflowId: 'waited' });
      const timeout = { seconds: '0', nanos: 50_000_000 };
      const early = await rig.client.workflows.waitWorkflow({ name, timeout });
      expect(early).to.include({ rested: false });
      expect(early.workflow?.state).to.equal(WorkflowState.RUNNING);
      const late = rig.client.workflows.waitWorkflow({ name, timeout: undefined });
      gate.open();
      expect(await late).to.include({ rested: true });
    });

    it('of a workflow of 1,000 steps, with ten waits on it, does not hold it up', async () => {
      const ids = Array.from({ length: 1_000 }, (_, n) => `s${n}`);
      const { name } = await rig.submit(planOf(...ids.map((id) => step(id, 'free'))), { workflowId: 'many' });
      const watched = follow(rig, name);
      const ended = await Promise.all(Array.from({ length: 10 }, async () => await rig.rested(name)));
      for (const { state } of ended) expect(state).to.equal(WorkflowState.SUCCEEDED);
      expect(await watched.end).to.equal(undefined);
      const last = new Map(
        watched.seen.flatMap(({ steps }) => steps.map((each) => [each.id, each.state] as const)),
      );
      expect([...last.values()].filter((state) => state === StepState.SUCCEEDED)).to.have.length(1_000);
      // Each one is a read of all of it: they are far fewer than its changes.
      expect(watched.seen.length).to.be.lessThan(200);
    });
  });
}

describe('A watch and a wait on a node that is ended', function () {
  this.timeout(20_000);

  it('hear of it as an error, so that they are not taken for over', async () => {
    const rig = await startRig();
    rig.script.script('left', 'a', createGate().pass);
    const { name } = await rig.submit(chain('a'), { workflowId: 'left' });
    const { seen, end } = follow(rig, name);
    await eventually(() => {
      expect(seen).to.not.deep.equal([]);
    });
    const timeout = { seconds: '60', nanos: 0 };
    const waits = rejection(rig.client.workflows.waitWorkflow({ name, timeout }, { timeoutMs: 60_000 }));
    await rig.node.close();
    // The client asks again, and by then nobody answers any more.
    expect(await waits)
      .to.have.property('reason')
      .that.is.oneOf(['SHUTTING_DOWN', 'STORE_UNAVAILABLE']);
    expect(await end).to.have.property('reason', 'SHUTTING_DOWN');
    rig.client.close();
    rig.raw.close();
  });
});
