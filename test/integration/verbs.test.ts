/**
 * What operators ask of workflows: each verb has its effect on what is called and stored, is written down with who and
 * why, says the same when it is sent again, and is refused with its reason where the state does not allow it.
 */
import { expect } from 'chai';
import { done, failed, type JsonObject } from '../../src/controller.js';
import {
  OnFailure,
  RunningSteps,
  StepState,
  StopCause,
  WorkflowState,
} from '../../src/gen/wire/steplock/v1/workflow.js';
import { WorkflowServiceService as Service } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { eventually } from '../support/eventually.js';
import { chain, output, planOf, settings, step } from './support/plans.js';
import { metadataOf, refused } from './support/refusal.js';
import { deletion, retry, skip, stop, verb } from './support/requests.js';
import { startRig, stateOf, type Rig } from './support/rig.js';
import { createGate, untilStopped } from './support/scripted-controller.js';

const { SUCCEEDED, SUSPENDED, ROLLED_BACK, ROLLBACK_SUSPENDED, CANCELLED } = WorkflowState;
const byAnn = { actor: 'ann', reason: 'because' };

describe('Verbs', function () {
  this.timeout(20_000);
  let rig: Rig;
  let workflows = 0;
  let id = '';
  let name = '';

  before(async () => {
    rig = await startRig({ logLevel: 'info' });
  });

  after(async () => {
    expect(rig.log.errors).to.deep.equal([]);
    expect(rig.log.with('incident opened').map(({ level }) => level)).to.deep.equal([40]);
    await rig.close();
  });

  beforeEach(() => {
    id = `verb-${workflows++}`;
    name = `workflows/${id}`;
  });

  const fails = () => failed('Bad', 'it failed', { retryable: false, effect: 'none' });
  const lastMark = async () => (await rig.get(name)).history.at(-1);

  /** A chain of two whose first step waits at the gate that this gives. */
  const atGate = async (waiting = 'a') => {
    const gate = createGate();
    rig.script.script(id, waiting, gate.pass);
    await rig.submit(chain('a', 'b'), { workflowId: id });
    await rig.script.called(id, waiting);
    return gate;
  };

  /** A chain of two whose second step fails; the workflow is suspended for that. */
  const failedAndSuspended = async () => {
    let isMended = false;
    rig.script.script(id, 'b', () => (isMended ? done() : fails()));
    const suspends = settings({ onFailure: OnFailure.SUSPEND });
    await rig.submit(chain('a', 'b', 'c'), { workflowId: id, settings: suspends });
    await rig.restedAs(name, SUSPENDED);
    return { mend: () => (isMended = true) };
  };

  it('suspend: running steps end, nothing new starts, and resume goes on', async () => {
    const gate = await atGate();
    const request = verb(name, byAnn);
    const { workflow } = await rig.client.workflows.suspendWorkflow(request);
    expect(stateOf(workflow!)).to.equal('SUSPENDING');
    expect(workflow!.suspension).to.include({ verb: 'suspend', ...byAnn });
    gate.open();
    await rig.restedAs(name, SUSPENDED);
    expect(rig.script.order(id)).to.deep.equal(['a']);
    const again = await rig.client.workflows.suspendWorkflow(request);
    expect(again.workflow!.history.map((mark) => mark.verb)).to.deep.equal(['suspend']);
    await rig.client.workflows.resumeWorkflow(verb(name, byAnn));
    const ended = await rig.restedAs(name, SUCCEEDED);
    expect(ended.history.map(({ verb, actor, reason }) => `${verb} ${actor} ${reason}`)).to.deep.equal([
      'suspend ann because',
      'resume ann because',
    ]);
    expect(ended.suspension).to.equal(undefined);
    expect(rig.script.order(id)).to.deep.equal(['a', 'b']);
  });

  it('suspend during a rollback: the undo that runs ends, and resume goes on with the others', async () => {
    const gate = createGate();
    rig.script.script(id, 'undo.b', gate.pass);
    rig.script.script(id, 'c', fails);
    await rig.submit(chain('a', 'b', 'c'), { workflowId: id });
    await rig.script.called(id, 'undo.b');
    const { workflow } = await rig.client.workflows.suspendWorkflow(verb(name));
    expect(stateOf(workflow!)).to.equal('ROLLBACK_SUSPENDING');
    gate.open();
    await rig.restedAs(name, ROLLBACK_SUSPENDED);
    expect(rig.script.callsOf(id, 'undo.a')).to.deep.equal([]);
    await rig.client.workflows.resumeWorkflow(verb(name));
    await rig.restedAs(name, ROLLED_BACK);
    expect(rig.script.order(id)).to.deep.equal(['a', 'b', 'c', 'undo.b', 'undo.a']);
  });

  it('cancel: running steps are told to stop, and what was done is undone', async () => {
    rig.script.script(id, 'b', async (context) => {
      await untilStopped(context).catch(() => undefined);
      return failed('Stopped', 'as asked', { retryable: true, effect: 'none' });
    });
    await rig.submit(chain('a', 'b'), { workflowId: id });
    await rig.script.called(id, 'b');
    const request = stop(name, byAnn);
    await rig.client.workflows.cancelWorkflow(request);
    const ended = await rig.restedAs(name, ROLLED_BACK);
    expect((await rig.script.called(id, 'b')).context.signal.aborted).to.equal(true);
    expect(ended.stop).to.deep.include({ cause: StopCause.CANCELLED });
    expect(ended.stop?.mark).to.include({ verb: 'cancel', ...byAnn });
    expect(rig.script.order(id).at(-1)).to.equal('undo.a');
    const again = await rig.client.workflows.cancelWorkflow(request);
    expect(again.workflow).to.include({ state: ROLLED_BACK, etag: ended.etag });
  });

  it('cancel and keep: running steps may end, and nothing is undone', async () => {
    const gate = await atGate();
    const request = stop(name, { keep: true, runningSteps: RunningSteps.LET_END });
    const { workflow } = await rig.client.workflows.cancelWorkflow(request);
    expect(stateOf(workflow!)).to.equal('STOPPING');
    expect((await rig.script.called(id, 'a')).context.signal.aborted).to.equal(false);
    gate.open();
    const ended = await rig.restedAs(name, CANCELLED);
    expect(ended.counts).to.include({ succeeded: 1, cancelled: 1, undone: 0 });
    expect(rig.script.order(id)).to.deep.equal(['a']);
  });

  it('cancel of what has not begun calls nobody', async () => {
    const startTime = new Date(Date.now() + 3_600_000);
    await rig.submit(chain('a'), { workflowId: id, settings: settings({ startTime }) });
    await rig.client.workflows.cancelWorkflow(stop(name));
    await rig.restedAs(name, ROLLED_BACK);
    expect(rig.script.callsOf(id)).to.deep.equal([]);
  });

  it('cancel of what is being undone is refused', async () => {
    const gate = createGate();
    rig.script.script(id, 'undo.a', gate.pass);
    rig.script.script(id, 'b', fails);
    await rig.submit(chain('a', 'b'), { workflowId: id });
    await rig.script.called(id, 'undo.a');
    for (const refusal of [
      await refused(rig, Service.cancelWorkflow, stop(name), 'ILLEGAL_TRANSITION'),
      await refused(rig, Service.rollbackWorkflow, stop(name), 'ILLEGAL_TRANSITION'),
    ]) {
      expect(metadataOf(refusal)).to.include({ name, state: 'ROLLING_BACK' });
    }
    gate.open();
    await rig.restedAs(name, ROLLED_BACK);
  });

  it('rollback: lets running steps end and undoes all of it', async () => {
    const gate = await atGate('b');
    const request = stop(name, byAnn);
    const { workflow } = await rig.client.workflows.rollbackWorkflow(request);
    expect(stateOf(workflow!)).to.equal('ROLLING_BACK');
    gate.open();
    const ended = await rig.restedAs(name, ROLLED_BACK);
    expect(ended.stop).to.deep.include({ cause: StopCause.ROLLED_BACK });
    expect(ended.stop?.mark).to.include({ verb: 'rollback', ...byAnn });
    expect(rig.script.order(id)).to.deep.equal(['a', 'b', 'undo.b', 'undo.a']);
    expect((await rig.client.workflows.rollbackWorkflow(request)).workflow?.etag).to.equal(ended.etag);
  });

  it('retry: a failed step gets another call with a new key, and knows the one that it had', async () => {
    const { mend } = await failedAndSuspended();
    await refused(rig, Service.resumeWorkflow, verb(name), 'ILLEGAL_TRANSITION');
    mend();
    const request = retry(name, 'b', byAnn);
    await rig.client.workflows.retryStep(request);
    expect(await lastMark()).to.include({ verb: 'retry', step: 'b', ...byAnn });
    await rig.client.workflows.retryStep(request);
    await rig.client.workflows.resumeWorkflow(verb(name));
    await rig.restedAs(name, SUCCEEDED);
    const [first, second] = rig.script.callsOf(id, 'b').map(({ context }) => context);
    expect(second!.idempotencyKey).to.not.equal(first!.idempotencyKey);
    expect(second!.formerKeys).to.deep.equal([first!.idempotencyKey]);
    expect(second!.attempt).to.equal(2);
    expect(rig.script.callsOf(id, 'b')).to.have.length(2);
  });

  it('skip: what waits for the step goes on, and the step is not called again', async () => {
    await failedAndSuspended();
    const request = skip(name, 'b', byAnn);
    const { workflow } = await rig.client.workflows.skipStep(request);
    expect(workflow!.counts).to.include({ skipped: 1 });
    expect(await lastMark()).to.include({ verb: 'skip', step: 'b', ...byAnn });
    expect((await rig.client.workflows.skipStep(request)).workflow?.etag).to.equal(workflow?.etag);
    await rig.client.workflows.resumeWorkflow(verb(name));
    await rig.restedAs(name, SUCCEEDED);
    expect(await rig.step(name, 'b')).to.include({ state: StepState.SKIPPED });
    expect((await rig.step(name, 'b')).error).to.include({ message: 'ann: because' });
    expect(rig.script.callsOf(id).map((call) => call.step)).to.deep.equal(['a', 'b', 'c']);
  });

  it('skip: with the output that others need, which must be given and must fit', async () => {
    rig.script.script(id, 'a', fails);
    const plan = planOf(
      step('a', 'typed', { with: { name: 'x' } }),
      step('b', 'free', { with: { from: output('a', '/id') } }),
    );
    await rig.submit(plan, { workflowId: id, settings: settings({ onFailure: OnFailure.SUSPEND }) });
    await rig.restedAs(name, SUSPENDED);
    const without = await refused(rig, Service.skipStep, skip(name, 'a'), 'INVALID_FIELD');
    expect(metadataOf(without)).to.include({ field: 'output' });
    let deep: JsonObject = {};
    for (let level = 0; level < 25; level++) deep = { deep };
    await refused(rig, Service.skipStep, skip(name, 'a', { output: deep }), 'INVALID_FIELD');
    const unfit = skip(name, 'a', { output: { id: 7 } });
    const refusal = await refused(rig, Service.skipStep, unfit, 'INVALID_FIELD');
    expect(metadataOf(refusal)).to.include({ field: 'output/id' });
    await refused(rig, Service.skipStep, skip(name, 'z', { output: { id: 'by-hand' } }), 'STEP_NOT_FOUND');
    await rig.client.workflows.skipStep(skip(name, 'a', { output: { id: 'by-hand' } }));
    await rig.client.workflows.resumeWorkflow(verb(name));
    await rig.restedAs(name, SUCCEEDED);
    expect((await rig.script.called(id, 'b')).args).to.deep.equal({ from: 'by-hand' });
    expect((await rig.step(name, 'a')).output).to.deep.equal({ id: 'by-hand' });
  });

  it('retry and skip: an unknown step has a person’s word, and its incident is resolved', async () => {
    let calls = 0;
    rig.script.script(id, 'a', () => {
      if (++calls === 1) throw new Error('the line was cut');
      return done();
    });
    await rig.submit(planOf(step('a', 'blind')), { workflowId: id });
    const [incident = ''] = await eventually(async () => {
      const { incidents } = await rig.get(name);
      expect(incidents).to.have.length(1);
      return incidents;
    });
    await rig.client.workflows.retryStep(retry(name, 'a', byAnn));
    const ended = await rig.restedAs(name, SUCCEEDED);
    expect(ended.incidents).to.deep.equal([]);
    // Not known to have failed: for the controller it is the same call.
    const keys = rig.script.callsOf(id, 'a').map(({ context }) => context.idempotencyKey);
    expect(new Set(keys).size).to.equal(1);
    const resolved = (await rig.client.incidents.getIncident({ name: incident })).incident;
    expect(resolved?.resolution).to.include({ verb: 'retry', ...byAnn });
  });

  it('delete: nothing of the workflow is left but that the request was made', async () => {
    const before = await rig.keys();
    await rig.run(chain('a', 'b'), { workflowId: id });
    const request = deletion(name, { actor: 'ann' });
    await rig.client.workflows.deleteWorkflow(request);
    await eventually(async () => {
      const left = (await rig.keys()).filter((key) => !before.includes(key) && !key.startsWith('request/'));
      expect(left).to.deep.equal([]);
    });
    await rig.client.workflows.deleteWorkflow(request);
    await refused(rig, Service.getWorkflow, { name }, 'WORKFLOW_NOT_FOUND');
    expect(stateOf(await rig.run(chain('a'), { workflowId: id }))).to.equal('SUCCEEDED');
  });

  it('a request id that came with another verb or body is refused', async () => {
    await failedAndSuspended();
    const request = skip(name, 'b');
    await rig.client.workflows.skipStep(request);
    await refused(rig, Service.skipStep, { ...request, reason: 'another' }, 'REQUEST_ID_REUSED');
    await refused(
      rig,
      Service.resumeWorkflow,
      verb(name, { requestId: request.requestId }),
      'REQUEST_ID_REUSED',
    );
  });

  it('a verb sent twenty times at once is done once', async () => {
    const gate = await atGate();
    const request = verb(name, byAnn);
    await Promise.all(
      Array.from({ length: 20 }, async () => await rig.client.workflows.suspendWorkflow(request)),
    );
    gate.open();
    expect((await rig.restedAs(name, SUSPENDED)).history).to.have.length(1);
  });
});
