/**
 * Limits of systems and holds, on a real etcd: never more calls on a system than its limit, also while a call's external
 * task goes on; a hold keeps new calls from starting, and what was held back starts once it is released.
 */
import { expect } from 'chai';
import { createDeferred } from '../../src/base/deferred.js';
import { done, failed, pending } from '../../src/controller.js';
import { HoldKind } from '../../src/gen/wire/steplock/v1/admission_service.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { planOf, step } from './support/plans.js';
import { requestId, startRig, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

const { SUCCEEDED } = WorkflowState;
const who = { actor: 'ann', reason: 'maintenance' };
const anew = (): { requestId: string } => ({ requestId: requestId() });

describe('admission', function () {
  this.timeout(40_000);
  let rig: Rig;
  before(async () => {
    rig = await startRig();
  });
  after(async () => {
    await rig.close();
  });

  const setLimit = async (system: string, max: number): Promise<void> => {
    await rig.client.admission.setLimit({ system, limitClass: '', max, requestId: requestId() });
  };
  const usageOf = async (system: string): Promise<number | undefined> => {
    const { limits } = await rig.client.admission.listLimits({});
    return limits.find((limit) => limit.system === system)?.inUse;
  };

  it('lets no more calls work on a system than its limit, and all of them in the end', async () => {
    await setLimit('rack-a', 2);
    let running = 0;
    let most = 0;
    const two = createDeferred<undefined>();
    const ids = Array.from({ length: 8 }, (_, index) => `s${index}`);
    for (const id of ids) {
      rig.script.script('wide', id, async () => {
        running += 1;
        most = Math.max(most, running);
        // The first ones wait for each other, so that calls do overlap.
        if (running === 2) two.resolve(undefined);
        await two.promise;
        running -= 1;
        return done();
      });
    }
    await rig.submit(planOf(...ids.map((id) => step(id, 'make', { system: 'rack-a' }))), {
      workflowId: 'wide',
    });
    await rig.restedAs('workflows/wide', SUCCEEDED);
    expect(most).to.equal(2);
    expect(await usageOf('rack-a')).to.equal(0);
  });

  it('counts a call until its external task has ended, and says who waits for what', async () => {
    await setLimit('rack-b', 1);
    let hasEnded = false;
    rig.script.script('task', 'a', {
      execute: () => pending('job-1', 50),
      poll: () => (hasEnded ? done() : pending('job-1', 50)),
    });
    const onB = { system: 'rack-b' };
    await rig.submit(planOf(step('a', 'make', onB)), { workflowId: 'task' });
    await rig.script.called('task', 'a', 'poll', 2);
    await rig.submit(planOf(step('a', 'make', onB)), { workflowId: 'next' });
    await eventually(async () => {
      const { entries } = await rig.client.dispatcher.listQueue({ pageSize: 0, pageToken: '' });
      expect(entries.map(({ waitsFor }) => waitsFor)).to.deep.equal(['limit 1 of rack-b']);
    });
    expect(await usageOf('rack-b')).to.equal(1);
    expect(rig.script.callsOf('next')).to.deep.equal([]);
    hasEnded = true;
    await rig.restedAs('workflows/next', SUCCEEDED);
  });

  it('frees what a failed attempt had while it waits for the next one', async () => {
    await setLimit('rack-c', 1);
    let calls = 0;
    rig.script.script('retry', 'a', () =>
      ++calls < 3 ? failed('Busy', 'not now', { retryable: true, effect: 'none' }) : done(),
    );
    const onC = { system: 'rack-c' };
    await rig.run(planOf(step('a', 'make', onC), step('b', 'make', onC)), { workflowId: 'retry' });
    await rig.restedAs('workflows/retry', SUCCEEDED);
    expect(await usageOf('rack-c')).to.equal(0);
  });

  it('can be raised and removed while steps wait', async () => {
    await setLimit('rack-d', 1);
    const gate = createGate();
    for (const id of ['a', 'b', 'c']) rig.script.script('raise', id, gate.pass);
    const steps = ['a', 'b', 'c'].map((id) => step(id, 'make', { system: 'rack-d' }));
    await rig.submit(planOf(...steps), { workflowId: 'raise' });
    const begun = (): number => rig.script.callsOf('raise').length;
    await eventually(() => {
      expect(begun()).to.equal(1);
    });
    await setLimit('rack-d', 2);
    await eventually(() => {
      expect(begun()).to.equal(2);
    });
    await setLimit('rack-d', 0);
    await eventually(() => {
      expect(begun()).to.equal(3);
    });
    gate.open();
    await rig.restedAs('workflows/raise', SUCCEEDED);
  });

  it('holds a system: what runs goes on, nothing new starts, and it says why; released, it goes on', async () => {
    const hold = { kind: HoldKind.SYSTEM, name: 'rack-e', ...who };
    const gate = createGate();
    rig.script.script('held', 'a', gate.pass);
    const onE = { system: 'rack-e' };
    await rig.submit(planOf(step('a', 'make', onE), step('b', 'make', { ...onE, needs: ['a'] }), step('c')), {
      workflowId: 'held',
    });
    await rig.script.called('held', 'a');
    const placing = { ...hold, requestId: requestId() };
    await rig.client.admission.placeHold(placing);
    gate.open();
    await eventually(async () => {
      const { entries } = await rig.client.dispatcher.listQueue({ pageSize: 0, pageToken: '' });
      expect(entries.map(({ waitsFor }) => waitsFor)).to.deep.equal([
        'system rack-e is held by ann: maintenance',
      ]);
    });
    expect(rig.script.order('held')).to.have.members(['a', 'c']);
    const { holds } = await rig.client.admission.listHolds({});
    expect(holds[0]).to.include(hold);
    await rig.client.admission.releaseHold({ ...hold, requestId: requestId() });
    // The first call once more, late: it was answered, and must not hold anything again.
    await rig.client.admission.placeHold(placing);
    expect((await rig.client.admission.listHolds({})).holds).to.deep.equal([]);
    await rig.restedAs('workflows/held', SUCCEEDED);
    expect((await rig.client.admission.listHolds({})).holds).to.deep.equal([]);
  });

  it('refuses what makes no sense, by field', async () => {
    const { admission } = rig.client;
    const cases = [
      [admission.setLimit({ system: 'No!', limitClass: '', max: 1, requestId: requestId() }), 'system'],
      [admission.setLimit({ system: 'rack', limitClass: '', max: 20_000, requestId: requestId() }), 'max'],
      [admission.placeHold({ kind: HoldKind.UNSPECIFIED, name: 'x', ...who, ...anew() }), 'kind'],
      [admission.placeHold({ kind: HoldKind.CLUSTER, name: 'x', ...who, ...anew() }), 'name'],
      [admission.setLimit({ system: 'rack', limitClass: '', max: 1, requestId: 'x' }), 'request_id'],
      [admission.placeHold({ kind: HoldKind.SYSTEM, name: 'x', actor: '', reason: '', ...anew() }), 'reason'],
    ] as const;
    for (const [call, field] of cases) {
      const refusal = await call.then(
        () => undefined,
        (error: unknown) => error as { metadata: unknown },
      );
      expect(refusal, field).to.include({ reason: 'INVALID_FIELD' });
      expect(refusal?.metadata, field).to.deep.include({ field });
    }
  });
});
