/**
 * A workflow as its author means it: each step once, after all that it depends on and not before, at the same time as
 * what it does not depend on, with the outputs of others as its arguments. Asserted on what the controller saw.
 */
import { expect } from 'chai';
import { done } from '../../src/controller.js';
import { StepState, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { chain, output, planOf, settings, step } from './support/plans.js';
import { freshStore, startRig, storeKinds, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

const { SUCCEEDED } = WorkflowState;

for (const kind of storeKinds) {
  describe(`The life of a workflow (${kind})`, function () {
    this.timeout(20_000);
    let rig: Rig;
    let workflows = 0;
    let id = '';

    before(async () => {
      rig = await startRig({ store: await freshStore(kind), logLevel: 'info' });
    });

    after(async () => {
      expect(rig.log.errors).to.deep.equal([]);
      await rig.close();
    });

    beforeEach(() => {
      id = `life-${workflows++}`;
    });

    const submit = async (plan: ReturnType<typeof planOf>): Promise<string> =>
      (await rig.submit(plan, { workflowId: id })).name;

    it('runs a chain in its order, each step once', async () => {
      const name = await submit(chain('a', 'b', 'c', 'd'));
      const workflow = await rig.restedAs(name, SUCCEEDED);
      expect(rig.script.callsOf(id).map((call) => call.step)).to.deep.equal(['a', 'b', 'c', 'd']);
      expect(workflow.counts).to.include({ total: 4, succeeded: 4, pending: 0, running: 0 });
      expect(workflow.endTime!.getTime()).to.be.at.least(workflow.startTime!.getTime());
    });

    it('runs the arms of a diamond at the same time, and its end after both', async () => {
      const gate = createGate();
      for (const arm of ['left', 'right']) rig.script.script(id, arm, gate.pass);
      const name = await submit(
        planOf(
          step('top'),
          step('left', 'make', { needs: ['top'], system: 'array-1' }),
          step('right', 'make', { needs: ['top'], system: 'array-2' }),
          step('bottom', 'make', { needs: ['left', 'right'] }),
        ),
      );
      await rig.script.called(id, 'left');
      await rig.script.called(id, 'right');
      expect((await rig.step(name, 'left')).state).to.equal(StepState.RUNNING);
      expect((await rig.step(name, 'bottom')).state).to.equal(StepState.PENDING);
      expect((await rig.get(name)).counts).to.include({ succeeded: 1, running: 2, pending: 1 });
      gate.open();
      await rig.restedAs(name, SUCCEEDED);
      const order = rig.script.order(id);
      expect([order[0], order[3], order.length]).to.deep.equal(['top', 'bottom', 4]);
    });

    it('runs a fan-out of twenty at the same time', async () => {
      const gate = createGate();
      const ids = Array.from({ length: 20 }, (_, n) => `s${n}`);
      for (const each of ids) rig.script.script(id, each, gate.pass);
      const name = await submit(
        planOf(
          step('top'),
          ...ids.map((each) => step(each, 'make', { needs: ['top'] })),
          step('end', 'make', { needs: ids }),
        ),
      );
      for (const each of ids) await rig.script.called(id, each);
      expect(rig.script.callsOf(id, 'end')).to.deep.equal([]);
      gate.open();
      await rig.restedAs(name, SUCCEEDED);
      expect(rig.script.callsOf(id)).to.have.length(22);
    });

    it('starts what waits for a group after its last member, and its members after what the group waits for', async () => {
      const gate = createGate();
      rig.script.script(id, 'disk-2', gate.pass);
      const plan = planOf(
        step('volume'),
        step('disk-1', 'make', { group: 'disks' }),
        step('disk-2', 'make', { group: 'disks' }),
        step('mount', 'make', { needs: ['disks'] }),
      );
      const name = await submit({ ...plan, groups: [{ id: 'disks', dependsOn: ['volume'] }] });
      await rig.script.called(id, 'disk-1');
      await rig.script.called(id, 'disk-2');
      expect(rig.script.order(id)[0]).to.equal('volume');
      expect((await rig.step(name, 'mount')).state).to.equal(StepState.PENDING);
      gate.open();
      await rig.restedAs(name, SUCCEEDED);
      expect(rig.script.order(id).at(-1)).to.equal('mount');
    });

    it('gives outputs to later steps as their arguments, wherever they stand in them', async () => {
      rig.script.script(id, 'a', () => done({ id: 'vol-1', paths: ['/dev/a', '/dev/b'], size: { gib: 5 } }));
      const name = await submit(
        planOf(
          step('b', 'free', {
            with: {
              volume: output('a', '/id'),
              list: [output('a', '/paths/1'), 'plain'],
              deep: { size: output('a', '/size') },
              all: output('a'),
            },
          }),
          step('a', 'free'),
        ),
      );
      await rig.restedAs(name, SUCCEEDED);
      // Nothing but the references says that b waits for a.
      expect(rig.script.order(id)).to.deep.equal(['a', 'b']);
      expect(rig.script.callsOf(id, 'b')[0]?.args).to.deep.equal({
        volume: 'vol-1',
        list: ['/dev/b', 'plain'],
        deep: { size: { gib: 5 } },
        all: { id: 'vol-1', paths: ['/dev/a', '/dev/b'], size: { gib: 5 } },
      });
      expect((await rig.step(name, 'b')).waitsFor).to.deep.equal(['a']);
      expect((await rig.step(name, 'a')).output).to.deep.equal({
        id: 'vol-1',
        paths: ['/dev/a', '/dev/b'],
        size: { gib: 5 },
      });
    });

    it('fails a step, uncalled, whose argument refers to a part of an output that never came', async () => {
      const name = await submit(
        planOf(step('a', 'free'), step('b', 'free', { with: { x: output('a', '/no') } })),
      );
      const workflow = await rig.restedAs(name, WorkflowState.ROLLED_BACK);
      expect(workflow.stop).to.deep.include({ step: 'b' });
      expect((await rig.step(name, 'b')).error).to.deep.include({ reason: 'UNRESOLVED_REFERENCE' });
      expect(rig.script.callsOf(id, 'b')).to.deep.equal([]);
    });

    it('fails a step whose resolved arguments do not fit, and one whose output does not', async () => {
      rig.script.script(id, 'a', () => done({ name: 'much longer than twenty letters' }));
      const first = await submit(
        planOf(step('a', 'free'), step('b', 'typed', { with: { name: output('a', '/name') } })),
      );
      await rig.restedAs(first, WorkflowState.ROLLED_BACK);
      expect((await rig.step(first, 'b')).error).to.deep.include({ reason: 'INVALID_ARGUMENTS' });
      expect(rig.script.callsOf(id, 'b')).to.deep.equal([]);
      id = `life-${workflows++}`;
      rig.script.script(id, 'a', () => done({ id: 5 }));
      const second = await submit(planOf(step('a', 'typed', { with: { name: 'x' } })));
      await rig.restedAs(second, WorkflowState.ROLLED_BACK);
      expect((await rig.step(second, 'a')).error).to.deep.include({ reason: 'INVALID_OUTPUT' });
      // It did something, whatever it says: it is undone.
      expect(rig.script.order(id)).to.deep.equal(['a', 'undo.a']);
    });

    it('tells each call who and what it is for', async () => {
      const name = await submit(planOf(step('a', 'make', { system: 'array-7', with: { size: 1 } })));
      const { uid } = await rig.restedAs(name, SUCCEEDED);
      const { context, args, method } = await rig.script.called(id, 'a');
      expect({ args, method }).to.deep.equal({ args: { size: 1 }, method: 'make' });
      expect(context).to.include({
        workflow: id,
        workflowUid: uid,
        step: 'a',
        direction: 'forward',
        attempt: 1,
      });
      expect(context).to.include({ system: 'array-7', tenant: 'default' });
      expect(context.fencingToken.revision).to.be.greaterThan(0);
      expect(context.idempotencyKey).to.include(uid);
      expect(context.deadlineMs).to.be.within(Date.now(), Date.now() + 60_000);
    });
  });
}

describe('Workflows that share a node', function () {
  this.timeout(20_000);
  let rig: Rig;

  before(async () => {
    rig = await startRig({ settings: { capacity: 2 } });
  });

  after(async () => {
    await rig.close();
  });

  it('never have more steps running than it has slots', async () => {
    const ids = Array.from({ length: 12 }, (_, n) => `s${n}`);
    let running = 0;
    let most = 0;
    for (const each of ids) {
      rig.script.script('many', each, async () => {
        most = Math.max(most, ++running);
        // None ends before its slots have been filled once.
        await eventually(() => {
          expect(most).to.be.at.least(2);
        });
        running -= 1;
        return done();
      });
    }
    const { name } = await rig.submit(planOf(...ids.map((each) => step(each, 'free'))), {
      workflowId: 'many',
    });
    await rig.restedAs(name, SUCCEEDED);
    expect(most).to.equal(2);
  });

  it('get slots by priority, once one is free', async () => {
    const gate = createGate();
    for (const each of ['a', 'b']) rig.script.script('full', each, gate.pass);
    await rig.submit(planOf(step('a', 'free'), step('b', 'free')), { workflowId: 'full' });
    await rig.script.called('full', 'a');
    await rig.script.called('full', 'b');
    const order: string[] = [];
    for (const [workflowId, priority] of [
      ['last', 9],
      ['middle', 5],
      ['first', 0],
    ] as const) {
      for (const each of ['a', 'b']) {
        rig.script.script(workflowId, each, () => {
          order.push(workflowId);
          return done();
        });
      }
      const { name } = await rig.submit(planOf(step('a', 'free'), step('b', 'free')), {
        workflowId,
        settings: settings({ priority }),
      });
      await eventually(async () => {
        expect((await rig.get(name)).counts).to.include({ queued: 2, running: 0 });
      });
    }
    gate.open();
    for (const each of ['last', 'middle', 'first', 'full'])
      await rig.restedAs(`workflows/${each}`, SUCCEEDED);
    expect(order).to.deep.equal(['first', 'first', 'middle', 'middle', 'last', 'last']);
  });
});
