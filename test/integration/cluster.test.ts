/**
 * Several nodes as one system: they share shards and steps, each of them answers for all, and a step runs where its
 * selector, its controller and the limits of the nodes let it.
 */
import { expect } from 'chai';
import { failed } from '../../src/controller.js';
import { StepState, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { Cluster, on, shards } from './support/cluster.js';
import { chain, planOf, step } from './support/plans.js';
import { deletion, skip, stop, verb } from './support/requests.js';
import { createGate, ScriptedController } from './support/scripted-controller.js';

const { SUCCEEDED, ROLLED_BACK, SUSPENDED } = WorkflowState;
const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `s${index}`);

describe('Several nodes', function () {
  this.timeout(60_000);
  let cluster: Cluster;

  afterEach(async () => {
    await cluster.close();
  });

  it('share the shards evenly, and anew whenever one joins or leaves', async () => {
    cluster = await Cluster.start('n1');
    await cluster.ownsShards({ n1: shards });
    await cluster.join('n2');
    await cluster.ownsShards({ n1: shards / 2, n2: shards / 2 });
    await cluster.join('n3');
    await cluster.ownsShards({ n1: shards / 3, n2: shards / 3, n3: shards / 3 });
    await cluster.leave('n1');
    await cluster.ownsShards({ n2: shards / 2, n3: shards / 2 });
    for (const rig of cluster.rigs) expect(rig.log.errors).to.deep.equal([]);
  });

  it('carry on with every workflow while their shards change hands', async () => {
    cluster = await Cluster.start('n1');
    const gate = createGate();
    const workflows = Array.from({ length: 2 * shards }, (_, index) => `moves-${index}`);
    for (const each of workflows) {
      cluster.rig('n1').script.script(each, 'a', gate.pass);
      await cluster.rig('n1').submit(chain('a', 'b', 'c'), { workflowId: each });
    }
    for (const each of workflows) await cluster.called(each, 'a');
    await cluster.join('n2');
    await cluster.ownsShards({ n1: shards / 2, n2: shards / 2 });
    gate.open();
    for (const each of workflows) await cluster.rig('n2').restedAs(`workflows/${each}`, SUCCEEDED);
    for (const each of workflows) {
      const calls = cluster.callsOf(each).map((call) => call.step);
      expect(calls, each).to.have.members(['a', 'b', 'c']);
    }
    const deciders = cluster.rigs.map(({ node }) => node.api.runtime.membership?.engine.ownedShards);
    expect(deciders).to.deep.equal([shards / 2, shards / 2]);
  });

  it('each answer every request for every workflow, whoever owns it', async () => {
    cluster = await Cluster.start('n1', 'n2', 'n3');
    await cluster.ownsShards({ n1: shards / 3, n2: shards / 3, n3: shards / 3 });
    // More workflows than nodes: whichever node answers, it is mostly not the owner.
    for (let index = 0; index < 6; index++) {
      const id = `any-${index}`;
      const [first, second, third] = [0, 1, 2].map((turn) => cluster.rigs[(index + turn) % 3]!);
      const [begins, ends] = [createGate(), createGate()];
      cluster.script(id, 'a', begins.pass);
      cluster.script(id, 'c', ends.pass);
      const { name } = await first!.submit(chain('a', 'b', 'c'), { workflowId: id });
      await cluster.called(id, 'a');
      await second!.client.workflows.suspendWorkflow(verb(name));
      begins.open();
      await third!.restedAs(name, SUSPENDED);
      await first!.client.workflows.skipStep(skip(name, 'b'));
      await third!.client.workflows.resumeWorkflow(verb(name));
      await cluster.called(id, 'c');
      for (const rig of cluster.rigs) {
        expect((await rig.step(name, 'b')).state).to.equal(StepState.SKIPPED);
        expect((await rig.get(name)).counts).to.include({ succeeded: 1, skipped: 1, running: 1 });
      }
      const states: (WorkflowState | undefined)[] = [];
      const watch = (async () => {
        const responses = third!.client.workflows.watchWorkflow({ name, startRevision: '0' });
        for await (const { workflow } of responses) states.push(workflow?.state);
      })();
      await second!.client.workflows.rollbackWorkflow(stop(name, { reason: 'not wanted' }));
      ends.open();
      await first!.restedAs(name, ROLLED_BACK);
      await watch;
      expect(states.at(-1)).to.equal(ROLLED_BACK);
      await third!.client.workflows.deleteWorkflow(deletion(name));
    }
    await eventually(async () => {
      const keys = await cluster.rigs[0]!.keys();
      expect(keys.filter((key) => !key.startsWith('request/'))).to.deep.equal([]);
    });
    for (const rig of cluster.rigs) expect(rig.log.errors).to.deep.equal([]);
  });

  it('run the steps of one workflow together, each as many as it has slots', async () => {
    cluster = await Cluster.start();
    for (const nodeId of ['n1', 'n2', 'n3']) await cluster.join(nodeId, { capacity: 2 });
    const gate = createGate();
    for (const each of ids(8)) cluster.script('wide', each, gate.pass);
    const { name } = await cluster
      .rig('n2')
      .submit(planOf(...ids(8).map((each) => step(each))), { workflowId: 'wide' });
    await eventually(() => {
      expect(cluster.callsOf('wide')).to.have.length(6);
    });
    const busy = Object.values(await cluster.nodes()).map(({ running }) => running);
    expect(busy).to.deep.equal([2, 2, 2]);
    expect((await cluster.rig('n1').get(name)).counts).to.include({ running: 6, queued: 2 });
    gate.open();
    await cluster.rig('n1').restedAs(name, SUCCEEDED);
    expect(cluster.callsOf('wide').map((call) => call.step)).to.have.members(ids(8));
  });

  it('run a step on a node that its selector names, and let it wait until there is one', async () => {
    cluster = await Cluster.start();
    await cluster.join('n1', { neighborhood: 'north', labels: { disk: 'slow' } });
    const selected = (id: string, ...where: Parameters<typeof on>) => ({ ...step(id), nodes: on(...where) });
    const plan = planOf(
      selected('north', 'north'),
      selected('south', 'south'),
      selected('fast', '', { disk: 'fast' }),
      selected('both', 'south', { disk: 'fast', size: 'large' }),
    );
    const { name } = await cluster.rig('n1').submit(plan, { workflowId: 'placed' });
    await cluster.called('placed', 'north');
    await cluster.join('n2', { neighborhood: 'south', labels: { disk: 'slow' } });
    await cluster.called('placed', 'south');
    await cluster.join('n3', { neighborhood: 'north', labels: { disk: 'fast', size: 'large' } });
    await cluster.called('placed', 'fast');
    // n2 has the neighborhood of the last step and n3 its labels: neither has both.
    expect((await cluster.rig('n2').step(name, 'both')).state).to.equal(StepState.QUEUED);
    await cluster.join('n4', { neighborhood: 'south', labels: { disk: 'fast', size: 'large' } });
    await cluster.rig('n1').restedAs(name, SUCCEEDED);
    const where = Object.fromEntries(cluster.callsOf('placed').map((call) => [call.step, call.node]));
    expect(where).to.deep.equal({ north: 'n1', south: 'n2', fast: 'n3', both: 'n4' });
  });

  it('undo a step where it may run', async () => {
    cluster = await Cluster.start();
    await cluster.join('n1', { neighborhood: 'north' });
    await cluster.join('n2', { neighborhood: 'south' });
    const broken = failed('Broken', 'it is broken', { retryable: false, effect: 'none' });
    cluster.script('undone', 'c', () => broken);
    const plan = planOf(
      { ...step('a'), nodes: on('south') },
      { ...step('b'), nodes: on('north') },
      { ...step('c', 'make', { needs: ['a', 'b'] }), nodes: on('north') },
    );
    const { name } = await cluster.rig('n1').submit(plan, { workflowId: 'undone' });
    await cluster.rig('n2').restedAs(name, ROLLED_BACK);
    const where = cluster.callsOf('undone').map((call) => `${call.step} ${call.node}`);
    expect(where).to.have.members(['a n2', 'b n1', 'c n1', 'undo.a n2', 'undo.b n1']);
  });

  it('run a step where its controller is, whoever owns the workflow', async () => {
    cluster = await Cluster.start('n1', 'n2');
    const only = new ScriptedController();
    const rig = await cluster.join('n3', {}, { controllers: { only: only.port } });
    await cluster.ownsShards({ n1: shards / 3, n2: shards / 3, n3: shards / 3 });
    const workflows = ids(6).map((each) => `local-${each}`);
    for (const workflowId of workflows) {
      const plan = planOf(step('a', 'make', { controller: 'only' }), step('b', 'make', { needs: ['a'] }));
      await rig.submit(plan, { workflowId });
    }
    for (const each of workflows) {
      await cluster.rig('n1').restedAs(`workflows/${each}`, SUCCEEDED);
      expect(only.callsOf(each).map((call) => call.step)).to.deep.equal(['a']);
    }
  });

  it('keep to how many steps of a controller each of them runs', async () => {
    cluster = await Cluster.start();
    for (const nodeId of ['n1', 'n2']) await cluster.join(nodeId, { capacityOf: { test: 2 } });
    const gates = new Map(ids(6).map((each) => [each, createGate()]));
    for (const [each, gate] of gates) cluster.script('bounded', each, gate.pass);
    const plan = planOf(
      ...ids(6).map((each) => step(each)),
      ...['e0', 'e1', 'e2'].map((each) => step(each, 'echo', { controller: 'basic', needs: ['s0'] })),
    );
    const { name } = await cluster.rig('n1').submit(plan, { workflowId: 'bounded' });
    const running = new Set<string>();
    for (let ended = 0; ended < 6; ended++) {
      const slots = Math.min(4, 6 - ended);
      await eventually(async () => {
        const claims = (await cluster.claims()).filter(({ controller }) => controller === 'test');
        expect(claims).to.have.length(slots);
        expect(new Set(cluster.callsOf('bounded').map((call) => call.step)).size).to.equal(ended + slots);
      });
      const claims = (await cluster.claims()).filter(({ controller }) => controller === 'test');
      for (const nodeId of ['n1', 'n2']) {
        expect(claims.filter(({ node }) => node === nodeId).length, nodeId).to.be.at.most(2);
      }
      const next = claims.map((claim) => claim.step.split('/').at(-1)!).sort()[0]!;
      running.add(next);
      gates.get(next)!.open();
    }
    expect([...running]).to.have.members(ids(6));
    await cluster.rig('n2').restedAs(name, SUCCEEDED);
  });
});
