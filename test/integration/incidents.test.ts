/** Incidents, and all that a person can say about them. */
import { expect } from 'chai';
import { done, failed } from '../../src/controller.js';
import {
  IncidentResolution,
  ResolveIncidentRequest,
} from '../../src/gen/wire/steplock/v1/incident_service.js';
import { OnFailure, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { LockMode } from '../../src/gen/wire/steplock/v1/plan.js';
import { eventually } from '../support/eventually.js';
import { rejection } from '../support/rejection.js';
import { chain, output, planOf, settings, step } from './support/plans.js';
import { deletion, stop } from './support/requests.js';
import { requestId, startRig, stateOf, type Rig } from './support/rig.js';

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
    expect(found.incident?.waysOut).to.deep.equal(['DONE', 'UNDONE', 'CLOSE']);
    const call = {
      ...ResolveIncidentRequest.fromPartial({ name: incident, requestId: requestId() }),
      ...{ actor: 'ann', reason: 'the array was reset' },
    };
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

describe('Resolving an incident', function () {
  this.timeout(30_000);
  const { RETRY, DONE, UNDONE, SKIP, RELEASE, CLOSE } = IncidentResolution;
  let rig: Rig;
  before(async () => {
    rig = await startRig();
  });
  after(async () => {
    await rig.close();
  });

  const cut = (): never => {
    throw new Error('the line was cut');
  };
  const bad = (): ReturnType<typeof failed> =>
    failed('Bad', 'it failed', { retryable: false, effect: 'some' });
  const incidentOf = async (id: string): Promise<string> =>
    (await rig.get(`workflows/${id}`)).incidents[0] ?? '';
  const resolve = async (
    id: string,
    resolution: IncidentResolution,
    more: Partial<ResolveIncidentRequest> = {},
  ) => {
    const name = await incidentOf(id);
    const base = ResolveIncidentRequest.fromPartial({
      name,
      requestId: requestId(),
      actor: 'ann',
      reason: 'seen',
    });
    return (await rig.client.incidents.resolveIncident({ ...base, resolution, ...more })).incident;
  };
  const refusalOf = async (id: string, resolution: IncidentResolution): Promise<string> => {
    const error = await rejection(resolve(id, resolution));
    expect(error).to.include({ reason: 'ILLEGAL_TRANSITION' });
    return error.message;
  };
  /** `a` is called blindly and its line is cut; `b` needs its output. */
  const lost = async (id: string): Promise<string> => {
    rig.script.script(id, 'a', cut);
    const plan = planOf(step('a', 'blind'), step('b', 'make', { with: { from: output('a', '/disk') } }));
    const { name } = await rig.submit(plan, { workflowId: id });
    await rig.restedAs(name, WorkflowState.SUSPENDED);
    return name;
  };
  /** `a` is done, `b` fails, and `a` cannot be undone; `r-{id}` is locked. */
  const blocked = async (id: string): Promise<string> => {
    rig.script.script(id, 'undo.a', bad);
    rig.script.script(id, 'b', () => failed('Bad', 'it failed', { retryable: false, effect: 'none' }));
    const locks = [{ resource: `r-${id}`, mode: LockMode.EXCLUSIVE }];
    const { name } = await rig.submit(chain('a', 'b'), { workflowId: id, settings: settings({ locks }) });
    await rig.restedAs(name, WorkflowState.ROLLBACK_BLOCKED);
    return name;
  };

  it('as done gives the output, goes on, and is undone in a rollback', async () => {
    const name = await lost('found');
    const without = await rejection(resolve('found', DONE));
    expect(without).to.include({ reason: 'INVALID_FIELD' });
    rig.script.script('found', 'b', bad);
    const incident = await resolve('found', DONE, { output: { disk: 'd-7' } });
    expect(incident?.resolution).to.include({ verb: 'mark-done', actor: 'ann', reason: 'seen', step: 'a' });
    await rig.restedAs(name, WorkflowState.ROLLED_BACK);
    expect((await rig.script.called('found', 'b')).args).to.deep.equal({ from: 'd-7' });
    const { undone } = (await rig.script.called('found', 'undo.a')).context as unknown as {
      undone: { state: string; output: unknown };
    };
    expect(undone).to.deep.include({ state: 'succeeded', output: { disk: 'd-7' } });
    const { history } = await rig.get(name);
    expect(history.map((mark) => [mark.verb, mark.actor, mark.reason])).to.deep.equal([
      ['mark-done', 'ann', 'seen'],
    ]);
  });

  it('as undone says that the step failed and left nothing: it is not undone', async () => {
    const name = await lost('nothing');
    await resolve('nothing', UNDONE);
    await rig.restedAs(name, WorkflowState.ROLLED_BACK);
    expect(rig.script.callsOf('nothing', 'undo.a')).to.deep.equal([]);
    expect((await rig.step(name, 'a')).error).to.include({
      reason: 'UNDONE_BY_OPERATOR',
      message: 'ann: seen',
    });
  });

  it('as retry calls the step again, in a rollback its undo, whichever the incident is about', async () => {
    const name = await lost('again');
    rig.script.script('again', 'a', () => done({ disk: 'd-8' }));
    await resolve('again', RETRY);
    await rig.restedAs(name, WorkflowState.SUCCEEDED);
    const back = await lost('back');
    await rig.client.workflows.rollbackWorkflow(stop(back));
    await rig.restedAs(back, WorkflowState.ROLLBACK_BLOCKED);
    const { incident } = await rig.client.incidents.getIncident({ name: await incidentOf('back') });
    expect(incident).to.deep.include({
      step: `${back}/steps/a`,
      waysOut: ['RETRY', 'DONE', 'UNDONE', 'SKIP'],
    });
    await resolve('back', RETRY);
    await rig.restedAs(back, WorkflowState.ROLLED_BACK);
    expect(rig.script.callsOf('back').map((call) => call.step)).to.deep.equal(['a', 'undo.a']);
  });

  it('as undone and as skip takes a blocked rollback further', async () => {
    for (const [id, resolution] of [
      ['by-hand', UNDONE],
      ['left', SKIP],
    ] as const) {
      const name = await blocked(id);
      expect(await refusalOf(id, DONE))
        .to.contain('it is about an undo')
        .and.to.contain('UNDONE, SKIP, RELEASE');
      expect(await refusalOf(id, CLOSE))
        .to.contain('ROLLBACK_BLOCKED')
        .and.to.contain('RETRY');
      await resolve(id, resolution);
      const ended = await rig.restedAs(name, WorkflowState.ROLLED_BACK);
      expect(ended.incidents).to.deep.equal([]);
      expect(rig.script.callsOf(id, 'undo.a')).to.have.length(1);
    }
  });

  it('as release frees what a blocked rollback has locked, for others, and the incident stays open', async () => {
    const name = await blocked('apart');
    const other = {
      workflowId: 'waits',
      settings: settings({ locks: [{ resource: 'r-apart', mode: LockMode.EXCLUSIVE }] }),
    };
    await rig.submit(chain('x'), other);
    await eventually(async () => {
      expect(stateOf(await rig.get('workflows/waits'))).to.equal('QUEUED');
    });
    expect(rig.script.callsOf('waits')).to.deep.equal([]);
    const incident = await resolve('apart', RELEASE);
    expect(incident).to.include({ resolveTime: undefined });
    expect(incident?.waysOut).to.deep.equal(['RETRY', 'UNDONE', 'SKIP']);
    await rig.restedAs('workflows/waits', WorkflowState.SUCCEEDED);
    const { state, history, locks } = await rig.get(name);
    expect([state, locks]).to.deep.equal([WorkflowState.ROLLBACK_BLOCKED, []]);
    expect(history.at(-1)).to.include({ verb: 'release', actor: 'ann', reason: 'seen' });
    expect(await refusalOf('apart', RELEASE)).to.contain('no locks and no permits');
    await resolve('apart', UNDONE);
    await rig.restedAs(name, WorkflowState.ROLLED_BACK);
  });

  it('is refused as release while the workflow goes on: what it keeps is in use', async () => {
    await lost('in-use');
    expect(await refusalOf('in-use', RELEASE))
      .to.contain('roll it back')
      .and.to.contain('RETRY, DONE, UNDONE, SKIP');
  });
});
