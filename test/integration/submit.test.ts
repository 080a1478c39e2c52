/**
 * A submission happens once, however often it is sent: a client that hears nothing sends it again, and must not get a
 * second volume. And a plan of any size that is allowed is stored whole or not at all.
 */
import { expect } from 'chai';
import { StepState, WorkflowState, type Workflow } from '../../src/gen/wire/steplock/v1/workflow.js';
import {
  WorkflowServiceService as Service,
  type SubmitWorkflowRequest,
} from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { connect } from '../../src/client/index.js';
import { eventually } from '../support/eventually.js';
import { chain, output, planOf, settings, step } from './support/plans.js';
import { callRaw } from './support/raw-call.js';
import { asRefusal, metadataOf, refused } from './support/refusal.js';
import { submission } from './support/requests.js';
import { freshStore, startRig, storeKinds, stateOf, type Rig } from './support/rig.js';

const kibibyte = 1024;

/** A plan of some hundred KiB: more than goes into one transaction with the head. */
function largePlan(kibibytes: number, steps = 1): SubmitWorkflowRequest['plan'] {
  const size = Math.floor((kibibytes * kibibyte) / steps);
  return planOf(
    ...Array.from({ length: steps }, (_, n) =>
      step(`s${n}`, 'free', { with: { filling: 'x'.repeat(size) } }),
    ),
  );
}

for (const kind of storeKinds) {
  describe(`Submitting (${kind})`, function () {
    this.timeout(30_000);
    let rig: Rig;

    before(async () => {
      rig = await startRig({ store: await freshStore(kind), logLevel: 'info' });
    });

    after(async () => {
      expect(rig.log.errors).to.deep.equal([]);
      await rig.close();
    });

    const submitted = async (request: SubmitWorkflowRequest): Promise<Workflow> =>
      (await rig.client.workflows.submitWorkflow(request)).workflow!;

    const heads = async (): Promise<number> =>
      (await rig.keys()).filter((key) => key.startsWith('head/')).length;

    it('answers with the workflow as it begins, its defaults filled in', async () => {
      const workflow = await submitted(submission(chain('a', 'b')));
      expect(stateOf(workflow)).to.equal('RUNNING');
      expect(workflow).to.include({ actor: 'anonymous' });
      expect(workflow.planHash).to.match(/^[0-9a-f]{64}$/);
      expect(workflow.settings).to.include({ tenant: 'default', priority: 5 });
      expect(workflow.counts).to.include({ total: 2, succeeded: 0 });
      await rig.restedAs(workflow.name, WorkflowState.SUCCEEDED);
      const found = await rig.step(workflow.name, 'a');
      expect(found.spec?.retry).to.deep.include({ maxAttempts: 3, multiplier: 2 });
      expect(found.spec?.undo?.way?.$case).to.equal('call');
    });

    it('of one request twice makes one workflow, which is run once', async () => {
      const request = submission(chain('a', 'b'), { actor: 'ann' });
      const first = await submitted(request);
      const again = await submitted(request);
      expect(again).to.include({ name: first.name, uid: first.uid, actor: 'ann', planHash: first.planHash });
      const before = await heads();
      await rig.restedAs(first.name, WorkflowState.SUCCEEDED);
      const after = await submitted(request);
      expect(after).to.include({ name: first.name, uid: first.uid });
      expect(await heads()).to.equal(before);
      expect(rig.script.callsOf(first.name.slice(10)).map((call) => call.step)).to.deep.equal(['a', 'b']);
    });

    it('of another body under the same request id is refused', async () => {
      const request = submission(chain('a'));
      await submitted(request);
      const before = await heads();
      for (const other of [
        { ...request, plan: chain('b') },
        { ...request, actor: 'ben' },
      ]) {
        const refusal = await refused(rig, Service.submitWorkflow, other, 'REQUEST_ID_REUSED');
        expect(metadataOf(refusal)).to.include({ request_id: request.requestId });
      }
      expect(await heads()).to.equal(before);
    });

    it('of one request fifty times at once makes one workflow', async () => {
      const warnings: Error[] = [];
      const onWarning = (warning: Error): void => void warnings.push(warning);
      process.on('warning', onWarning);
      const request = submission(chain('a', 'b'));
      const before = await heads();
      const answers = await Promise.all(Array.from({ length: 50 }, async () => await submitted(request)));
      expect(new Set(answers.map(({ uid }) => uid)).size).to.equal(1);
      expect(await heads()).to.equal(before + 1);
      const { name } = await rig.restedAs(answers[0]!.name, WorkflowState.SUCCEEDED);
      process.off('warning', onWarning);
      expect(warnings, 'of too many listeners').to.deep.equal([]);
      expect(rig.script.callsOf(name.slice(10))).to.have.length(2);
    });

    it('of one large request ten times at once makes one workflow', async () => {
      const request = submission(largePlan(600)!);
      const before = await heads();
      const answers = await Promise.all(Array.from({ length: 10 }, async () => await submitted(request)));
      expect(new Set(answers.map(({ uid }) => uid)).size).to.equal(1);
      expect(await heads()).to.equal(before + 1);
      await rig.restedAs(answers[0]!.name, WorkflowState.SUCCEEDED);
    });

    it('of ten requests for one id gives it to one of them', async () => {
      const requests = Array.from({ length: 10 }, () => submission(chain('a'), { workflowId: 'wanted' }));
      const answers = await Promise.all(
        requests.map(async (request) => await callRaw(rig.raw, Service.submitWorkflow, request)),
      );
      const lost = answers.filter(({ ok }) => !ok);
      expect(lost).to.have.length(9);
      for (const answer of lost) {
        expect(metadataOf(asRefusal(answer, 'WORKFLOW_EXISTS'))).to.include({ name: 'workflows/wanted' });
      }
      await rig.restedAs('workflows/wanted', WorkflowState.SUCCEEDED);
    });

    for (const [size, plan] of [
      ['small', chain('a')],
      ['over 256 KiB', largePlan(300)!],
    ] as const) {
      it(`under a taken id is refused and leaves nothing: a plan that is ${size}`, async () => {
        const workflowId = `taken-${size.length}`;
        await rig.run(chain('a'), { workflowId });
        const before = await rig.keys();
        await refused(rig, Service.submitWorkflow, submission(plan, { workflowId }), 'WORKFLOW_EXISTS');
        expect(await rig.keys()).to.deep.equal(before);
      });
    }

    it('of a plan of 3.9 MiB in 100 steps stores and runs all of it', async () => {
      const plan = largePlan(3_900, 100)!;
      const workflow = await submitted(submission(plan));
      await rig.restedAs(workflow.name, WorkflowState.SUCCEEDED);
      const calls = rig.script.callsOf(workflow.name.slice(10));
      expect(calls).to.have.length(100);
      for (const { args } of calls) expect(args['filling']).to.have.length(39 * kibibyte);
    });

    it('of 3,000 steps that wait for one, and one that waits for them all, runs them all', async () => {
      const ids = Array.from({ length: 3_000 }, (_, n) => `s${n}`);
      const plan = planOf(
        step('first'),
        ...ids.map((id) => step(id, 'free', { needs: ['first'] })),
        step('last', 'free', { needs: ids }),
      );
      const workflow = await submitted(submission(plan));
      const { counts } = await rig.restedAs(workflow.name, WorkflowState.SUCCEEDED, 25_000);
      expect(counts).to.include({ total: 3_002, succeeded: 3_002 });
      const order = rig.script.order(workflow.name.slice(10));
      expect([order[0], order.at(-1), order.length]).to.deep.equal(['first', 'last', 3_002]);
    });

    it('insists on a hash: on that of the preview it runs, on another it is refused', async () => {
      const plan = planOf(step('a'), step('b', 'free', { with: { from: output('a', '/made') } }));
      const source = { $case: 'plan' as const, value: plan };
      const { planHash } = await rig.client.workflows.planWorkflow({ source });
      const before = await rig.keys();
      await refused(
        rig,
        Service.submitWorkflow,
        submission(plan, { planHash: 'f'.repeat(64) }),
        'PLAN_CHANGED',
      );
      expect(await rig.keys()).to.deep.equal(before);
      const workflow = await submitted(submission(plan, { planHash }));
      expect(workflow.planHash).to.equal(planHash);
      await rig.restedAs(workflow.name, WorkflowState.SUCCEEDED);
    });

    it('for a later time waits for it, and then runs', async () => {
      const startTime = new Date(Date.now() + 1_000);
      const workflow = await submitted(submission(chain('a'), { settings: settings({ startTime }) }));
      expect(stateOf(workflow)).to.equal('SCHEDULED');
      expect((await rig.step(workflow.name, 'a')).state).to.equal(StepState.PENDING);
      const { startTime: began } = await rig.restedAs(workflow.name, WorkflowState.SUCCEEDED);
      expect(began?.getTime()).to.be.at.least(startTime.getTime());
    });

    it('is all that a client has to do: it may go away before anything has run', async () => {
      const submitter = await connect(rig.node.address);
      const request = submission(chain('a', 'b', 'c'), { workflowId: `orphan-${kind}` });
      await submitter.workflows.submitWorkflow(request);
      submitter.close();
      await eventually(() => {
        expect(rig.script.order(`orphan-${kind}`)).to.deep.equal(['a', 'b', 'c']);
      });
    });
  });
}
