/** A node that listens and has not heard of its store yet: what it does not know is not taken for absent. */
import { WorkflowServiceService } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { DispatcherServiceService } from '../../src/gen/wire/steplock/v1/dispatcher_service.js';
import { SubmitWorkflowRequest } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { planOf, step } from './support/plans.js';
import { refused } from './support/refusal.js';
import { requestId, startRig, type Rig } from './support/rig.js';
import { freshPrefix, sharedEtcd } from './support/shared-etcd.js';

describe('A node that does not know its store yet', function () {
  this.timeout(20_000);
  let proxy: TcpProxy;
  let rig: Rig;

  before(async () => {
    const { port } = await sharedEtcd();
    proxy = await TcpProxy.start(port);
    proxy.pause('toServer');
    const store = {
      kind: 'etcd',
      endpoints: [proxy.url],
      prefix: freshPrefix(),
      quotaBytes: undefined,
    } as const;
    rig = await startRig({ store, waitsForJoin: false });
  });
  after(async () => {
    proxy.resume();
    await rig.close();
    await proxy.stop();
  });

  it('sends callers on: no plan is refused for a controller that may be registered, no list is empty', async () => {
    const plan = planOf(step('a', 'make', { controller: 'registered-elsewhere' }));
    const request = SubmitWorkflowRequest.fromPartial({ requestId: requestId(), plan });
    await refused(rig, WorkflowServiceService.submitWorkflow, request, 'SHUTTING_DOWN');
    await refused(rig, DispatcherServiceService.listControllers, {}, 'SHUTTING_DOWN');
    await refused(rig, DispatcherServiceService.listNodes, {}, 'SHUTTING_DOWN');

    proxy.resume();
    await rig.node.joined();
    await refused(rig, WorkflowServiceService.submitWorkflow, request, 'INVALID_PLAN');
    const { name } = await rig.submit(planOf(step('a')));
    await rig.restedAs(name, WorkflowState.SUCCEEDED);
  });
});
