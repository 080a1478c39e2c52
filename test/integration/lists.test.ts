/**
 * What any node shows of the cluster: the whole queue in the order in which it is taken, which node runs which step, who
 * is there and what can be called. An operator finds out from here why a step waits.
 */
import { expect } from 'chai';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { DispatcherServiceService as Dispatcher } from '../../src/gen/wire/steplock/v1/dispatcher_service.js';
import { eventually } from '../support/eventually.js';
import { planOf, settings, step } from './support/plans.js';
import { metadataOf, refused } from './support/refusal.js';
import { startRig, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

const page = { pageSize: 0, pageToken: '' };

describe('What a node shows of its cluster', function () {
  this.timeout(20_000);
  let rig: Rig;
  const gate = createGate();

  before(async () => {
    rig = await startRig({ settings: { capacity: 2, neighborhood: 'rack-1' }, logLevel: 'info' });
    for (const id of ['a', 'b']) rig.script.script('busy', id, gate.pass);
    const calls = ['a', 'b'].map((id) => step(id, 'free', { system: `array-${id}` }));
    await rig.submit(planOf(...calls), { workflowId: 'busy' });
    for (const id of ['a', 'b']) await rig.script.called('busy', id);
    for (const [workflowId, priority] of [
      ['later', 7],
      ['sooner', 2],
    ] as const) {
      const more = { workflowId, settings: settings({ priority, tenant: 'lab' }) };
      await rig.submit(planOf(step('a', 'make', { system: 'array-a' })), more);
    }
  });

  after(async () => {
    expect(rig.log.errors).to.deep.equal([]);
    await rig.close();
  });

  it('is each claim: the node, the call and the system', async () => {
    const { claims } = await rig.client.dispatcher.listClaims(page);
    expect(claims.map((claim) => claim.step)).to.have.members([
      'workflows/busy/steps/a',
      'workflows/busy/steps/b',
    ]);
    const ofA = claims.find((claim) => claim.step.endsWith('/a'));
    expect(ofA).to.include({
      attempt: 1,
      valid: true,
      controller: 'test',
      method: 'free',
      system: 'array-a',
    });
    expect(ofA?.node).to.include('n1');
    const [, revision] = ofA!.fencingToken.split('.').map(Number);
    const { context } = await rig.script.called('busy', 'a');
    expect(context.fencingToken.revision).to.be.at.most(revision!);
  });

  it('is what waits, in the order in which it will be taken', async () => {
    const entries = await eventually(async () => {
      const { entries: found } = await rig.client.dispatcher.listQueue(page);
      expect(found).to.have.length(2);
      return found;
    });
    expect(entries.map((entry) => entry.step)).to.deep.equal([
      'workflows/sooner/steps/a',
      'workflows/later/steps/a',
    ]);
    expect(entries[0]).to.include({
      priority: 2,
      tenant: 'lab',
      controller: 'test',
      method: 'make',
      attempts: 0,
    });
    expect(entries[0]?.waitsFor).to.not.equal('');
  });

  it('is both in pages', async () => {
    const first = await rig.client.dispatcher.listClaims({ pageSize: 1, pageToken: '' });
    const second = await rig.client.dispatcher.listClaims({ pageSize: 1, pageToken: first.nextPageToken });
    expect(second.nextPageToken).to.equal('');
    expect([...first.claims, ...second.claims].map((claim) => claim.step)).to.have.members([
      'workflows/busy/steps/a',
      'workflows/busy/steps/b',
    ]);
    await refused(
      rig,
      Dispatcher.listQueue,
      { pageSize: 1, pageToken: first.nextPageToken },
      'INVALID_PAGE_TOKEN',
    );
    await refused(rig, Dispatcher.listClaims, { pageSize: 1, pageToken: 'nonsense' }, 'INVALID_PAGE_TOKEN');
  });

  it('is each node with what it can take and runs', async () => {
    const [node, ...others] = await eventually(async () => {
      const { nodes } = await rig.client.dispatcher.listNodes({});
      expect(nodes[0]?.running).to.equal(2);
      return nodes;
    });
    expect(others).to.deep.equal([]);
    expect(node).to.include({
      name: 'nodes/n1',
      address: rig.node.address,
      neighborhood: 'rack-1',
      capacity: 2,
    });
    expect(node?.controllers).to.include.members(['test', 'basic']);
    expect(node?.shards).to.equal(4);
  });

  it('is each controller with its methods', async () => {
    const { controllers } = await rig.client.dispatcher.listControllers({});
    expect(controllers.map(({ name }) => name)).to.include.members(['controllers/test', 'controllers/basic']);
    const { controller } = await rig.client.dispatcher.getController({ name: 'controllers/test' });
    expect(controller).to.include({ name: 'controllers/test', endpoint: '' });
    const request = { name: 'controllers/nobody' };
    const refusal = await refused(rig, Dispatcher.getController, request, 'CONTROLLER_NOT_FOUND');
    expect(metadataOf(refusal)).to.include({ name: 'controllers/nobody' });
  });

  it('is nothing any more, once all of it has ended', async () => {
    gate.open();
    for (const id of ['busy', 'later', 'sooner'])
      await rig.restedAs(`workflows/${id}`, WorkflowState.SUCCEEDED);
    expect((await rig.client.dispatcher.listClaims(page)).claims).to.deep.equal([]);
    expect((await rig.client.dispatcher.listQueue(page)).entries).to.deep.equal([]);
    const { nodes } = await rig.client.dispatcher.listNodes({});
    expect(nodes[0]).to.include({ running: 0 });
  });
});
