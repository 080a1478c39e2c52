/**
 * Orchestrators: in the node and behind gRPC; asked for the plan of a submission and of a child, and told how what they
 * planned has ended, at least once, however often they were not there. Children's locks are their root's.
 */
import { expect } from 'chai';
import { done, failed, silentLogger } from '../../src/controller.js';
import { LockMode } from '../../src/gen/wire/steplock/v1/plan.js';
import { StepState, WorkflowState, type Workflow } from '../../src/gen/wire/steplock/v1/workflow.js';
import type { SubmitWorkflowRequest } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { serveOrchestrator } from '../../src/remote/serve-orchestrator.js';
import type { Served } from '../../src/remote/serve.js';
import { eventually } from '../support/eventually.js';
import { approval, child, output, planOf, settings, step } from './support/plans.js';
import { deletion, stop, submission, verb } from './support/requests.js';
import { refused } from './support/refusal.js';
import { requestId, startRig, stateOf, type Rig } from './support/rig.js';
import { planned, ScriptedOrchestrator } from './support/scripted-orchestrator.js';
import { WorkflowServiceService as Service } from '../../src/gen/wire/steplock/v1/workflow_service.js';

const { SUCCEEDED, ROLLED_BACK, QUEUED } = WorkflowState;
const byAnn = { actor: 'ann', reason: 'because' };
const exclusive = (resource: string) => ({ resource, mode: LockMode.EXCLUSIVE });

describe('Orchestrators', function () {
  this.timeout(40_000);
  let rig: Rig;
  const desk = new ScriptedOrchestrator();
  const far = new ScriptedOrchestrator();
  let served: Served;
  let workflows = 0;
  let id = '';
  let name = '';

  const register = async (endpoint: string): Promise<void> => {
    const request = { controllerId: 'far', endpoint, requestId: requestId(), orchestrator: true };
    await rig.client.dispatcher.registerController(request);
  };
  before(async () => {
    rig = await startRig({ logLevel: 'info', orchestrators: { desk: desk.port } });
    served = await serveOrchestrator(far.port, { address: '127.0.0.1:0', log: silentLogger });
    await register(served.endpoint);
  });
  after(async () => {
    await rig.close();
    await served.close(0);
  });
  beforeEach(() => {
    id = `asked-${workflows++}`;
    name = `workflows/${id}`;
    rig.script.calls.length = 0;
  });

  const ask = async (
    orchestrator: string,
    operation: string,
    args = {},
    more: Partial<SubmitWorkflowRequest> = {},
  ): Promise<Workflow> => {
    const orchestration = { orchestrator, operation, arguments: args };
    const { plan: _, ...request } = submission(planOf(), { workflowId: id, ...more });
    return (await rig.client.workflows.submitWorkflow({ ...request, plan: undefined, orchestration }))
      .workflow!;
  };

  for (const kind of ['desk', 'far'] as const) {
    const orchestrator = kind === 'desk' ? desk : far;

    it(`${kind}: makes the plan of a submission and is told its end, with its output`, async () => {
      orchestrator.script('one', ({ size }) =>
        planned(
          { ...planOf(step('a', 'make', { with: { size: size ?? 0 } })), output: { got: output('a', '') } },
          {
            labels: { by: 'planner' },
          },
        ),
      );
      const asked = await ask(kind, 'one', { size: 3 }, { settings: settings({ labels: { mine: 'yes' } }) });
      expect(asked.settings?.labels).to.deep.equal({ by: 'planner', mine: 'yes' });
      expect(asked.settings?.callback).to.equal(kind);
      await rig.restedAs(name, SUCCEEDED);
      expect(rig.script.calls[0]?.args).to.deep.equal({ size: 3 });
      await eventually(() => {
        const news = orchestrator.news.filter(({ workflow }) => workflow === name);
        expect(news.map(({ state, sequence }) => [state, sequence])).to.deep.equal([['SUCCEEDED', 1]]);
        expect(news[0]?.output).to.have.property('got');
      });
    });

    it(`${kind}: is told again until it has heard, why a workflow was undone`, async () => {
      let missed = 0;
      orchestrator.onEnded = () => {
        missed += 1;
        if (missed <= 3) throw new Error('not now');
      };
      orchestrator.script('one', () => planned(planOf(step('a'))));
      rig.script.script(id, 'a', () => failed('Bad', 'no room', { retryable: false, effect: 'none' }));
      await ask(kind, 'one');
      await rig.restedAs(name, ROLLED_BACK);
      await refused(rig, Service.deleteWorkflow, deletion(name), 'ILLEGAL_TRANSITION');
      await eventually(() => {
        const [news] = orchestrator.news.filter(({ workflow }) => workflow === name);
        expect(news?.state).to.equal('ROLLED_BACK');
        expect(JSON.stringify(news?.stop)).to.contain('no room');
      }, 15_000);
      expect(missed).to.equal(4);
      await eventually(async () => {
        expect((await rig.keys()).filter((key) => key.startsWith('callback/'))).to.deep.equal([]);
      });
      await rig.client.workflows.deleteWorkflow(deletion(name));
    });
  }

  it('plans a child from afar; secrets pass through it sealed, and reach the controller', async () => {
    far.script('two', ({ key }) =>
      planned(planOf(step('p', 'typed', { with: { name: 'x', password: key ?? null } }))),
    );
    rig.script.script('*', 'p', () => done({ id: '1' }));
    const asking = child('sub', 'two', {
      controller: 'far',
      with: { key: { $secret: { value: 'plugh-secret' } } },
    });
    await rig.submit(planOf(asking), { workflowId: id });
    await rig.restedAs(name, SUCCEEDED);
    expect(JSON.stringify(far.asked.at(-1)?.args)).not.to.contain('plugh');
    expect(rig.script.calls[0]?.args).to.include({ password: 'plugh-secret' });
    for (const { value } of (await rig.store.list({ start: '', end: '~' })).kvs)
      expect(Buffer.from(value).includes('plugh-secret')).to.equal(false);
  });

  it('that cannot be reached fails the planning, retryably; what is asked of it while it is gone waits', async () => {
    far.script('three', () => planned(planOf(step('a'))));
    await served.close(0);
    await refused(
      rig,
      Service.submitWorkflow,
      {
        ...submission(planOf()),
        plan: undefined,
        orchestration: { orchestrator: 'far', operation: 'three', arguments: {} },
      },
      'CONTROLLER_UNAVAILABLE',
    );
    served = await serveOrchestrator(far.port, { address: served.endpoint, log: silentLogger });
    await rig.submit(planOf(child('sub', 'three', { controller: 'far' })), { workflowId: id });
    await rig.restedAs(name, SUCCEEDED);
  });

  it('a child’s lock is its root’s, from when it is free until the root has ended', async () => {
    const holder = `${id}-holder`;
    desk.script('one', () => planned(planOf(step('x', 'make', { locks: [exclusive('pool/p')] }))));
    await rig.submit(
      planOf(step('h', 'make', { locks: [exclusive('pool/p')] }), approval('hold', { needs: ['h'] })),
      {
        workflowId: holder,
      },
    );
    await eventually(async () => {
      expect((await rig.step(`workflows/${holder}`, 'hold')).state).to.equal(StepState.WAITING);
    });
    await rig.submit(planOf(child('sub', 'one'), approval('ask', { needs: ['sub'] })), { workflowId: id });
    let sub = '';
    await eventually(async () => {
      sub = (await rig.step(name, 'sub')).child;
      expect(stateOf(await rig.get(sub))).to.equal(stateOf({ state: QUEUED }));
    });
    await rig.client.workflows.approveStep({ ...verb('', byAnn), name: `workflows/${holder}/steps/hold` });
    await rig.restedAs(sub, SUCCEEDED);
    expect((await rig.keys()).filter((key) => key.startsWith('lock/'))).to.deep.equal([
      (await rig.keys()).find((key) => key.startsWith('lock/') && key.endsWith(`/${id}`)) ?? 'none',
    ]);
    await rig.client.workflows.cancelWorkflow(stop(name));
    await rig.restedAs(name, ROLLED_BACK);
    expect((await rig.keys()).filter((key) => key.startsWith('lock/'))).to.deep.equal([]);
    expect(rig.script.order(id)).to.deep.equal([]);
  });

  it('a child does not wait for what its root has, and gets no more of it than that', async () => {
    desk.script('one', () => planned(planOf(step('x', 'make', { locks: [exclusive('pool/q')] }))));
    const shared = { resource: 'pool/q', mode: LockMode.SHARED };
    await rig.submit(planOf(child('sub', 'one', { locks: [exclusive('pool/q')] })), { workflowId: id });
    await rig.restedAs(name, SUCCEEDED);
    const other = `${id}-shared`;
    await rig.submit(planOf(child('sub', 'one', { locks: [shared] })), { workflowId: other });
    await rig.restedAs(`workflows/${other}`, ROLLED_BACK);
    const { error } = await rig.step(`workflows/${other}`, 'sub');
    expect(error?.message).to.contain('locked shared by its root');
    expect((await rig.keys()).filter((key) => key.startsWith('lock/'))).to.deep.equal([]);
  });

  it('of two roots that wait for each other’s locks the later one gives way, and the other goes on', async () => {
    const roots = [`${id}-1`, `${id}-2`];
    for (const [index, operation] of ['one', 'two'].entries()) {
      const workflowId = roots[index] ?? '';
      const theirs = [exclusive(`ring/${1 - index}`)];
      desk.script(operation, () => planned(planOf(step('x', 'make', { locks: theirs }))));
      const own = step('own', 'make', { locks: [exclusive(`ring/${index}`)] });
      const sub = child('sub', operation, { needs: ['go'] });
      await rig.submit(planOf(own, approval('go', { needs: ['own'] }), sub), { workflowId });
    }
    for (const root of roots) {
      await eventually(async () => {
        expect((await rig.step(`workflows/${root}`, 'go')).state).to.equal(StepState.WAITING);
      });
    }
    for (const root of roots)
      await rig.client.workflows.approveStep({ ...verb('', byAnn), name: `workflows/${root}/steps/go` });
    // They would wait five minutes for their time to be up.
    const ends = await Promise.all(roots.map(async (root) => await rig.rested(`workflows/${root}`, 30_000)));
    expect(ends.map(stateOf).sort()).to.deep.equal(['ROLLED_BACK', 'SUCCEEDED']);
    const loser = roots[ends.findIndex(({ state }) => state === ROLLED_BACK)] ?? '';
    const { error } = await rig.step(`workflows/${loser}`, 'sub');
    expect(error?.message).to.contain('wait for each other').and.to.contain('it came last');
    expect((await rig.keys()).filter((key) => key.startsWith('lock/'))).to.deep.equal([]);
  });
});
