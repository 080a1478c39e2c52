/**
 * Steps that a step adds while it runs: they come after it, before what waits for its group, and are undone before it;
 * what is asserted is what the controller was told to do, and what the API shows.
 */
import { expect } from 'chai';
import { done, failed, type JsonObject } from '../../src/controller.js';
import { StepSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import { WatchEvent } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { OnFailure, StepState, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { approval, child, output, planOf, settings, step } from './support/plans.js';
import { retry, verb } from './support/requests.js';
import { freshStore, keyFile, startRig, storeKinds, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';
import { planned, ScriptedOrchestrator } from './support/scripted-orchestrator.js';

const { SUCCEEDED, ROLLED_BACK, SUSPENDED } = WorkflowState;

/** Steps as a controller says them. */
const spec = (...args: Parameters<typeof step>): JsonObject => StepSpec.toJSON(step(...args)) as JsonObject;
const suspends = settings({ onFailure: OnFailure.SUSPEND });
const fails = () => failed('Bad', 'it failed', { retryable: false, effect: 'some' });

for (const kind of storeKinds) {
  describe(`Steps that a step adds (${kind})`, function () {
    this.timeout(30_000);
    let rig: Rig;
    let desk: ScriptedOrchestrator;
    let workflows = 0;
    let id = '';
    let name = '';

    before(async () => {
      desk = new ScriptedOrchestrator();
      const [store, secretKeyFile] = [await freshStore(kind), await keyFile()];
      rig = await startRig({ store, settings: { secretKeyFile }, orchestrators: { desk: desk.port } });
    });
    after(async () => {
      expect(rig.log.errors).to.deep.equal([]);
      await rig.close();
    });
    beforeEach(() => {
      id = `adds-${workflows++}`;
      name = `workflows/${id}`;
    });
    const adds = (by: string, ...steps: readonly JsonObject[]): void => {
      rig.script.script(id, by, () => done({ id: by }, steps));
    };
    const grouped = {
      steps: [step('a', 'make', { group: 'g' }), step('b', 'make', { needs: ['g'] })],
      groups: [{ id: 'g', dependsOn: [] }],
    };

    it('run after it, with its output, and before what waits for its group', async () => {
      adds(
        'a',
        spec('a-x', 'make', { with: { got: output('a', '/id') } }),
        spec('a-y', 'free', { needs: ['a-x'] }),
      );
      await rig.submit(grouped, { workflowId: id });
      const workflow = await rig.restedAs(name, SUCCEEDED);
      expect(rig.script.order(id)).to.deep.equal(['a', 'a-x', 'a-y', 'b']);
      expect(rig.script.callsOf(id, 'a-x')[0]?.args).to.deep.equal({ got: 'a' });
      expect([workflow.counts?.total, workflow.graphRevision]).to.deep.equal([4, 1]);
      const { steps } = await rig.client.workflows.listSteps({
        parent: name,
        pageSize: 10,
        pageToken: '',
        states: [],
      });
      const shown = steps.map((each) => [each.id, each.addedBy, each.spec?.group, each.waitsFor.join()]);
      expect(shown).to.deep.equal([
        ['a', '', 'g', ''],
        ['b', '', '', 'g'],
        ['a-x', 'a', 'g', 'a'],
        ['a-y', 'a', 'g', 'a-x,a'],
      ]);
    });

    it('may add steps themselves, wait for a person, and start children', async () => {
      desk.script('one', () => planned(planOf(step('x'))));
      const asks = StepSpec.toJSON(approval('a-ask')) as JsonObject;
      const starts = StepSpec.toJSON(child('a-sub', 'one', { needs: ['a-ask'] })) as JsonObject;
      adds('a', spec('a-x'), asks, starts);
      adds('a-x', spec('a-x-y', 'make'));
      await rig.submit(grouped, { workflowId: id });
      await rig.script.called(id, 'a-x-y');
      expect((await rig.step(name, 'a-ask')).state).to.equal(StepState.WAITING);
      await rig.client.workflows.approveStep(retry(name, 'a-ask'));
      const workflow = await rig.restedAs(name, SUCCEEDED);
      expect(workflow.graphRevision).to.equal(2);
      expect((await rig.step(name, 'a-sub')).child).to.not.equal('');
      expect((await rig.step(name, 'a-x-y')).addedBy).to.equal('a-x');
    });

    it('are undone before the step that added them, when one of them fails', async () => {
      adds('a', spec('a-x'), spec('a-y', 'make', { needs: ['a-x'] }));
      rig.script.script(id, 'a-y', fails);
      await rig.submit(grouped, { workflowId: id });
      await rig.restedAs(name, ROLLED_BACK);
      expect(rig.script.order(id)).to.deep.equal(['a', 'a-x', 'a-y', 'undo.a-y', 'undo.a-x', 'undo.a']);
      expect((await rig.step(name, 'b')).state).to.equal(StepState.CANCELLED);
    });

    it('can be retried, and are seen by who watches', async () => {
      const gate = createGate();
      adds('a', spec('a-x'));
      let tries = 0;
      rig.script.script(id, 'a-x', async (context) => {
        tries += 1;
        return tries === 1 ? fails() : await gate.pass(context);
      });
      await rig.submit(grouped, { workflowId: id, settings: suspends });
      await rig.restedAs(name, SUSPENDED);
      const seen = new Set<string>();
      const watch = rig.client.workflows.watchWorkflow({ name, startRevision: '0' });
      await rig.client.workflows.retryStep(retry(name, 'a-x'));
      await rig.client.workflows.resumeWorkflow(verb(name));
      await rig.script.called(id, 'a-x', 'execute', 2);
      gate.open();
      for await (const { event, steps, workflow } of watch) {
        if (event === WatchEvent.BOOKMARK) continue;
        for (const each of steps) seen.add(each.id);
        expect(workflow?.graphRevision).to.equal(1);
      }
      expect([...seen].sort()).to.deep.equal(['a', 'a-x', 'b']);
      await rig.restedAs(name, SUCCEEDED);
    });

    it('have the secrets that they hold in clear sealed', async () => {
      const clear = spec('a-x', 'typed', {
        with: { name: 'n', password: { $secret: { value: 'opensesame' } } },
      });
      adds('a', clear);
      rig.script.script(id, 'a-x', () => done({ id: 'x' }));
      await rig.submit(grouped, { workflowId: id });
      await rig.restedAs(name, SUCCEEDED);
      expect(rig.script.callsOf(id, 'a-x')[0]?.args).to.include({ password: 'opensesame' });
      const { kvs } = await rig.store.list({ start: '', end: '~' });
      expect(
        kvs.filter((kv) => Buffer.from(kv.value).includes('opensesame')).map(({ key }) => key),
      ).to.deep.equal([]);
    });

    it('are refused with a secret of the call outside of $secret', async () => {
      const args = { name: 'n', password: { $secret: { value: 'opensesame' } } };
      rig.script.script(id, 'a', () =>
        done({ id: 'a' }, [spec('a-x', 'make', { with: { text: '-opensesame-' } })]),
      );
      await rig.submit(planOf(step('a', 'typed', { with: args })), { workflowId: id });
      await rig.restedAs(name, ROLLED_BACK);
      expect((await rig.step(name, 'a')).error?.message).to.include(
        'added_steps[0]: holds a secret in clear',
      );
    });

    const refusals: Record<string, readonly [JsonObject[], string]> = {
      'an id that is not its own': [[spec('b-x')], 'added_steps[0].id: must begin with "a-"'],
      'a method that is not there': [[spec('a-x', 'nothing')], 'added_steps[0].call.method: '],
      'a lock that the workflow does not have': [
        [spec('a-x', 'make', { locks: [{ resource: 'pool', mode: 1 }] })],
        'added_steps[0].locks[0]: the workflow does not lock "pool"',
      ],
      'a secret where none belongs': [
        [spec('a-x', 'make', { with: { text: { $secret: { value: 'opensesame' } } } })],
        'added_steps[0].call.arguments/text: ',
      ],
      'too many': [Array.from({ length: 101 }, (_, n) => spec(`a-${n}`)), 'at most 100 are allowed'],
      'too much': [
        [spec('a-x', 'make', { with: { text: 'x'.repeat(140_000) } })],
        'at most 131072 are allowed',
      ],
      'no steps at all': [['a-x'] as never, 'added_steps[0]: is no steplock.v1.StepSpec'],
      'no list': ['a-x' as never, 'added_steps: is no list'],
    };
    for (const [what, [steps, message]] of Object.entries(refusals)) {
      it(`are refused for ${what}: the step has failed, and is undone`, async () => {
        rig.script.script(id, 'a', () => ({ kind: 'done', output: {}, steps }));
        await rig.submit(grouped, { workflowId: id });
        const workflow = await rig.restedAs(name, ROLLED_BACK);
        const { error } = await rig.step(name, 'a');
        expect(error?.reason).to.equal('INVALID_OUTPUT');
        expect(error?.message).to.include(message);
        expect(rig.script.order(id)).to.deep.equal(['a', 'undo.a']);
        expect(workflow.graphRevision).to.equal(0);
      });
    }

    it('are refused from an undo, which a person then decides', async () => {
      rig.script.script(id, 'a', fails);
      adds('undo.a', spec('a-x'));
      await rig.submit(grouped, { workflowId: id });
      await rig.restedAs(name, WorkflowState.ROLLBACK_BLOCKED);
      expect((await rig.step(name, 'undo.a')).error?.message).to.equal('added_steps: an undo adds no steps');
    });
  });
}
