/**
 * What a failed workflow leaves: nothing, as far as that can be. Undos run in the reverse order of the dependencies, of
 * all that may have left something, the failed step included; where that cannot go on, a person is told and nothing else
 * moves.
 */
import { expect } from 'chai';
import { done, failed, type CallContext } from '../../src/controller.js';
import type { Plan } from '../../src/gen/wire/steplock/v1/plan.js';
import {
  Effect,
  OnFailure,
  RunningSteps,
  StepState,
  StopCause,
  WorkflowState,
  type WorkflowSettings,
} from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { chain, output, planOf, settings, step } from './support/plans.js';
import { retry, skip } from './support/requests.js';
import { freshStore, startRig, storeKinds, type Rig } from './support/rig.js';
import { createGate, untilStopped } from './support/scripted-controller.js';

const { ROLLED_BACK, ROLLBACK_BLOCKED } = WorkflowState;

for (const kind of storeKinds) {
  describe(`A rollback (${kind})`, function () {
    this.timeout(20_000);
    let rig: Rig;
    let workflows = 0;
    let id = '';

    before(async () => {
      rig = await startRig({ store: await freshStore(kind) });
    });

    after(async () => {
      await rig.close();
    });

    beforeEach(() => {
      id = `rollback-${workflows++}`;
    });

    const fails = (effect: 'none' | 'some' | 'unknown') => () =>
      failed('NoSpace', 'the pool is full', { retryable: false, effect });

    const submit = async (plan: Plan, said: Partial<WorkflowSettings> = {}): Promise<string> =>
      (await rig.submit(plan, { workflowId: id, settings: settings(said) })).name;

    it('undoes a chain backwards, the failed step first', async () => {
      rig.script.script(id, 'c', fails('some'));
      const name = await submit(chain('a', 'b', 'c', 'd'));
      const workflow = await rig.restedAs(name, ROLLED_BACK);
      const calls = rig.script.callsOf(id).map((call) => `${call.method} ${call.step}`);
      expect(calls).to.deep.equal([
        ...['make a', 'make b', 'make c'],
        ...['unmake undo.c', 'unmake undo.b', 'unmake undo.a'],
      ]);
      expect(workflow.counts).to.include({ succeeded: 2, failed: 1, cancelled: 1, undone: 3 });
      expect(workflow.stop).to.deep.include({ cause: StopCause.STEP_FAILED, step: 'c' });
      expect(workflow.stop?.error).to.include({
        reason: 'CONTROLLER_FAILED',
        message: 'NoSpace: the pool is full',
      });
      expect(workflow.incidents).to.deep.equal([]);
    });

    it('leaves alone a failed step that left nothing, and one that needs no undo', async () => {
      rig.script.script(id, 'c', fails('none'));
      const name = await submit(
        planOf(step('a'), step('b', 'free', { needs: ['a'] }), step('c', 'make', { needs: ['b'] })),
      );
      await rig.restedAs(name, ROLLED_BACK);
      expect(rig.script.order(id)).to.deep.equal(['a', 'b', 'c', 'undo.a']);
    });

    it('undoes a failed step of which nobody knows what it left', async () => {
      rig.script.script(id, 'a', fails('unknown'));
      await rig.restedAs(await submit(chain('a')), ROLLED_BACK);
      expect(rig.script.order(id)).to.deep.equal(['a', 'undo.a']);
      const { context } = await rig.script.called(id, 'undo.a');
      expect(context.undone).to.deep.include({ state: 'failed', effect: 'unknown', output: undefined });
    });

    it('undoes the arms of a diamond before its top, and its bottom before the arms', async () => {
      rig.script.script(id, 'end', fails('none'));
      const name = await submit(
        planOf(
          step('top'),
          step('left', 'make', { needs: ['top'] }),
          step('right', 'make', { needs: ['top'] }),
          step('bottom', 'make', { needs: ['left', 'right'] }),
          step('end', 'make', { needs: ['bottom'] }),
        ),
      );
      await rig.restedAs(name, ROLLED_BACK);
      const undos = rig.script.order(id).filter((each) => each.startsWith('undo.'));
      expect([undos[0], undos[3], undos.length]).to.deep.equal(['undo.bottom', 'undo.top', 4]);
    });

    it('gives undos what their steps had and returned, and tells what is to be undone', async () => {
      rig.script.script(id, 'a', () => done({ id: 'vol-1' }));
      rig.script.script(id, 'c', fails('none'));
      const own = {
        method: 'untyped',
        arguments: { of: output('a', '/id'), never: output('b', '/nothing') },
      };
      const name = await submit(
        planOf(
          step('a', 'typed', { with: { name: 'gold', size: 3 } }),
          step('b', 'make', { needs: ['a'], undo: { way: { $case: 'call', value: own } } }),
          step('c', 'make', { needs: ['b'] }),
        ),
      );
      const { uid } = await rig.restedAs(name, ROLLED_BACK);
      const ofA = await rig.script.called(id, 'undo.a');
      expect(ofA.args).to.deep.equal({ id: 'vol-1', name: 'gold' });
      expect(ofA.context.undone).to.deep.include({
        state: 'succeeded',
        effect: 'some',
        output: { id: 'vol-1' },
      });
      const forward = await rig.script.called(id, 'a');
      expect(ofA.context.undone?.idempotencyKey).to.equal(forward.context.idempotencyKey);
      expect(ofA.context).to.include({ direction: 'undo', step: 'a', workflowUid: uid });
      // What never came is left out.
      expect((await rig.script.called(id, 'undo.b')).args).to.deep.equal({ of: 'vol-1' });
    });

    it('tries an undo again as it does a step', async () => {
      rig.script.script(id, 'b', fails('none'));
      let calls = 0;
      rig.script.script(id, 'undo.a', () =>
        ++calls < 3 ? failed('Busy', 'later', { retryable: true, effect: 'none' }) : done(),
      );
      const name = await submit(chain('a', 'b'));
      await rig.restedAs(name, ROLLED_BACK);
      expect(await rig.step(name, 'undo.a')).to.include({ state: StepState.SUCCEEDED, attempts: 3 });
    });

    it('that cannot undo a step is blocked, with an incident, before what that step rests on', async () => {
      rig.script.script(id, 'c', fails('none'));
      let isMended = false;
      rig.script.script(id, 'undo.b', () => (isMended ? done() : fails('some')()));
      const name = await submit(planOf(...chain('a', 'b', 'c').steps, step('other')));
      const workflow = await rig.restedAs(name, ROLLBACK_BLOCKED);
      expect(rig.script.order(id)).to.include('undo.other');
      expect(rig.script.callsOf(id, 'undo.a')).to.deep.equal([]);
      expect(await rig.step(name, 'undo.b')).to.include({ state: StepState.FAILED });
      const { incidents } = await rig.client.incidents.listIncidents({
        pageSize: 0,
        pageToken: '',
        includeResolved: false,
      });
      const [incident] = incidents.filter((each) => each.workflow === name);
      expect(workflow.incidents).to.deep.equal([incident?.name]);
      expect(incident).to.deep.include({ step: `${name}/steps/undo.b`, effect: Effect.SOME });
      expect(incident?.waysOut).to.deep.equal(['RETRY', 'UNDONE', 'SKIP']);
      isMended = true;
      await rig.client.workflows.retryStep(retry(name, 'undo.b', { actor: 'ann' }));
      expect((await rig.restedAs(name, ROLLED_BACK)).incidents).to.deep.equal([]);
      expect(rig.script.order(id).at(-1)).to.equal('undo.a');
      const resolved = await rig.client.incidents.getIncident({ name: incident?.name ?? '' });
      expect(resolved.incident?.resolution).to.include({
        verb: 'retry',
        actor: 'ann',
        reason: 'it was seen to',
      });
    });

    it('stops at a step that cannot be undone; skipping its undo lets it go on', async () => {
      rig.script.script(id, 'c', fails('none'));
      const plan = planOf(
        step('a'),
        step('b', 'final', { needs: ['a'] }),
        step('c', 'make', { needs: ['b'] }),
      );
      const name = await submit(plan);
      await rig.restedAs(name, ROLLBACK_BLOCKED);
      expect((await rig.step(name, 'undo.b')).error).to.include({ reason: 'IRREVERSIBLE' });
      expect(rig.script.order(id)).to.deep.equal(['a', 'b', 'c']);
      await rig.client.workflows.skipStep(skip(name, 'undo.b'));
      await rig.restedAs(name, ROLLED_BACK);
      expect(rig.script.order(id)).to.deep.equal(['a', 'b', 'c', 'undo.a']);
    });

    it('lets running steps end first, and undoes them then', async () => {
      const gate = createGate();
      rig.script.script(id, 'slow', gate.pass);
      const fuse = createGate();
      rig.script.script(id, 'bad', async (context) => {
        await fuse.pass(context);
        return fails('none')();
      });
      const name = await submit(planOf(step('slow'), step('bad')));
      await rig.script.called(id, 'slow');
      fuse.open();
      await eventually(async () => {
        expect((await rig.get(name)).state).to.equal(WorkflowState.ROLLING_BACK);
      });
      const { context } = await rig.script.called(id, 'slow');
      expect(context.signal.aborted).to.equal(false);
      gate.open();
      await rig.restedAs(name, ROLLED_BACK);
      expect(rig.script.order(id).at(-1)).to.equal('undo.slow');
    });

    it('cancels running steps where the settings say so, and undoes what they may have left', async () => {
      rig.script.script(id, 'slow', { execute: stoppedWith('some') });
      rig.script.script(id, 'bad', async () => {
        await rig.script.called(id, 'slow');
        return fails('none')();
      });
      const name = await submit(planOf(step('slow'), step('bad')), { runningSteps: RunningSteps.CANCEL });
      await rig.restedAs(name, ROLLED_BACK);
      expect(rig.script.order(id).at(-1)).to.equal('undo.slow');
    });

    it('does not happen where the settings say to keep what was done', async () => {
      rig.script.script(id, 'b', fails('some'));
      const name = await submit(chain('a', 'b', 'c'), { onFailure: OnFailure.KEEP });
      const workflow = await rig.restedAs(name, WorkflowState.FAILED);
      expect(rig.script.order(id)).to.deep.equal(['a', 'b']);
      expect(workflow.counts).to.include({ succeeded: 1, failed: 1, cancelled: 1, undone: 0 });
    });

    it('follows when the deadline of the workflow passes', async () => {
      rig.script.script(id, 'b', { execute: stoppedWith('none') });
      const name = await submit(chain('a', 'b'), { deadline: { seconds: '1', nanos: 0 } });
      const workflow = await rig.restedAs(name, ROLLED_BACK);
      expect(workflow.stop).to.include({ cause: StopCause.DEADLINE });
      expect(rig.script.order(id)).to.deep.equal(['a', 'b', 'undo.a']);
    });
  });
}

/** Works until it is told to stop, and then says what it left. */
function stoppedWith(effect: 'none' | 'some') {
  return async (context: CallContext) => {
    await untilStopped(context).catch(() => undefined);
    return failed('Stopped', 'as asked', { retryable: true, effect });
  };
}
