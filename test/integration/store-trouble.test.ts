/**
 * An etcd that stands still for ten seconds, or dies and comes back, under workflows that run: each step takes effect
 * once, each workflow ends, and the node's log says what it waited for.
 */
import { expect } from 'chai';
import { StepState, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { startEtcd, type EtcdProcess } from '../support/etcd.js';
import { eventually } from '../support/eventually.js';
import { chain, planOf, step } from './support/plans.js';
import { startRig, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

const stillMs = 10_000;
const endMs = 30_000;
const joinedAgain = 'node joined';

/** How often each step took effect: a call with a key that was seen before finds what the first one made. */
function effectsOf(rig: Rig, workflow: string): Record<string, number> {
  const keysOf = new Map<string, Set<string>>();
  for (const { kind, step: id, context } of rig.script.callsOf(workflow)) {
    if (kind !== 'execute') continue;
    keysOf.set(id, (keysOf.get(id) ?? new Set()).add(context.idempotencyKey));
  }
  return Object.fromEntries([...keysOf].map(([id, keys]) => [id, keys.size]));
}

/** Waits until the node has noticed that its store is away. */
async function untilSessionEnded(rig: Rig): Promise<void> {
  await eventually(() => {
    expect(rig.log.with('session ended')).to.have.length(1);
  }, stillMs);
}

describe('etcd in trouble', function () {
  this.timeout(60_000);
  let etcd: EtcdProcess;
  let rig: Rig;

  beforeEach(async () => {
    etcd = await startEtcd();
    const store = { kind: 'etcd', endpoints: [etcd.url], prefix: '/t/', quotaBytes: undefined } as const;
    rig = await startRig({ store });
  });
  afterEach(async () => {
    etcd.resume();
    await rig.close();
    await etcd.stop();
  });

  it('stands still for ten seconds: all goes on afterwards, and the log says what was waited for', async () => {
    const gate = createGate();
    rig.script.script('runs', 'b', async (context) => await gate.pass(context));
    const runs = await rig.submit(chain('a', 'b', 'c', 'd'), { workflowId: 'runs' });
    await rig.script.called('runs', 'b');

    const startedMs = performance.now();
    etcd.pause();
    await untilSessionEnded(rig);
    const seen = rig.script.callsOf('runs', 'b').at(-1);
    expect(seen?.context.signal.aborted, 'a call without a session is told to stop').to.equal(true);
    gate.open();
    const stillForMs = (): number => performance.now() - startedMs;
    await eventually(() => {
      expect(stillForMs()).to.be.at.least(stillMs);
    }, 2 * stillMs);
    expect(rig.script.callsOf('runs').length, 'nothing starts without a session').to.equal(2);
    etcd.resume();

    await rig.restedAs(runs.name, WorkflowState.SUCCEEDED, endMs);
    expect(effectsOf(rig, 'runs')).to.deep.equal({ a: 1, b: 1, c: 1, d: 1 });
    const [waited] = rig.log.with('lease not renewed, trying again');
    expect(waited?.['cause']).to.match(/STORE_UNAVAILABLE|etcd/);
    expect(rig.log.with('session not opened, trying again')).to.not.have.length(0);
    expect(rig.log.with('session ended').map(({ reason }) => reason)).to.deep.equal(['its deadline passed']);
    expect(rig.log.with(joinedAgain)).to.have.length(2);
    expect(rig.log.errors).to.deep.equal([]);
  });

  it('is killed with -9 in the middle of calls and started again: each ends as its method declares', async () => {
    const gate = createGate();
    const methods = ['make', 'probed', 'blind'] as const;
    for (const method of methods) {
      rig.script.script(method, 'b', async (context) => await gate.pass(context));
      const plan = planOf(
        step('a'),
        step('b', method, { needs: ['a'] }),
        step('c', 'make', { needs: ['b'] }),
      );
      await rig.submit(plan, { workflowId: method });
    }
    for (const method of methods) await rig.script.called(method, 'b');

    await etcd.kill();
    await untilSessionEnded(rig);
    gate.open();
    await etcd.restart();

    for (const method of ['make', 'probed'] as const) {
      await rig.restedAs(`workflows/${method}`, WorkflowState.SUCCEEDED, endMs);
      expect(effectsOf(rig, method), method).to.deep.equal({ a: 1, b: 1, c: 1 });
    }
    const kindsOf = (method: string): string[] => rig.script.callsOf(method, 'b').map(({ kind }) => kind);
    expect(kindsOf('make')).to.deep.equal(['execute', 'execute']);
    expect(kindsOf('probed')).to.deep.equal(['execute', 'probe', 'execute']);
    await eventually(async () => {
      expect((await rig.get('workflows/blind')).incidents).to.have.length(1);
    }, endMs);
    expect(kindsOf('blind'), 'what nobody can find out about is left to a person').to.deep.equal(['execute']);
    expect((await rig.step('workflows/blind', 'b')).state).to.equal(StepState.UNKNOWN);
    expect(rig.log.with(joinedAgain)).to.have.length(2);
    expect(rig.log.errors).to.deep.equal([]);
    expect(rig.log.with('incident opened')).to.have.length(1);
  });
});
