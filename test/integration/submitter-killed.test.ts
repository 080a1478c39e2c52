/** Whoever submits may die at once: a workflow needs no client, and there is all of it or nothing. */
import { expect } from 'chai';
import { isReason } from '../../src/errors/index.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { startScript } from './support/processes.js';
import { freshStore, startRig, storeKinds, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

const count = 40;
/** More than one chunk of a plan: several transactions each. */
const planBytes = 600_000;

for (const kind of storeKinds) {
  describe(`A submitter that is killed: ${kind}`, function () {
    this.timeout(60_000);
    let rig: Rig;

    beforeEach(async () => {
      rig = await startRig({ store: await freshStore(kind) });
    });
    afterEach(async () => {
      await rig.close();
    });

    it('right after the answer: the workflow runs to its end all the same', async () => {
      const gate = createGate();
      rig.script.script('w-0', 'first', async (context) => await gate.pass(context));
      const submitter = startScript('submitter-process.ts', rig.node.address);
      await submitter.says(/answered w-0\./);
      submitter.kill();
      expect(await submitter.ended).to.equal('SIGKILL');
      gate.open();
      await rig.restedAs('workflows/w-0', WorkflowState.SUCCEEDED);
      expect(rig.script.order('w-0')).to.deep.equal(['first', 'last']);
    });

    it('before its answers: of each workflow there is all or nothing, and all that is there ends', async () => {
      const submitter = startScript(
        'submitter-process.ts',
        rig.node.address,
        String(count),
        String(planBytes),
      );
      await submitter.says(/answered w-\d+\./);
      submitter.kill();
      await submitter.ended;
      const answered = [...submitter.output.out.matchAll(/answered (w-\d+)\./g)].map(([, id = '']) => id);
      expect(answered.length, 'some were cut off').to.be.below(count);

      for (let index = 0; index < count; index++) {
        const id = `w-${index}`;
        const found = await rig.get(`workflows/${id}`).catch((error: unknown) => {
          if (isReason(error, 'WORKFLOW_NOT_FOUND')) return undefined;
          throw error;
        });
        if (found === undefined) {
          expect(answered, id).to.not.include(id);
          continue;
        }
        await rig.restedAs(found.name, WorkflowState.SUCCEEDED);
        expect(rig.script.order(id), id).to.deep.equal(['first', 'last']);
        expect(rig.script.callsOf(id, 'last')[0]?.args['text'], id).to.have.length(planBytes);
      }
      expect(rig.log.errors).to.deep.equal([]);
    });
  });
}
