/**
 * A node that is to stop, by DrainNode or by the end of its process: it takes nothing new, gives away at once what
 * others can go on with, and ends what only it can end.
 */
import { expect } from 'chai';
import { done, pending, type PollResult } from '../../src/controller.js';
import {
  DispatcherServiceService as Service,
  DrainNodeRequest,
} from '../../src/gen/wire/steplock/v1/dispatcher_service.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { Cluster, on, shards } from './support/cluster.js';
import { planOf, step } from './support/plans.js';
import { metadataOf, placesOf, refused } from './support/refusal.js';
import { requestId } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

const { SUCCEEDED } = WorkflowState;
/** One second is what it is to take; a slow machine gets two more. */
const handOverMs = 3_000;
const mine = { labels: { job: 'yes' } };
const here = { nodes: on('', mine.labels) };

function drainage(node: string, more: Partial<DrainNodeRequest> = {}): DrainNodeRequest {
  const said = { requestId: requestId(), actor: 'olga', reason: 'new disks' };
  return { ...DrainNodeRequest.fromPartial({ name: `nodes/${node}`, ...said }), ...more };
}

describe('A node that drains', function () {
  this.timeout(60_000);
  let cluster: Cluster;

  beforeEach(async () => {
    cluster = await Cluster.start('n1');
  });
  afterEach(async () => {
    await cluster.close();
  });

  /** A step that waits for an external task on n2, which then has company; gives what lets the task end. */
  async function pollingOnN2(workflow: string): Promise<{ readonly name: string; readonly end: () => void }> {
    let answer: PollResult = pending('task-7', 100);
    await cluster.join('n2', mine);
    const script = { execute: () => pending('task-7', 100), poll: () => answer };
    cluster.script(workflow, 'a', script);
    const { name } = await cluster
      .rig('n1')
      .submit(planOf({ ...step('a'), ...here }), { workflowId: workflow });
    await cluster.called(workflow, 'a', 'poll', 'n2');
    const other = await cluster.join('n3', mine);
    other.script.script(workflow, 'a', script);
    await cluster.ownsShards({ n1: shards / 3, n2: shards / 3, n3: shards / 3 });
    return {
      name,
      end: () => {
        answer = done({ made: 'a' });
      },
    };
  }

  it('gives its shards and what it polls to others at once, and takes nothing new', async () => {
    const { name, end } = await pollingOnN2('polled');
    const startedMs = performance.now();
    const { node } = await cluster.rig('n1').client.dispatcher.drainNode(drainage('n2'));
    expect(node).to.include({ name: 'nodes/n2', draining: true });
    const call = await cluster.called('polled', 'a', 'poll', 'n3');
    await cluster.ownsShards({ n1: shards / 2, n2: 0, n3: shards / 2 });
    expect(performance.now() - startedMs).to.be.below(handOverMs);
    const executed = cluster.callsOf('polled', 'a').filter(({ kind }) => kind === 'execute');
    expect(executed.map((each) => each.node)).to.deep.equal(['n2']);
    expect(call.context.idempotencyKey).to.equal(executed[0]?.context.idempotencyKey);
    expect((await cluster.nodes())['n2']).to.include({ draining: true, running: 0 });

    const next = await cluster.rig('n2').submit(planOf({ ...step('b'), ...here }), { workflowId: 'next' });
    await cluster.rig('n2').restedAs(next.name, SUCCEEDED);
    expect(cluster.callsOf('next').map((each) => each.node)).to.deep.equal(['n3']);
    end();
    await cluster.rig('n2').restedAs(name, SUCCEEDED);
    expect((await cluster.rig('n1').step(name, 'a')).attempts).to.equal(1);
  });

  it('lets the calls that it makes end, and their outcome counts', async () => {
    await cluster.join('n2', mine);
    const gate = createGate();
    cluster.rig('n2').script.script('calls', 'a', gate.pass);
    const plan = planOf({ ...step('a'), ...here }, { ...step('b', 'make', { needs: ['a'] }), ...here });
    const { name } = await cluster.rig('n1').submit(plan, { workflowId: 'calls' });
    const call = await cluster.called('calls', 'a', 'execute', 'n2');
    await cluster.join('n3', mine);
    await cluster.rig('n3').client.dispatcher.drainNode(drainage('n2'));
    await cluster.ownsShards({ n1: shards / 2, n2: 0, n3: shards / 2 });
    expect((await cluster.nodes())['n2']).to.include({ draining: true, running: 1 });
    expect(call.context.signal.aborted).to.equal(false);
    gate.open();
    await cluster.rig('n1').restedAs(name, SUCCEEDED);
    const calls = cluster.callsOf('calls').map((each) => `${each.step} ${each.node}`);
    expect(calls).to.have.members(['a n2', 'b n3']);
  });

  it('hands a call over that becomes a task of another system while it drains', async () => {
    await cluster.join('n2', mine);
    const gate = createGate();
    cluster.rig('n2').script.script('becomes', 'a', async (context) => {
      await gate.pass(context);
      return pending('task-9', 60_000);
    });
    const plan = planOf({ ...step('a'), ...here });
    const { name } = await cluster.rig('n1').submit(plan, { workflowId: 'becomes' });
    await cluster.called('becomes', 'a', 'execute', 'n2');
    await cluster.join('n3', mine);
    await cluster.rig('n1').client.dispatcher.drainNode(drainage('n2'));
    gate.open();
    // n3 asks as soon as it has it, and not after the minute that n2 was told to wait.
    await cluster.called('becomes', 'a', 'poll', 'n3');
    await cluster.rig('n1').restedAs(name, SUCCEEDED);
  });

  it('leaves its work to others when its process ends, as soon as they can take it', async () => {
    const { name, end } = await pollingOnN2('leaves');
    const startedMs = performance.now();
    const left = cluster.leave('n2');
    await cluster.called('leaves', 'a', 'poll', 'n3');
    await cluster.ownsShards({ n1: shards / 2, n3: shards / 2 });
    // Far below what the end of a lease takes: it gave its own back.
    expect(performance.now() - startedMs).to.be.below(handOverMs);
    await left;
    end();
    await cluster.rig('n3').restedAs(name, SUCCEEDED);
    expect(Object.keys(await cluster.nodes())).to.deep.equal(['n1', 'n3']);
  });

  it('shows that it drains when its process ends, and gives its shards away while its calls still run', async () => {
    await cluster.join('n2', { ...mine, drainTimeoutMs: 20_000 });
    await cluster.ownsShards({ n1: shards / 2, n2: shards / 2 });
    const rig = cluster.rig('n2');
    const gate = createGate();
    rig.script.script('long', 'a', gate.pass);
    const { name } = await cluster
      .rig('n1')
      .submit(planOf({ ...step('a'), ...here }), { workflowId: 'long' });
    await rig.script.called('long', 'a');
    const left = cluster.leave('n2');
    await cluster.ownsShards({ n1: shards, n2: 0 }, handOverMs);
    expect((await cluster.nodes())['n2']).to.include({ draining: true, running: 1 });
    gate.open();
    await left;
    await cluster.rig('n1').restedAs(name, SUCCEEDED);
    expect((await cluster.rig('n1').step(name, 'a')).attempts).to.equal(1);
    expect(rig.log.with('others not told that this node is draining')).to.deep.equal([]);
  });

  it('goes on draining under a new session, and takes work again when it is started again', async () => {
    await cluster.join('n2', mine);
    await cluster.rig('n1').client.dispatcher.drainNode(drainage('n2'));
    await cluster.ownsShards({ n1: shards, n2: 0 });
    await cluster.revoke('n2');
    await eventually(() => {
      expect(cluster.rig('n2').log.with('node joined')).to.have.length(2);
    });
    await eventually(async () => {
      expect((await cluster.nodes())['n2']).to.include({ draining: true, shards: 0 });
    });
    await cluster.leave('n2');
    await cluster.join('n2', mine);
    await cluster.ownsShards({ n1: shards / 2, n2: shards / 2 });
    expect((await cluster.nodes())['n2']).to.include({ draining: false });
    const again = await cluster.rig('n1').submit(planOf({ ...step('a'), ...here }), { workflowId: 'again' });
    await cluster.rig('n1').restedAs(again.name, SUCCEEDED);
    expect(cluster.callsOf('again').map((each) => each.node)).to.deep.equal(['n2']);
  });

  it('alone keeps its shards and starts nothing, until another one joins', async () => {
    const rig = cluster.rig('n1');
    // Before it has heard of its own record from the store.
    await rig.client.dispatcher.drainNode(drainage('n1'));
    await eventually(() => {
      expect(rig.log.with('node gives its work away')).to.have.length(1);
    });
    expect(rig.log.with('session ended')).to.deep.equal([]);
    const { name } = await rig.submit(planOf(step('a')), { workflowId: 'alone' });
    await eventually(async () => {
      const { entries } = await rig.client.dispatcher.listQueue({ pageSize: 10, pageToken: '' });
      expect(entries.map((entry) => entry.step)).to.deep.equal([`${name}/steps/a`]);
    });
    await cluster.ownsShards({ n1: shards });
    await cluster.join('n2');
    await cluster.rig('n2').restedAs(name, SUCCEEDED);
    expect(cluster.callsOf('alone').map((each) => each.node)).to.deep.equal(['n2']);
    await cluster.ownsShards({ n1: 0, n2: shards });
  });

  it('is refused by name: a node that is not there, a bad request, a request id of another request', async () => {
    const rig = cluster.rig('n1');
    await cluster.join('n2');
    const drain = Service.drainNode;
    const gone = await refused(rig, drain, drainage('n9'), 'NODE_NOT_FOUND');
    expect(metadataOf(gone)).to.include({ name: 'nodes/n9' });
    const bad: [string, Partial<DrainNodeRequest>][] = [
      ['request_id', { requestId: 'not-a-uuid' }],
      ['request_id', { requestId: '' }],
      ['reason', { reason: '' }],
      ['actor', { actor: 'o'.repeat(129) }],
      ['name', { name: 'n2' }],
      ['name', { name: '' }],
    ];
    for (const [field, more] of bad) {
      const refusal = await refused(rig, drain, drainage('n2', more), 'INVALID_FIELD');
      expect(placesOf(refusal).join(), JSON.stringify(more)).to.match(new RegExp(` ${field}$`));
    }
    expect((await cluster.nodes())['n2']).to.include({ draining: false });

    const request = drainage('n2');
    await rig.client.dispatcher.drainNode(request);
    const { node } = await cluster.rig('n2').client.dispatcher.drainNode(request);
    expect(node).to.include({ name: 'nodes/n2', draining: true });
    await refused(rig, drain, { ...request, name: 'nodes/n1' }, 'REQUEST_ID_REUSED');
    await refused(rig, drain, { ...request, reason: 'another' }, 'REQUEST_ID_REUSED');
    expect((await cluster.nodes())['n1']).to.include({ draining: false });
    // Asked once more with another id: nothing changes, and nothing is wrong.
    await rig.client.dispatcher.drainNode(drainage('n2'));
    await cluster.leave('n2');
    expect((await rig.client.dispatcher.drainNode(request)).node).to.equal(undefined);
    await refused(rig, drain, drainage('n2'), 'NODE_NOT_FOUND');
  });
});
