/**
 * A cluster whose etcd has little room, under load: new work is refused by name before etcd stops taking writes,
 * what runs comes to its end, and once finished workflows are deleted all goes on without anybody's help.
 */
import { expect } from 'chai';
import {
  SubmitWorkflowRequest,
  WorkflowServiceService as api,
} from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import type { StoreSettings } from '../../src/config/settings.js';
import { startEtcd, type EtcdProcess } from '../support/etcd.js';
import { eventually } from '../support/eventually.js';
import { planOf, step } from './support/plans.js';
import { callRaw, type RawRefusal } from './support/raw-call.js';
import { requestId, startRig, storeKinds, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';

const quotaBytes = 16 * 1024 * 1024;
/** What one workflow of the load puts into the store, about. */
const loadBytes = 200_000;
/** From this share of the quota on new work is refused. */
const refuseShare = 0.75;
const fillMs = 30_000;
const comesBackMs = 60_000;

/** Submits until that is refused because of what is written, and not of what is on its way; gives all of it. */
async function fill(rig: Rig): Promise<{ readonly names: string[]; readonly refusal: RawRefusal }> {
  const names: string[] = [];
  const refusal = await eventually(async () => {
    const answer = await submitLoad(rig);
    if (typeof answer === 'string') {
      names.push(answer);
      throw new Error(`${names.length} workflows of ${loadBytes} bytes were taken`);
    }
    const writtenBytes = Number(answer.infos[0]?.metadata['total_bytes']);
    if (!(writtenBytes + 1.1 * loadBytes >= refuseShare * quotaBytes)) throw new Error(answer.details);
    return answer;
  }, fillMs);
  return { names, refusal };
}

async function submitLoad({ raw }: Rig): Promise<string | RawRefusal> {
  const plan = planOf(step('a', 'free', { with: { text: 'x'.repeat(loadBytes) } }));
  const request = { ...SubmitWorkflowRequest.fromPartial({ requestId: requestId() }), plan };
  const answer = await callRaw(raw, api.submitWorkflow, request);
  return answer.ok ? (answer.response.workflow?.name ?? '') : answer.refusal;
}

for (const kind of storeKinds) {
  describe(`A store with little room: ${kind}`, function () {
    this.timeout(2 * comesBackMs);
    let etcd: EtcdProcess | undefined;
    let rig: Rig;

    before(async () => {
      let store: StoreSettings = { kind: 'embedded', dataDir: undefined, quotaBytes };
      if (kind === 'etcd') {
        etcd = await startEtcd(`--quota-backend-bytes=${quotaBytes}`);
        store = { kind, endpoints: [etcd.url], prefix: '/full/', quotaBytes: undefined };
      }
      rig = await startRig({ store });
    });
    after(async () => {
      await rig.close();
      await etcd?.stop();
    });

    it('refuses new work, ends what runs, and takes new work again once there is room', async () => {
      const gate = createGate();
      rig.script.script('runs', 'a', async (context) => await gate.pass(context));
      const runs = await rig.submit(planOf(step('a'), step('b', 'make', { needs: ['a'] })), {
        workflowId: 'runs',
      });
      await rig.script.called('runs', 'a');

      const { names, refusal } = await fill(rig);
      expect(refusal.code).to.equal('RESOURCE_EXHAUSTED');
      const [info] = refusal.infos;
      expect(info?.reason).to.equal('STORE_FULL');
      expect(Number(info?.metadata['quota_bytes'])).to.equal(quotaBytes);
      expect(refusal.hasRetryInfo).to.equal(true);
      expect(await rig.store.space(), 'refused before the store stops').to.include({
        isFull: false,
        quotaBytes,
      });

      gate.open();
      await rig.restedAs(runs.name, WorkflowState.SUCCEEDED);
      for (const name of names) await rig.restedAs(name, WorkflowState.SUCCEEDED);

      for (const name of names) {
        await rig.client.workflows.deleteWorkflow({ name, requestId: requestId(), actor: '' });
      }
      const name = await eventually(async () => {
        const answer = await submitLoad(rig);
        if (typeof answer !== 'string') throw new Error(answer.details);
        return answer;
      }, comesBackMs);
      await rig.restedAs(name, WorkflowState.SUCCEEDED);
      expect(rig.log.errors).to.deep.equal([]);
    });
  });
}
