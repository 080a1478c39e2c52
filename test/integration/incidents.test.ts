/** An incident of a workflow that has ended: a person says that it was dealt with, and only then can all of it go. */
import { expect } from 'chai';
import { failed } from '../../src/controller.js';
import { OnFailure, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { rejection } from '../support/rejection.js';
import { planOf, settings, step } from './support/plans.js';
import { deletion } from './support/requests.js';
import { requestId, startRig, type Rig } from './support/rig.js';

describe('An incident of a workflow that has ended', function () {
  this.timeout(20_000);
  const name = 'workflows/kept';
  let rig: Rig;
  before(async () => {
    rig = await startRig();
    await rig.client.admission.setLimit({ system: 'rack', limitClass: '', max: 1, requestId: requestId() });
    rig.script.script('kept', 'a', () => {
      throw new Error('the line was cut');
    });
    rig.script.script('kept', 'b', () => failed('Bad', 'it failed', { retryable: false, effect: 'none' }));
    const plan = planOf(step('a', 'blind', { system: 'rack' }), step('b', 'free', { needs: [] }));
    await rig.submit(plan, { workflowId: 'kept', settings: settings({ onFailure: OnFailure.KEEP }) });
    await rig.restedAs(name, WorkflowState.FAILED);
  });
  after(async () => {
    await rig.close();
  });

  const inUse = async (): Promise<number | undefined> =>
    (await rig.client.admission.listLimits({})).limits[0]?.inUse;

  it('keeps the workflow from being deleted, and its step counts against the limit', async () => {
    const refusal = await rejection(rig.client.workflows.deleteWorkflow(deletion(name)));
    expect(refusal).to.include({ reason: 'ILLEGAL_TRANSITION' });
    expect(await inUse()).to.equal(1);
  });

  it('is resolved once, with who and why; then nothing is left of it', async () => {
    const [incident = ''] = (await rig.get(name)).incidents;
    const found = await rig.client.incidents.getIncident({ name: incident });
    expect(found.incident?.waysOut).to.deep.equal(['ResolveIncident']);
    const call = { name: incident, requestId: requestId(), actor: 'ann', reason: 'the array was reset' };
    const { incident: resolved } = await rig.client.incidents.resolveIncident(call);
    expect(resolved?.resolution).to.include({ verb: 'resolve', actor: 'ann', reason: 'the array was reset' });
    expect(await rig.client.incidents.resolveIncident(call), 'the same call again').to.deep.equal({
      incident: resolved,
    });
    const again = rig.client.incidents.resolveIncident({ ...call, requestId: requestId() });
    expect(await rejection(again)).to.include({ reason: 'ILLEGAL_TRANSITION' });
    expect((await rig.get(name)).state).to.equal(WorkflowState.FAILED);
    expect(await inUse()).to.equal(0);
    await rig.client.workflows.deleteWorkflow(deletion(name));
    await eventually(async () => {
      expect((await rig.keys()).filter((key) => key.includes('kept'))).to.deep.equal([]);
    });
  });
});
