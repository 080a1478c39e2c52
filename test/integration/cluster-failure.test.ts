/**
 * A node that is suddenly gone: killed, cut off from the store, or robbed of its lease. The others take over what it ran
 * within its lease's time and a little, and whatever the gone one still does or says, each step has one outcome.
 */
import { expect } from 'chai';
import type { WorkflowId } from '../../src/base/ids.js';
import { done, type JsonObject } from '../../src/controller.js';
import { StepSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { shardOf } from '../../src/store/keys.js';
import { eventually } from '../support/eventually.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { Cluster, shards } from './support/cluster.js';
import { planOf, step } from './support/plans.js';
import { startServer } from './support/processes.js';
import { createGate } from './support/scripted-controller.js';
import { sharedEtcd } from './support/shared-etcd.js';

const { SUCCEEDED } = WorkflowState;
const ttlMs = 2_000;
/** A lease ends up to its time after the last renewal; etcd looks every half second, and then the steps begin. */
const takeoverMs = ttlMs + 4_000;
const steps = ['s0', 's1', 's2', 's3'];

describe('A node that is gone', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  const cleanUps: (() => Promise<void> | void)[] = [];

  beforeEach(async () => {
    cluster = await Cluster.start('n1');
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0)) await cleanUp();
    await cluster.close();
  });

  it('killed with -9: its steps run again on the others within its lease, and its shards are owned', async () => {
    const { url } = await sharedEtcd();
    const { store } = cluster;
    const prefix = store.kind === 'etcd' ? store.prefix : '';
    const flags = ['--etcd', url, '--etcd-prefix', prefix, '--node-id', 'victim', '--lease-ttl', '2s'];
    // Alone it has the label: what asks for it runs there, until n2 has it too.
    const victim = await startServer('server', ...flags, '--label', 'job=hard');
    await cluster.ownsShards({ n1: shards / 2, victim: shards / 2 });
    const waits = steps.map((id) => ({
      ...step(id, 'wait', { controller: 'basic', with: { ms: 4_000 } }),
      nodes: { neighborhood: '', labels: { job: 'hard' } },
    }));
    const rig = cluster.rig('n1');
    const { name } = await rig.submit(planOf(...waits), { workflowId: 'killed' });
    await eventually(async () => {
      expect((await cluster.claims()).map(({ node }) => node)).to.deep.equal(steps.map(() => 'victim'));
    });
    await cluster.join('n2', { labels: { job: 'hard' } });

    victim.kill('SIGKILL');
    const killedMs = performance.now();
    expect(await victim.ended).to.equal('SIGKILL');
    await eventually(async () => {
      const claims = await cluster.claims();
      expect(claims.map(({ node, valid }) => `${node} ${valid}`)).to.deep.equal(steps.map(() => 'n2 true'));
    }, takeoverMs);
    expect(performance.now() - killedMs).to.be.below(takeoverMs);
    await cluster.ownsShards({ n1: shards / 2, n2: shards / 2 });
    await rig.restedAs(name, SUCCEEDED);
    for (const id of steps) {
      const { lastAttempts } = await rig.step(name, id);
      expect(
        lastAttempts.map(({ result }) => result),
        id,
      ).to.include('lost');
    }
  });

  it('cut off from the store: the others run its steps, and what it still brings about is not accepted', async () => {
    const { port } = await sharedEtcd();
    const proxy = await TcpProxy.start(port);
    cleanUps.push(async () => {
      proxy.resume();
      await cluster.leave('n2').catch(() => undefined);
      await proxy.stop();
    });
    const store = { ...cluster.store, endpoints: [proxy.url] };
    const labels = { job: 'hard' };
    const gone = await cluster.join('n2', { labels }, { store: store as typeof cluster.store });
    await cluster.ownsShards({ n1: shards / 2, n2: shards / 2 });
    const late = createGate();
    const hard = steps.map((id) => ({ ...step(id), nodes: { neighborhood: '', labels } }));
    // It does not stop when it is told to: as a system that was asked to do something.
    for (const id of steps)
      gone.script.script('cut', id, async (context) => {
        await late.pass({ ...context, signal: new AbortController().signal });
        return done({ by: 'n2' });
      });
    const rig = cluster.rig('n1');
    const { name } = await rig.submit(planOf(...hard), { workflowId: 'cut' });
    for (const id of steps) await gone.script.called('cut', id);
    const other = await cluster.join('n3', { labels });
    for (const id of steps) other.script.script('cut', id, () => done({ by: 'n3' }));

    proxy.pause('toServer', 'toClient');
    const goneMs = performance.now();
    await rig.restedAs(name, SUCCEEDED, takeoverMs);
    expect(performance.now() - goneMs).to.be.below(takeoverMs);
    for (const call of gone.script.callsOf('cut')) expect(call.context.signal.aborted).to.equal(true);

    late.open();
    proxy.resume();
    await eventually(() => {
      expect(gone.log.with('node joined')).to.have.length(2);
    }, 15_000);
    for (const id of steps) {
      const now = await rig.step(name, id);
      expect(now.output).to.deep.equal({ by: 'n3' });
      expect(now.lastAttempts.map(({ result }) => result)).to.deep.equal(['lost', 'done']);
      const [first, second] = [...gone.script.callsOf('cut', id), ...other.script.callsOf('cut', id)];
      expect(second?.context.idempotencyKey).to.equal(first?.context.idempotencyKey);
      expect(second!.context.fencingToken.revision > first!.context.fencingToken.revision).to.equal(true);
    }
    expect(gone.script.callsOf('cut')).to.have.length(steps.length);
    await cluster.ownsShards({ n1: shards / 3, n2: shards / 3, n3: shards / 3 });
  });

  it('owns a workflow whose step, on another node, adds steps at that moment: none of them is lost', async () => {
    const labels = { job: 'hard' };
    const runs = await cluster.join('n2', { labels });
    await cluster.ownsShards({ n1: shards / 2, n2: shards / 2 });
    const { engine } = cluster.rig('n1').node.api.runtime.membership!;
    const ids = Array.from({ length: 6 }, (_, n) => `adds-${n}` as WorkflowId);
    const owned = ids.filter((id) => engine.ownsShard(shardOf(id, shards)));
    expect(owned).to.not.deep.equal([]);
    const gate = createGate();
    const added = StepSpec.toJSON(step('a-x')) as JsonObject;
    for (const id of owned) {
      runs.script.script(id, 'a', async (context) => {
        await gate.pass(context);
        return done({}, [added]);
      });
      const steps = [
        { ...step('a', 'make', { group: 'g' }), nodes: { neighborhood: '', labels } },
        step('b', 'make', { needs: ['g'] }),
      ];
      await runs.submit({ steps, groups: [{ id: 'g', dependsOn: [] }] }, { workflowId: id });
      await runs.script.called(id, 'a');
    }

    await cluster.revoke('n1');
    gate.open();
    for (const id of owned) {
      const name = `workflows/${id}`;
      expect((await runs.restedAs(name, SUCCEEDED)).graphRevision).to.equal(1);
      const [x, b] = [await runs.step(name, 'a-x'), await runs.step(name, 'b')];
      expect(x.addedBy).to.equal('a');
      expect(b.queueTime!.getTime()).to.be.at.least(x.endTime!.getTime());
    }
  });

  it('robbed of its lease: it stops what it runs, joins anew, and its steps are run again once', async () => {
    const stopped = createGate();
    const labels = { robbed: 'yes' };
    const robbed = await cluster.join('n2', { labels });
    for (const id of steps) robbed.script.script('robbed', id, stopped.pass);
    const plan = planOf(...steps.map((id) => ({ ...step(id), nodes: { neighborhood: '', labels } })));
    const { name } = await cluster.rig('n1').submit(plan, { workflowId: 'robbed' });
    for (const id of steps) await robbed.script.called('robbed', id);
    const before = robbed.script.callsOf('robbed');

    await cluster.revoke('n2');
    await eventually(() => {
      for (const { context } of before) expect(context.signal.aborted).to.equal(true);
    });
    // Only it has the label: so it runs them again itself, under its new session.
    for (const id of steps) await robbed.script.called('robbed', id, 'execute', 2);
    stopped.open();
    await cluster.rig('n1').restedAs(name, SUCCEEDED);
    expect(robbed.script.callsOf('robbed')).to.have.length(2 * steps.length);
    expect(robbed.log.with('session ended')).to.have.length(1);
    expect(robbed.log.with('node joined')).to.have.length(2);
    await cluster.ownsShards({ n1: shards / 2, n2: shards / 2 });
  });
});
