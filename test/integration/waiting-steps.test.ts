/**
 * Steps that wait for somebody outside: a person's word, or a message. What depends on them is asserted on the calls
 * that the controller got.
 */
import { expect } from 'chai';
import { StepState, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { WorkflowServiceService as Service } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { eventually } from '../support/eventually.js';
import { approval, output, planOf, settings, signal, step } from './support/plans.js';
import { refused } from './support/refusal.js';
import { retry, stop, verb } from './support/requests.js';
import { requestId, startRig, storeKinds, freshStore, type Rig } from './support/rig.js';

const { SUCCEEDED, ROLLED_BACK, SUSPENDED, RUNNING } = WorkflowState;
const byAnn = { actor: 'ann', reason: 'looks good' };

for (const kind of storeKinds) {
  describe(`Waiting steps on ${kind}`, function () {
    this.timeout(20_000);
    let rig: Rig;
    let workflows = 0;
    let id = '';
    let name = '';

    before(async () => {
      rig = await startRig({ store: await freshStore(kind), logLevel: 'info' });
    });
    after(async () => {
      await rig.close();
    });
    beforeEach(() => {
      id = `wait-${workflows++}`;
      name = `workflows/${id}`;
    });

    const untilWaiting = async (of: string): Promise<void> => {
      await eventually(async () => {
        expect((await rig.step(name, of)).state).to.equal(StepState.WAITING);
      });
    };
    const decision = (of: string) => ({ ...verb(name, byAnn), name: `${name}/steps/${of}` });
    const message = (signalName: string, payload = {}) => ({
      name,
      requestId: requestId(),
      actor: 'ann',
      signal: signalName,
      payload,
    });

    it('approved: what depends on it goes on, and the approval says who and why', async () => {
      const after = step('b', 'make', { needs: ['ask'], with: { by: output('ask', '/actor') } });
      await rig.submit(planOf(step('a'), approval('ask', { needs: ['a'] }), after), { workflowId: id });
      await untilWaiting('ask');
      expect(rig.script.order(id)).to.deep.equal(['a']);
      const request = decision('ask');
      await rig.client.workflows.approveStep(request);
      await rig.restedAs(name, SUCCEEDED);
      expect(rig.script.order(id)).to.deep.equal(['a', 'b']);
      expect((await rig.step(name, 'ask')).output).to.deep.equal(byAnn);
      const { workflow } = await rig.client.workflows.approveStep(request);
      expect(workflow!.history.map((mark) => mark.verb)).to.deep.equal(['approve']);
      await refused(rig, Service.approveStep, decision('ask'), 'ILLEGAL_TRANSITION');
    });

    it('rejected: the step fails, what was done is undone, nothing that depends on it begins', async () => {
      const plan = planOf(
        step('a'),
        approval('ask', { needs: ['a'] }),
        step('b', 'make', { needs: ['ask'] }),
      );
      await rig.submit(plan, { workflowId: id });
      await untilWaiting('ask');
      await rig.client.workflows.rejectStep(decision('ask'));
      await rig.restedAs(name, ROLLED_BACK);
      expect(rig.script.order(id)).to.deep.equal(['a', 'undo.a']);
      const { state, error } = await rig.step(name, 'ask');
      expect(state).to.equal(StepState.FAILED);
      expect(error).to.deep.include({ reason: 'REJECTED', message: 'ann: looks good' });
    });

    it('a signal that comes before its step waits is kept; its payload is the output', async () => {
      const plan = planOf(
        approval('ask'),
        signal('told', 'ready', { needs: ['ask'] }),
        step('b', 'make', { with: { size: output('told', '/size') } }),
      );
      await rig.submit(plan, { workflowId: id });
      const request = message('ready', { size: 7 });
      await rig.client.workflows.sendSignal(request);
      await refused(rig, Service.sendSignal, message('ready'), 'ILLEGAL_TRANSITION');
      await refused(rig, Service.sendSignal, message('other'), 'ILLEGAL_TRANSITION');
      expect((await rig.step(name, 'told')).state).to.equal(StepState.PENDING);
      await untilWaiting('ask');
      await rig.client.workflows.approveStep(decision('ask'));
      await rig.restedAs(name, SUCCEEDED);
      expect((await rig.step(name, 'b')).state).to.equal(StepState.SUCCEEDED);
      expect(rig.script.callsOf(id, 'b')[0]?.args).to.deep.equal({ size: 7 });
    });

    it('one signal ends all steps that wait for it', async () => {
      await rig.submit(planOf(signal('x', 'go'), signal('y', 'go'), signal('z', 'later')), {
        workflowId: id,
      });
      for (const of of ['x', 'y', 'z']) await untilWaiting(of);
      await rig.client.workflows.sendSignal(message('go'));
      for (const of of ['x', 'y']) expect((await rig.step(name, of)).state).to.equal(StepState.SUCCEEDED);
      expect((await rig.step(name, 'z')).state).to.equal(StepState.WAITING);
      expect((await rig.get(name)).state).to.equal(RUNNING);
      await rig.client.workflows.sendSignal(message('later'));
      await rig.restedAs(name, SUCCEEDED);
    });

    it('a secret in a payload is sealed in the store and opened for the controller', async () => {
      const plan = planOf(
        signal('told', 'key'),
        step('b', 'make', { with: { pass: output('told', '/pass') } }),
      );
      await rig.submit(plan, { workflowId: id });
      await rig.client.workflows.sendSignal(message('key', { pass: { $secret: { value: 'xyzzy-secret' } } }));
      await rig.restedAs(name, SUCCEEDED);
      expect(rig.script.callsOf(id, 'b')[0]?.args).to.deep.equal({ pass: 'xyzzy-secret' });
      for (const { value } of (await rig.store.list({ start: '', end: '~' })).kvs)
        expect(Buffer.from(value).includes('xyzzy-secret')).to.equal(false);
    });

    it('a wait has its end; retried, the step waits again', async () => {
      const suspends = settings({ onFailure: 2 });
      await rig.submit(planOf(signal('told', 'never', { timeoutMs: 1_000 })), {
        workflowId: id,
        settings: suspends,
      });
      await rig.restedAs(name, SUSPENDED);
      expect((await rig.step(name, 'told')).error?.reason).to.equal('STEP_TIMEOUT');
      await rig.client.workflows.retryStep(retry(name, 'told'));
      await rig.client.workflows.sendSignal(message('never'));
      await rig.restedAs(name, SUCCEEDED);
    });

    it('cancel and suspend do not wait for it', async () => {
      await rig.submit(planOf(step('a'), approval('ask', { needs: ['a'] })), { workflowId: id });
      await untilWaiting('ask');
      await rig.client.workflows.suspendWorkflow(verb(name, byAnn));
      await rig.restedAs(name, SUSPENDED);
      await rig.client.workflows.cancelWorkflow(stop(name));
      await rig.restedAs(name, ROLLED_BACK);
      expect(rig.script.order(id)).to.deep.equal(['a', 'undo.a']);
      expect((await rig.step(name, 'ask')).state).to.equal(StepState.CANCELLED);
      expect((await rig.keys()).filter((key) => key.startsWith('queue/'))).to.deep.equal([]);
    });
  });
}
