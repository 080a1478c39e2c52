/**
 * What becomes of one step whose controller does not just succeed: it fails, works on for a while, hangs, or nobody
 * knows. Above all: a call of unknown outcome is looked into and never simply made again or taken for not made.
 */
import { expect } from 'chai';
import { done, failed, notDone, pending, unknown } from '../../src/controller.js';
import {
  Effect,
  OnFailure,
  StepState,
  WorkflowState,
  type Step,
} from '../../src/gen/wire/steplock/v1/workflow.js';
import { eventually } from '../support/eventually.js';
import { planOf, settings, step, type StepMore } from './support/plans.js';
import { freshStore, startRig, storeKinds, type Rig } from './support/rig.js';
import { createGate, untilStopped, type StepScript } from './support/scripted-controller.js';

const { SUCCEEDED, FAILED } = WorkflowState;

for (const kind of storeKinds) {
  describe(`The attempts of a step (${kind})`, function () {
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
      id = `attempts-${workflows++}`;
    });

    /** Runs step `a`, in a workflow that ends where it fails, and gives what became of it. */
    const live = async (
      script: StepScript,
      state: WorkflowState,
      method = 'make',
      more: StepMore = {},
    ): Promise<Step> => {
      rig.script.script(id, 'a', script);
      const kept = settings({ onFailure: OnFailure.KEEP });
      const { name } = await rig.submit(planOf(step('a', method, more)), { workflowId: id, settings: kept });
      await rig.restedAs(name, state);
      return await rig.step(name, 'a');
    };

    const kinds = (): string[] => rig.script.callsOf(id, 'a').map((call) => call.kind);
    const results = ({ lastAttempts }: Step): string[] => lastAttempts.map(({ result }) => result);
    const busy = failed('Busy', 'the array is busy', { retryable: true, effect: 'none' });
    const broken = (): never => {
      throw new Error('the line was cut');
    };

    it('are repeated, with one idempotency key and rising tokens, until it succeeds', async () => {
      let calls = 0;
      const ended = await live({ execute: () => (++calls < 3 ? busy : done({ made: 1 })) }, SUCCEEDED);
      expect(ended).to.deep.include({ state: StepState.SUCCEEDED, attempts: 3, output: { made: 1 } });
      expect(results(ended)).to.deep.equal(['failed', 'failed', 'done']);
      const contexts = rig.script.callsOf(id, 'a').map(({ context }) => context);
      expect(new Set(contexts.map(({ idempotencyKey }) => idempotencyKey)).size).to.equal(1);
      expect(contexts.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3]);
      const tokens = contexts.map(({ fencingToken }) => fencingToken.revision);
      expect(tokens).to.deep.equal([...new Set(tokens)].sort((left, right) => left - right));
      const [first, second] = ended.lastAttempts;
      // Each wait is drawn from the upper half of 20 ms.
      expect(second!.startTime!.getTime() - first!.endTime!.getTime()).to.be.at.least(9);
    });

    it('wait for their time, which is shown', async () => {
      const backoff = { seconds: '3600', nanos: 0 };
      rig.script.script(id, 'a', () => busy);
      const retry = { maxAttempts: 2, initialBackoff: backoff, maxBackoff: backoff, multiplier: 1 };
      const { name } = await rig.submit(planOf({ ...step('a'), retry }), { workflowId: id });
      const waiting = await eventually(async () => {
        const found = await rig.step(name, 'a');
        expect(found.state).to.equal(StepState.BACKING_OFF);
        return found;
      });
      expect(waiting.error).to.deep.include({ reason: 'CONTROLLER_FAILED', retryable: true });
      expect(waiting.nextAttemptTime!.getTime() - Date.now()).to.be.within(1_700_000, 3_600_000);
    });

    it('end when they are used up', async () => {
      const ended = await live({ execute: () => busy }, FAILED, 'make', { attempts: 2 });
      expect(ended).to.deep.include({ state: StepState.FAILED, attempts: 2, effect: Effect.NONE });
      expect(ended.error).to.deep.equal({
        reason: 'CONTROLLER_FAILED',
        message: 'Busy: the array is busy',
        retryable: true,
      });
    });

    it('end at once with a failure that says so, and remember what any of them left', async () => {
      let calls = 0;
      const half = failed('Half', 'one of two', { retryable: true, effect: 'some' });
      const never = failed('Never', 'no such pool', { retryable: false, effect: 'none' });
      const ended = await live({ execute: () => (++calls === 1 ? half : never) }, FAILED);
      expect(ended).to.deep.include({ state: StepState.FAILED, attempts: 2, effect: Effect.SOME });
      expect(ended.error).to.deep.include({ message: 'Never: no such pool', retryable: false });
    });

    it('go on outside: the task is asked after, its progress shown, its end is the step’s', async () => {
      const gate = createGate();
      let isOver = false;
      const going = { ...pending('task-7', 20), progressPercent: 40, progressMessage: 'copying' };
      rig.script.script(id, 'a', {
        execute: () => going,
        poll: async (context) => {
          if (!isOver) return going;
          await gate.pass(context);
          return done({ copied: true });
        },
      });
      const { name } = await rig.submit(planOf(step('a')), { workflowId: id });
      await eventually(async () => {
        expect(await rig.step(name, 'a')).to.include({
          state: StepState.RUNNING,
          task: 'task-7',
          progressPercent: 40,
          progressMessage: 'copying',
        });
      });
      await rig.script.called(id, 'a', 'poll', 2);
      isOver = true;
      gate.open();
      await rig.restedAs(name, SUCCEEDED);
      const ended = await rig.step(name, 'a');
      expect(ended).to.deep.include({
        attempts: 1,
        output: { copied: true },
        progressPercent: 100,
        task: '',
      });
      expect(kinds().filter((call) => call === 'execute')).to.have.length(1);
    });

    it('whose task takes too long are told to stop, and what it left counts', async () => {
      let isTold = false;
      const ended = await live(
        {
          execute: () => pending('task-8', 10),
          poll: () =>
            isTold
              ? failed('Stopped', 'as asked', { retryable: false, effect: 'some' })
              : pending('task-8', 10),
          cancel: (_context, task) => {
            isTold = task === 'task-8';
          },
        },
        FAILED,
        'make',
        { timeoutMs: 1_000, attempts: 1 },
      );
      expect(ended).to.include({ state: StepState.FAILED, effect: Effect.SOME });
      expect(ended.error).to.include({ reason: 'STEP_TIMEOUT' });
    });

    it('show how far a call says that it is', async () => {
      const gate = createGate();
      rig.script.script(id, 'a', async (context) => {
        context.progress(30, 'formatting');
        return await gate.pass(context);
      });
      const { name } = await rig.submit(planOf(step('a')), { workflowId: id });
      await eventually(async () => {
        expect(await rig.step(name, 'a')).to.include({ progressPercent: 30, progressMessage: 'formatting' });
      });
      gate.open();
      await rig.restedAs(name, SUCCEEDED);
    });

    it('of unknown outcome are probed: what was done is not done again', async () => {
      const ended = await live({ execute: broken, probe: () => done({ found: true }) }, SUCCEEDED, 'probed');
      expect(ended).to.deep.include({ attempts: 1, output: { found: true } });
      expect(kinds()).to.deep.equal(['execute', 'probe']);
      const [call, probe] = rig.script.callsOf(id, 'a').map(({ context }) => context);
      expect(probe!.idempotencyKey).to.equal(call!.idempotencyKey);
      // Or the fence at the far end would let the lost call pass after the probe.
      expect(probe!.fencingToken.revision).to.be.greaterThan(call!.fencingToken.revision);
    });

    it('of unknown outcome are probed: what was not done is done', async () => {
      let calls = 0;
      const script = { execute: () => (++calls === 1 ? broken() : done()), probe: () => notDone('none') };
      const ended = await live(script, SUCCEEDED, 'probed');
      expect(ended.attempts).to.equal(2);
      expect(kinds()).to.deep.equal(['execute', 'probe', 'execute']);
    });

    it('of unknown outcome are probed until that can tell', async () => {
      let probes = 0;
      const script = {
        execute: broken,
        probe: () =>
          ++probes < 3 ? (probes === 1 ? unknown('cannot see') : broken()) : pending('task-9', 10),
        poll: () => done(),
      };
      await live(script, SUCCEEDED, 'probed');
      expect(kinds()).to.deep.equal(['execute', 'probe', 'probe', 'probe', 'poll']);
    });

    it('of unknown outcome are repeated where the method may be', async () => {
      let calls = 0;
      const ended = await live({ execute: () => (++calls === 1 ? broken() : done()) }, SUCCEEDED, 'make');
      expect(results(ended)).to.deep.equal(['unknown', 'done']);
      const keys = rig.script.callsOf(id, 'a').map(({ context }) => context.idempotencyKey);
      expect(keys[0]).to.equal(keys[1]);
    });

    it('over their time are told to stop; what was not done is a timeout', async () => {
      let wasTold = false;
      const script = {
        execute: async (context: Parameters<typeof untilStopped>[0]) => {
          context.signal.addEventListener('abort', () => (wasTold = true));
          return await untilStopped(context);
        },
        probe: () => notDone('none'),
      };
      const ended = await live(script, FAILED, 'probed', { timeoutMs: 1_000, attempts: 1 });
      expect(wasTold).to.equal(true);
      expect(ended).to.include({ state: StepState.FAILED, effect: Effect.NONE });
      expect(ended.error).to.include({ reason: 'STEP_TIMEOUT' });
    });

    it('of unknown outcome that can be neither probed nor repeated wait for a person, with an incident', async () => {
      rig.script.script(id, 'a', broken);
      const plan = planOf(step('a', 'blind'), step('b', 'make', { needs: ['a'] }), step('c'));
      const { name } = await rig.submit(plan, { workflowId: id });
      const workflow = await eventually(async () => {
        const found = await rig.get(name);
        expect(found.counts).to.include({ unknown: 1, pending: 1, succeeded: 1 });
        return found;
      });
      // Neither failed nor done, so nothing is undone: what does not depend on it went on, and now a person is wanted.
      const rested = await rig.restedAs(name, WorkflowState.SUSPENDED);
      expect(rested.suspension).to.include({ actor: 'steplock', step: 'a' });
      expect(await rig.step(name, 'a')).to.include({
        state: StepState.UNKNOWN,
        effect: Effect.UNKNOWN,
        attempts: 1,
      });
      expect(kinds()).to.deep.equal(['execute']);
      expect(rig.script.callsOf(id, 'b')).to.deep.equal([]);
      const [incidentName = ''] = workflow.incidents;
      const { incident } = await rig.client.incidents.getIncident({ name: incidentName });
      expect(incident).to.include({ workflow: name, step: `${name}/steps/a`, effect: Effect.UNKNOWN });
      expect(incident).to.deep.include({ waysOut: ['RETRY', 'DONE', 'UNDONE', 'SKIP'] });
      expect(incident!.error?.message).to.include('the line was cut');
    });
  });
}
