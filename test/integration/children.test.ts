/**
 * Steps that start workflows of their own: success, failure, suspension, cancellation and rollback go down and up; what
 * is asserted is what the controller was told to do, and in which order.
 */
import { expect } from 'chai';
import { done, failed } from '../../src/controller.js';
import { OnFailure, StepState, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { WorkflowServiceService as Service } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { eventually } from '../support/eventually.js';
import { approval, chain, child, output, planOf, settings, step } from './support/plans.js';
import { refused } from './support/refusal.js';
import { deletion, retry, stop, verb } from './support/requests.js';
import { freshStore, startRig, stateOf, storeKinds, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';
import { planned, ScriptedOrchestrator } from './support/scripted-orchestrator.js';

const { SUCCEEDED, ROLLED_BACK, SUSPENDED, CANCELLED } = WorkflowState;
const byAnn = { actor: 'ann', reason: 'because' };

for (const kind of storeKinds) {
  describe(`Children on ${kind}`, function () {
    this.timeout(30_000);
    let rig: Rig;
    let desk: ScriptedOrchestrator;
    let workflows = 0;
    let id = '';
    let name = '';

    before(async () => {
      desk = new ScriptedOrchestrator();
      rig = await startRig({
        store: await freshStore(kind),
        logLevel: 'info',
        orchestrators: { desk: desk.port },
      });
    });
    after(async () => {
      await rig.close();
    });
    beforeEach(() => {
      id = `root-${workflows++}`;
      name = `workflows/${id}`;
      rig.script.calls.length = 0;
      for (const of of ['x', 'y']) rig.script.script('*', of, () => done());
    });

    const fails = () => failed('Bad', 'it failed', { retryable: false, effect: 'none' });
    const childOf = async (of: string, parent = name): Promise<string> => {
      let found = '';
      await eventually(async () => {
        found = (await rig.step(parent, of)).child;
        expect(found).not.to.equal('');
      });
      return found;
    };
    /** What was executed of the whole tree, in order. */
    const steps = (): string[] =>
      rig.script.calls.filter((call) => call.kind === 'execute').map((call) => call.step);

    it('runs the child, whose output is the step’s, and goes on after it', async () => {
      desk.script('one', ({ size }) =>
        planned({
          ...planOf(step('x', 'make', { with: { size: size ?? null } })),
          output: { id: output('x', '/id') },
        }),
      );
      rig.script.script('*', 'x', () => done({ id: 'x-5' }));
      const after = step('b', 'make', { with: { got: output('sub', '/id') } });
      const plan = planOf(step('a'), child('sub', 'one', { needs: ['a'], with: { size: 5 } }), after);
      await rig.submit(plan, { workflowId: id });
      const sub = await childOf('sub');
      await rig.restedAs(name, SUCCEEDED);
      expect(steps()).to.deep.equal(['a', 'x', 'b']);
      const got = await rig.get(sub);
      expect([stateOf(got), got.parent, got.root]).to.deep.equal(['SUCCEEDED', `${name}/steps/sub`, name]);
      expect(rig.script.calls.find((call) => call.step === 'x')?.args).to.deep.equal({ size: 5 });
    });

    it('a child that fails is rolled back, then its parent', async () => {
      desk.script('one', () => planned(chain('x', 'y')));
      const plan = planOf(
        step('a'),
        child('sub', 'one', { needs: ['a'] }),
        step('b', 'make', { needs: ['sub'] }),
      );
      rig.script.script('*', 'y', fails);
      await rig.submit(plan, { workflowId: id });
      await rig.restedAs(name, ROLLED_BACK);
      expect(steps()).to.deep.equal(['a', 'x', 'y', 'undo.x', 'undo.a']);
      const { error, state } = await rig.step(name, 'sub');
      expect(state).to.equal(StepState.FAILED);
      expect(error?.reason).to.equal('CHILD_FAILED');
      expect(error?.message).to.contain('it failed');
    });

    it('a finished child is rolled back with its parent, in its place in the order', async () => {
      desk.script('one', () => planned(chain('x', 'y')));
      rig.script.script(id, 'b', fails);
      const plan = planOf(
        step('a'),
        child('sub', 'one', { needs: ['a'] }),
        step('b', 'make', { needs: ['sub'] }),
      );
      await rig.submit(plan, { workflowId: id });
      await rig.restedAs(name, ROLLED_BACK);
      expect(steps()).to.deep.equal(['a', 'x', 'y', 'b', 'undo.y', 'undo.x', 'undo.a']);
      const sub = await childOf('sub');
      expect(stateOf(await rig.get(sub))).to.equal('ROLLED_BACK');
      expect((await rig.step(name, 'undo.sub')).state).to.equal(StepState.SUCCEEDED);
    });

    it('goes three levels down, and all the way back', async () => {
      desk.script('one', () => planned(planOf(step('x1'), child('s2', 'two', { needs: ['x1'] }))));
      desk.script('two', () => planned(planOf(step('x2'), child('s3', 'three', { needs: ['x2'] }))));
      desk.script('three', () => planned(planOf(step('x3'))));
      rig.script.script(id, 'b', fails);
      const plan = planOf(child('s1', 'one'), step('b', 'make', { needs: ['s1'] }));
      await rig.submit(plan, { workflowId: id });
      await rig.restedAs(name, ROLLED_BACK);
      expect(steps()).to.deep.equal(['x1', 'x2', 'x3', 'b', 'undo.x3', 'undo.x2', 'undo.x1']);
      await rig.client.workflows.deleteWorkflow(deletion(name));
      await eventually(async () => {
        expect((await rig.keys()).filter((key) => key.includes(`/${id}`))).to.deep.equal([]);
      });
      const heads = (await rig.keys()).filter((key) => key.startsWith('head/'));
      const parents = await Promise.all(
        heads.map(async (key) => (await rig.get(`workflows/${key.split('/')[2] ?? ''}`)).root),
      );
      expect(parents).not.to.include(name);
    });

    it('suspend and resume go down; the parent rests when the child does', async () => {
      const gate = createGate();
      desk.script('one', () => planned(chain('x', 'y')));
      rig.script.script('*', 'x', gate.pass);
      await rig.submit(planOf(child('sub', 'one')), { workflowId: id });
      const sub = await childOf('sub');
      await eventually(() => {
        expect(steps().length).to.be.greaterThan(0);
      });
      await rig.client.workflows.suspendWorkflow(verb(name, byAnn));
      gate.open();
      await rig.restedAs(name, SUSPENDED);
      expect(stateOf(await rig.get(sub))).to.equal('SUSPENDED');
      await refused(rig, Service.resumeWorkflow, verb(sub, byAnn), 'ILLEGAL_TRANSITION');
      await rig.client.workflows.resumeWorkflow(verb(name, byAnn));
      await rig.restedAs(name, SUCCEEDED);
      expect(steps()).to.deep.equal(['x', 'y']);
    });

    it('cancel goes down, keeping or undoing what was done', async () => {
      for (const keep of [true, false]) {
        const own = `${id}-${String(keep)}`;
        const at = `workflows/${own}`;
        rig.script.calls.length = 0;
        desk.script('one', () => planned(planOf(step('x'), approval('ask', { needs: ['x'] }))));
        await rig.submit(planOf(step('a'), child('sub', 'one', { needs: ['a'] })), { workflowId: own });
        const sub = await childOf('sub', at);
        await eventually(async () => {
          expect((await rig.step(sub, 'ask')).state).to.equal(StepState.WAITING);
        });
        await rig.client.workflows.cancelWorkflow(stop(at, { keep }));
        await rig.restedAs(at, keep ? CANCELLED : ROLLED_BACK);
        await rig.restedAs(sub, keep ? CANCELLED : ROLLED_BACK);
        expect(steps()).to.deep.equal(keep ? ['a', 'x'] : ['a', 'x', 'undo.x', 'undo.a']);
        expect((await rig.step(at, 'sub')).state).to.equal(StepState.CANCELLED);
      }
    });

    it('a child that was kept when it failed is undone with its parent', async () => {
      desk.script('one', () => planned(chain('x', 'y'), { onFailure: OnFailure.KEEP }));
      rig.script.script('*', 'y', fails);
      await rig.submit(planOf(step('a'), child('sub', 'one', { needs: ['a'] })), { workflowId: id });
      await rig.restedAs(name, ROLLED_BACK);
      expect(steps()).to.deep.equal(['a', 'x', 'y', 'undo.x', 'undo.a']);
      expect(desk.asked.at(-1)?.parent).to.equal(`${name}/steps/sub`);
      expect(stateOf(await rig.get(await childOf('sub')))).to.equal('ROLLED_BACK');
    });

    it('planning is tried again; a plan that is none fails the step and names the place', async () => {
      let tries = 0;
      desk.script('one', () => {
        tries += 1;
        if (tries === 1) throw new Error('lost');
        if (tries === 2) return { kind: 'failed', reason: 'Busy', message: 'later', retryable: true };
        return planned(planOf(step('x', 'nothing')));
      });
      const suspends = settings({ onFailure: OnFailure.SUSPEND });
      await rig.submit(planOf(child('sub', 'one')), { workflowId: id, settings: suspends });
      await rig.restedAs(name, SUSPENDED);
      const { error } = await rig.step(name, 'sub');
      expect(error?.reason).to.equal('INVALID_CHILD_PLAN');
      expect(error?.message).to.contain('plan.steps[0].call.method');
      desk.script('one', () => planned(planOf(step('x'))));
      await rig.client.workflows.retryStep(retry(name, 'sub'));
      await rig.client.workflows.resumeWorkflow(verb(name, byAnn));
      await rig.restedAs(name, SUCCEEDED);
    });

    it('a child is not deleted, nor rolled back, by itself once it has ended', async () => {
      desk.script('one', () => planned(planOf(step('x'))));
      await rig.submit(planOf(child('sub', 'one'), approval('ask', { needs: ['sub'] })), { workflowId: id });
      const sub = await childOf('sub');
      await rig.restedAs(sub, SUCCEEDED);
      await refused(rig, Service.deleteWorkflow, deletion(sub), 'ILLEGAL_TRANSITION');
      await refused(rig, Service.rollbackWorkflow, stop(sub), 'ILLEGAL_TRANSITION');
      await rig.client.workflows.cancelWorkflow(stop(name));
      await rig.restedAs(name, ROLLED_BACK);
      expect(steps()).to.deep.equal(['x', 'undo.x']);
    });
  });
}
