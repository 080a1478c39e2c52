/**
 * Plans made in parts: an orchestrator asks for an empty workflow, adds steps as it finds out what is needed, and starts
 * it. Until then nothing is called; and what a preview says of it is what happens.
 */
import { expect } from 'chai';
import { done } from '../../src/controller.js';
import type { Plan } from '../../src/gen/wire/steplock/v1/plan.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { WorkflowServiceService as Service } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { eventually } from '../support/eventually.js';
import { chain, output, planOf, settings, step } from './support/plans.js';
import { metadataOf, placesOf, refused } from './support/refusal.js';
import { addition, creation, deletion, start, submission } from './support/requests.js';
import { startRig, stateOf, type Rig } from './support/rig.js';

describe('A draft', function () {
  this.timeout(20_000);
  let rig: Rig;
  let drafts = 0;
  let id = '';
  let name = '';

  before(async () => {
    rig = await startRig({ logLevel: 'info' });
  });

  after(async () => {
    expect(rig.log.errors).to.deep.equal([]);
    await rig.close();
  });

  beforeEach(async () => {
    id = `draft-${drafts++}`;
    name = `workflows/${id}`;
    await rig.client.workflows.createWorkflow(creation({ workflowId: id, actor: 'ann' }));
  });

  const add = async (plan: Plan) => (await rig.client.workflows.addSteps(addition(name, plan))).workflow!;
  const begin = async () => (await rig.client.workflows.startWorkflow(start(name))).workflow!;

  it('takes steps in any order and in parts, and runs them all once it is started', async () => {
    expect(stateOf(await rig.get(name))).to.equal('DRAFT');
    expect((await add(planOf(step('c', 'make', { needs: ['b'] })))).counts).to.include({ total: 1 });
    await add({ ...planOf(step('b', 'make', { group: 'g' })), groups: [{ id: 'g', dependsOn: ['a'] }] });
    await add(planOf(step('a')));
    expect(rig.script.callsOf(id)).to.deep.equal([]);
    const started = await begin();
    expect(started).to.include({ actor: 'ann', name });
    await rig.restedAs(name, WorkflowState.SUCCEEDED);
    expect(rig.script.order(id)).to.deep.equal(['a', 'b', 'c']);
    expect((await rig.keys()).filter((key) => key.startsWith('draft/'))).to.deep.equal([]);
  });

  it('is made, filled and started once, however often that is asked', async () => {
    const made = creation({ workflowId: `${id}-again`, settings: settings({ priority: 1 }) });
    const [first, second] = [
      await rig.client.workflows.createWorkflow(made),
      await rig.client.workflows.createWorkflow(made),
    ];
    expect(second.workflow).to.deep.equal(first.workflow);
    const added = addition(name, chain('a', 'b'));
    await Promise.all(Array.from({ length: 5 }, async () => await rig.client.workflows.addSteps(added)));
    expect((await rig.get(name)).counts).to.include({ total: 2 });
    const started = start(name);
    await Promise.all(
      Array.from({ length: 5 }, async () => await rig.client.workflows.startWorkflow(started)),
    );
    await rig.restedAs(name, WorkflowState.SUCCEEDED);
    expect(rig.script.callsOf(id).map((call) => call.step)).to.deep.equal(['a', 'b']);
  });

  it('takes the parts of several callers at once, each once', async () => {
    const parts = Array.from({ length: 6 }, (_, n) => addition(name, planOf(step(`s${n}`, 'free'))));
    // They may stand in each other's way: who does comes again.
    await Promise.all(
      parts.map(
        async (part) => await eventually(async () => await rig.client.workflows.addSteps(part), 10_000),
      ),
    );
    await begin();
    const { counts } = await rig.restedAs(name, WorkflowState.SUCCEEDED);
    expect(counts).to.include({ total: 6, succeeded: 6 });
  });

  it('holds more than one message: three times 2 MiB', async () => {
    for (let part = 0; part < 3; part++) {
      const filling = 'x'.repeat(512 * 1024);
      const ids = Array.from({ length: 4 }, (_, n) => `p${part}-${n}`);
      await add(planOf(...ids.map((each) => step(each, 'free', { with: { filling } }))));
    }
    await begin();
    await rig.restedAs(name, WorkflowState.SUCCEEDED);
    expect(rig.script.callsOf(id)).to.have.length(12);
  });

  it('may have a secret in clear in it, which is sealed at once and opened for the call', async () => {
    rig.script.script(id, 'a', () => done({ id: 'vol-1' }));
    const password = { $secret: { value: 'open-sesame' } };
    const undo = { method: 'typed', arguments: { name: 'y', password } };
    await add(
      planOf(
        step('a', 'typed', { with: { name: 'x', password }, undo: { way: { $case: 'call', value: undo } } }),
      ),
    );
    const { kvs } = await rig.store.list({ start: '', end: '~' });
    expect(kvs.filter((kv) => Buffer.from(kv.value).includes('open-sesame'))).to.deep.equal([]);
    await begin();
    await rig.restedAs(name, WorkflowState.SUCCEEDED);
    expect((await rig.script.called(id, 'a')).args).to.deep.equal({ name: 'x', password: 'open-sesame' });
  });

  it('refuses a step twice, a secret in clear in a step or its undo, and keeps what it had', async () => {
    await add(chain('a'));
    const undo = { method: 'typed', arguments: { name: 'x', password: 'open' } };
    const refusals: [string, Plan][] = [
      ['DUPLICATE_ID steps[0].id', chain('a')],
      ['DUPLICATE_ID steps[1].id', planOf(step('b'), step('b'))],
      ['INVALID_ID steps[0].id', planOf(step('No Id'))],
      ['UNKNOWN_METHOD steps[0].call.method', planOf(step('b', 'fly'))],
      [
        'SECRET_IN_CLEAR steps[0].call.arguments/password',
        planOf(step('b', 'typed', { with: undo.arguments })),
      ],
      [
        'SECRET_IN_CLEAR steps[0].undo.call.arguments/password',
        planOf(step('b', 'free', { undo: { way: { $case: 'call', value: undo } } })),
      ],
    ];
    const before = await rig.keys();
    for (const [place, plan] of refusals) {
      const refusal = await refused(rig, Service.addSteps, addition(name, plan), 'INVALID_PLAN');
      expect(placesOf(refusal)).to.include(place);
    }
    expect(await rig.keys()).to.deep.equal(before);
    expect((await rig.get(name)).counts).to.include({ total: 1 });
  });

  it('is not started as long as something is missing, and can be mended', async () => {
    await refused(rig, Service.startWorkflow, start(name), 'INVALID_PLAN');
    await add(planOf(step('b', 'free', { needs: ['a'], with: { from: output('a') } })));
    const refusal = await refused(rig, Service.startWorkflow, start(name), 'INVALID_PLAN');
    expect(placesOf(refusal)).to.include('UNKNOWN_DEPENDENCY steps[0].depends_on[0]');
    expect(stateOf(await rig.get(name))).to.equal('DRAFT');
    await add(planOf(step('a')));
    await begin();
    await rig.restedAs(name, WorkflowState.SUCCEEDED);
  });

  it('is changed and started under its etag and hash only, where the caller insists', async () => {
    const { etag } = await rig.get(name);
    await add(chain('a'));
    await refused(rig, Service.addSteps, addition(name, chain('b'), { etag }), 'STALE_ETAG');
    await refused(rig, Service.startWorkflow, start(name, { etag }), 'STALE_ETAG');
    await refused(rig, Service.startWorkflow, start(name, { planHash: 'f'.repeat(64) }), 'PLAN_CHANGED');
    const source = { $case: 'name' as const, value: name };
    const { planHash } = await rig.client.workflows.planWorkflow({ source });
    const more = { planHash, etag: (await rig.get(name)).etag };
    const { workflow } = await rig.client.workflows.startWorkflow(start(name, more));
    expect(workflow?.planHash).to.equal(planHash);
  });

  it('is one no more once it is started', async () => {
    await add(chain('a'));
    await begin();
    const source = { $case: 'name' as const, value: name };
    await refused(rig, Service.addSteps, addition(name, chain('b')), 'ILLEGAL_TRANSITION');
    await refused(rig, Service.startWorkflow, start(name), 'ILLEGAL_TRANSITION');
    await refused(rig, Service.planWorkflow, { source }, 'ILLEGAL_TRANSITION');
  });

  it('can be deleted', async () => {
    await add(chain('a'));
    await rig.client.workflows.deleteWorkflow(deletion(name));
    await eventually(async () => {
      const left = (await rig.keys()).filter((key) => key.includes(`/${id}`) && !key.startsWith('request/'));
      expect(left).to.deep.equal([]);
    });
  });

  it('and a plan are previewed: waves, calls, undos, what cannot be undone; nothing is written', async () => {
    const plan = planOf(
      step('a', 'make', { system: 'array-1' }),
      step('b', 'final', { needs: ['a'], system: 'array-1' }),
      step('c', 'free', { needs: ['a'] }),
      step('d', 'typed', { needs: ['b', 'c'], with: { name: 'x' } }),
    );
    await add(plan);
    const before = await rig.keys();
    const { store } = rig;
    const revision = (await store.list({ start: 'head/', end: 'head0' })).revision;
    const preview = await rig.client.workflows.planWorkflow({ source: { $case: 'plan', value: plan } });
    expect(preview.waves.map(({ steps }) => steps)).to.deep.equal([['a'], ['b', 'c'], ['d']]);
    expect(preview).to.deep.include({
      irreversibleSteps: ['b'],
      undoMethods: { a: 'unmake', d: 'untyped' },
      callsBySystem: { 'array-1': 2, '': 2 },
    });
    const ofDraft = await rig.client.workflows.planWorkflow({ source: { $case: 'name', value: name } });
    expect(ofDraft).to.deep.equal(preview);
    expect((await rig.client.workflows.submitWorkflow(submission(plan))).workflow?.planHash).to.equal(
      preview.planHash,
    );
    const { kvs } = await store.list({ start: 'head/', end: 'head0' });
    expect(kvs.filter((kv) => kv.key.endsWith(`/${id}`) && kv.modRevision > revision)).to.deep.equal([]);
    expect((await rig.keys()).filter((key) => key.includes(id))).to.deep.equal(
      before.filter((key) => key.includes(id)),
    );
  });

  it('that is not there is said not to be, and a bad plan to be bad', async () => {
    const source = { $case: 'name' as const, value: 'workflows/nobody' };
    for (const refusal of [
      await refused(rig, Service.planWorkflow, { source }, 'WORKFLOW_NOT_FOUND'),
      await refused(rig, Service.addSteps, addition(source.value, chain('a')), 'WORKFLOW_NOT_FOUND'),
      await refused(rig, Service.startWorkflow, start(source.value), 'WORKFLOW_NOT_FOUND'),
    ]) {
      expect(metadataOf(refusal)).to.include({ name: source.value });
    }
    const bad = { $case: 'plan' as const, value: planOf(step('a', 'fly')) };
    await refused(rig, Service.planWorkflow, { source: bad }, 'INVALID_PLAN');
    await refused(rig, Service.planWorkflow, { source: undefined }, 'INVALID_FIELD');
    await refused(rig, Service.createWorkflow, creation({ workflowId: id }), 'WORKFLOW_EXISTS');
  });
});
