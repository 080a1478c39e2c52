/**
 * Resource locks on a real etcd and in memory: all of a workflow's at once, in the order in which workflows came, shared
 * ones together, held to the end and through a blocked rollback; and broken by an operator.
 */
import { expect } from 'chai';
import { done, failed } from '../../src/controller.js';
import { LockState } from '../../src/gen/wire/steplock/v1/lock_service.js';
import { LockMode, type LockSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { planOf, settings, step } from './support/plans.js';
import { freshStore, requestId, startRig, storeKinds, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

const exclusive = (resource: string): LockSpec => ({ resource, mode: LockMode.EXCLUSIVE });
const shared = (resource: string): LockSpec => ({ resource, mode: LockMode.SHARED });
const { QUEUED, RUNNING, SUCCEEDED, ROLLBACK_BLOCKED, ROLLED_BACK, SUSPENDED } = WorkflowState;

for (const kind of storeKinds) {
  describe(`resource locks (${kind})`, function () {
    this.timeout(30_000);
    let rig: Rig;
    let count = 0;

    before(async () => {
      rig = await startRig({ store: await freshStore(kind) });
    });
    after(async () => {
      await rig.close();
    });

    /** A workflow of one step that waits at a gate. */
    async function gated(
      locks: LockSpec[],
      stepLocks: LockSpec[] = [],
    ): Promise<{ id: string; open: () => void }> {
      const id = `locks-${++count}`;
      const gate = createGate();
      rig.script.script(id, 'a', gate.pass);
      const plan = planOf(step('a', 'make', { locks: stepLocks }));
      await rig.submit(plan, { workflowId: id, settings: settings({ locks }) });
      return { id, open: gate.open };
    }

    const stateIs = async (id: string, state: WorkflowState): Promise<void> => {
      await eventually(async () => {
        expect((await rig.get(`workflows/${id}`)).state).to.equal(state);
      });
    };
    const lockStates = async (resource: string): Promise<[string, LockState][]> => {
      const { locks } = await rig.client.locks.listLocks({ pageSize: 0, pageToken: '', resource });
      return locks.map((lock) => [lock.workflow.slice('workflows/'.length), lock.state]);
    };

    it('let one workflow after the other have a resource, in the order in which they came', async () => {
      const first = await gated([exclusive('array-1')]);
      await stateIs(first.id, RUNNING);
      const second = await gated([], [exclusive('array-1')]);
      await stateIs(second.id, QUEUED);
      const third = await gated([exclusive('array-1')]);
      await stateIs(third.id, QUEUED);
      const { WAITING, HELD } = LockState;
      expect(await lockStates('array-1')).to.deep.equal([
        [first.id, HELD],
        [second.id, WAITING],
        [third.id, WAITING],
      ]);
      const waits = (await rig.get(`workflows/${third.id}`)).lockWaits;
      expect(waits.map(({ workflow, held }) => [workflow, held])).to.deep.equal([
        [`workflows/${first.id}`, true],
        [`workflows/${second.id}`, false],
      ]);
      expect(rig.script.callsOf(second.id)).to.deep.equal([]);
      first.open();
      await stateIs(second.id, RUNNING);
      await stateIs(third.id, QUEUED);
      second.open();
      await stateIs(third.id, RUNNING);
      third.open();
      await rig.restedAs(`workflows/${third.id}`, SUCCEEDED);
      expect(await lockStates('array-1')).to.deep.equal([]);
    });

    it('are shared by those who share, and nobody overtakes who waits alone', async () => {
      const [one, two] = [await gated([shared('pool')]), await gated([shared('pool')])];
      await stateIs(one.id, RUNNING);
      await stateIs(two.id, RUNNING);
      const alone = await gated([exclusive('pool')]);
      await stateIs(alone.id, QUEUED);
      const late = await gated([shared('pool')]);
      await stateIs(late.id, QUEUED);
      one.open();
      await rig.restedAs(`workflows/${one.id}`, SUCCEEDED);
      await stateIs(alone.id, QUEUED);
      two.open();
      await stateIs(alone.id, RUNNING);
      await stateIs(late.id, QUEUED);
      alone.open();
      await stateIs(late.id, RUNNING);
      late.open();
      await rig.restedAs(`workflows/${late.id}`, SUCCEEDED);
    });

    it('are taken all at once: who waits for one of several keeps nobody from starting who came earlier', async () => {
      const left = await gated([exclusive('left')]);
      await stateIs(left.id, RUNNING);
      const both = await gated([exclusive('left'), exclusive('right')]);
      await stateIs(both.id, QUEUED);
      const right = await gated([exclusive('right')]);
      await stateIs(right.id, QUEUED);
      left.open();
      await stateIs(both.id, RUNNING);
      both.open();
      await stateIs(right.id, RUNNING);
      right.open();
      await rig.restedAs(`workflows/${right.id}`, SUCCEEDED);
    });

    it('lose their place with a suspension, and with a cancellation', async () => {
      const holder = await gated([exclusive('seat')]);
      await stateIs(holder.id, RUNNING);
      const gone = await gated([exclusive('seat')]);
      await stateIs(gone.id, QUEUED);
      const next = await gated([exclusive('seat')]);
      await stateIs(next.id, QUEUED);
      const verb = { name: `workflows/${gone.id}`, actor: 'ann', reason: 'not now' };
      await rig.client.workflows.suspendWorkflow({ ...verb, requestId: requestId() });
      await stateIs(gone.id, SUSPENDED);
      holder.open();
      await stateIs(next.id, RUNNING);
      await rig.client.workflows.resumeWorkflow({ ...verb, requestId: requestId() });
      await stateIs(gone.id, QUEUED);
      await rig.client.workflows.rollbackWorkflow({ ...verb, requestId: requestId(), runningSteps: 0 });
      await rig.restedAs(`workflows/${gone.id}`, ROLLED_BACK);
      expect(rig.script.callsOf(gone.id)).to.deep.equal([]);
      next.open();
      await rig.restedAs(`workflows/${next.id}`, SUCCEEDED);
    });

    it('stay as a quarantine while the rollback is blocked, until an operator breaks them', async () => {
      const id = `locks-${++count}`;
      rig.script.script(id, 'b', () => failed('Broken', 'for good', { retryable: false, effect: 'none' }));
      rig.script.script(id, 'undo.a', () =>
        failed('Stuck', 'for good', { retryable: false, effect: 'some' }),
      );
      const plan = planOf(step('a'), step('b', 'make', { needs: ['a'] }));
      const locks = [exclusive('device')];
      await rig.submit(plan, { workflowId: id, settings: settings({ locks }) });
      await rig.restedAs(`workflows/${id}`, ROLLBACK_BLOCKED);
      expect(await lockStates('device')).to.deep.equal([[id, LockState.QUARANTINED]]);
      const waiting = await gated(locks);
      await stateIs(waiting.id, QUEUED);
      const call = { workflow: `workflows/${id}`, resource: 'device', actor: 'ann', reason: 'looked at it' };
      await rig.client.locks.breakLock({ ...call, requestId: requestId() });
      await stateIs(waiting.id, RUNNING);
      const { history } = await rig.get(`workflows/${id}`);
      expect(history.at(-1)).to.include({ verb: 'break', actor: 'ann', reason: 'looked at it' });
      waiting.open();
      await rig.restedAs(`workflows/${waiting.id}`, SUCCEEDED);
    });

    it('are not broken where there are none', async () => {
      const { id, open } = await gated([exclusive('mine')]);
      const call = { workflow: `workflows/${id}`, resource: 'other', actor: 'ann', reason: 'why not' };
      const refusal = await rig.client.locks.breakLock({ ...call, requestId: requestId() }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refusal).to.include({ reason: 'ILLEGAL_TRANSITION' });
      open();
      await rig.restedAs(`workflows/${id}`, SUCCEEDED);
    });
  });
}

describe('resource locks of a node that goes', function () {
  this.timeout(30_000);

  it('survive it: whoever takes over knows who has what', async () => {
    const store = await freshStore('etcd');
    const former = await startRig({ store });
    try {
      former.script.script('one', 'a', createGate().pass);
      const locks = [exclusive('disk')];
      for (const id of ['one', 'two']) {
        await former.submit(planOf(step('a')), { workflowId: id, settings: settings({ locks }) });
        await eventually(async () => {
          expect((await former.get(`workflows/${id}`)).state).to.equal(id === 'one' ? RUNNING : QUEUED);
        });
      }
    } finally {
      await former.close();
    }
    const next = await startRig({ store });
    try {
      next.script.script('one', 'a', () => done());
      await next.restedAs('workflows/one', SUCCEEDED);
      await next.restedAs('workflows/two', SUCCEEDED);
      const times = await Promise.all(
        ['one', 'two'].map(async (id) => {
          const { startTime, endTime } = await next.get(`workflows/${id}`);
          return { start: startTime?.getTime() ?? 0, end: endTime?.getTime() ?? 0 };
        }),
      );
      expect(times[1]!.start).to.be.at.least(times[0]!.end);
    } finally {
      await next.close();
    }
  });
});
