/** A controller in another process: every kind of answer, stops, secrets, and its death in the middle of a call. */
import { Server } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { JsonObject } from '../../src/controller.js';
import {
  ControllerServiceService,
  DescribeResponse,
} from '../../src/gen/wire/steplock/v1/controller_service.js';
import { StepState, WorkflowState, type Workflow } from '../../src/gen/wire/steplock/v1/workflow.js';
import { isReason } from '../../src/errors/index.js';
import { bindServer } from '../../src/grpc/channel.js';
import { eventually } from '../support/eventually.js';
import { planOf, step, type StepMore } from './support/plans.js';
import { startScript, type RunningProcess } from './support/processes.js';
import { requestId, startRig, type Rig } from './support/rig.js';

interface Call {
  readonly kind: string;
  readonly workflow: string;
  readonly step: string;
  readonly args: JsonObject;
}

/** The calls that the process says it got, for a workflow. */
function callsOf({ output }: RunningProcess, workflow: string): Call[] {
  const lines = output.out.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Call).filter((call) => call.workflow === workflow);
}

describe('Remote controllers', function () {
  this.timeout(40_000);
  let rig: Rig;
  let controller: RunningProcess;
  let endpoint: string;

  async function startController(address?: string): Promise<void> {
    process.env['STEPLOCK_SECRET_REMOTE'] = 'there';
    controller = startScript('remote-process.ts', ...(address === undefined ? [] : [address]));
    [, endpoint = ''] = await controller.says(/^serves at (\S+)$/m);
  }

  const register = async (controllerId: string, at: string): Promise<void> => {
    await rig.client.dispatcher.registerController({
      controllerId,
      endpoint: at,
      requestId: requestId(),
      orchestrator: false,
    });
  };

  before(async () => {
    rig = await startRig();
    await startController();
    await register('remote', endpoint);
  });
  after(async () => {
    controller.kill();
    await controller.ended;
    await rig.close();
  });

  const submit = async (
    workflowId: string,
    method: string,
    how: string,
    more: StepMore = {},
  ): Promise<Workflow> =>
    await rig.submit(
      planOf(step('a', method, { ...more, controller: 'remote', with: { how, ...more.with } })),
      {
        workflowId,
      },
    );
  const kindsOf = (workflow: string): string[] => callsOf(controller, workflow).map(({ kind }) => kind);
  const untilCalled = async (workflow: string, kind: string): Promise<void> => {
    await eventually(() => {
      expect(kindsOf(workflow)).to.include(kind);
    }, 10_000);
  };

  it('answers done, pending and failed, and looks up its own secrets', async () => {
    const password = { $secret: { env: 'STEPLOCK_SECRET_REMOTE' } };
    const ok = await submit('ok', 'repeat', 'ok', { with: { password } });
    const later = await submit('later', 'repeat', 'pending');
    const no = await submit('no', 'repeat', 'fail');
    await rig.restedAs(ok.name, WorkflowState.SUCCEEDED);
    expect(callsOf(controller, 'ok')[0]?.args['password']).to.equal('there');
    await rig.restedAs(later.name, WorkflowState.SUCCEEDED);
    expect(kindsOf('later')).to.deep.equal(['execute', 'poll']);
    expect((await rig.step(later.name, 'a')).output).to.deep.equal({ task: 'task-1' });
    await rig.restedAs(no.name, WorkflowState.ROLLED_BACK);
    expect((await rig.step(no.name, 'a')).error).to.include({
      message: 'NoRoom: no room here',
      retryable: false,
    });
    expect(rig.log.text).to.not.contain('"there"');
  });

  it('adds steps, and is told by their failure when they are none', async () => {
    const { name } = await submit('adds', 'repeat', 'add', { with: { steps: 1 } });
    await rig.restedAs(name, WorkflowState.SUCCEEDED);
    expect(callsOf(controller, 'adds').map((call) => call.step)).to.deep.equal(['a', 'a-x']);
    const { addedBy, spec } = await rig.step(name, 'a-x');
    expect([addedBy, spec?.timeout?.seconds]).to.deep.equal(['a', '30']);
    const refused = await submit('adds-wrongly', 'repeat', 'add', { with: { steps: 2 } });
    await rig.restedAs(refused.name, WorkflowState.ROLLED_BACK);
    const { error } = await rig.step(refused.name, 'a');
    expect(error?.message).to.equal('added_steps[1].id: must begin with "a-"');
  });

  it('is told to stop by a cancellation and by a deadline', async () => {
    const cancelled = await submit('cancelled', 'repeat', 'hang');
    await untilCalled('cancelled', 'execute');
    await rig.client.workflows.cancelWorkflow({
      name: cancelled.name,
      requestId: requestId(),
      actor: '',
      reason: '',
      keep: false,
      runningSteps: 2,
    });
    await untilCalled('cancelled', 'aborted');
    await submit('late', 'repeat', 'hang', { timeoutMs: 1_000, attempts: 1 });
    await untilCalled('late', 'aborted');
    await eventually(async () => {
      expect((await rig.step('workflows/late', 'a')).state).to.equal(StepState.UNKNOWN);
    }, 10_000);
  });

  it('dies in the middle of calls: each goes on as its method declares, once it is back', async () => {
    for (const method of ['repeat', 'probe', 'blind']) await submit(`dies-${method}`, method, 'hang');
    for (const method of ['repeat', 'probe', 'blind']) await untilCalled(`dies-${method}`, 'execute');
    controller.kill();
    await controller.ended;
    await startController(endpoint);
    await untilCalled('dies-repeat', 'execute');
    await untilCalled('dies-probe', 'probe');
    await eventually(async () => {
      expect((await rig.step('workflows/dies-blind', 'a')).state).to.equal(StepState.UNKNOWN);
    }, 10_000);
    expect(kindsOf('dies-repeat')[0]).to.equal('execute');
    expect(kindsOf('dies-probe')[0]).to.equal('probe');
    expect(kindsOf('dies-blind')).to.deep.equal([]);
  });

  it('is not registered when nobody answers, or when what it says of itself is unsound', async () => {
    const reasonOf = async (at: string): Promise<string> => {
      try {
        await register('unsound', at);
        return 'registered';
      } catch (error) {
        for (const reason of ['CONTROLLER_UNAVAILABLE', 'INVALID_FIELD'] as const)
          if (isReason(error, reason)) return reason;
        throw error;
      }
    };
    expect(await reasonOf('127.0.0.1:1')).to.equal('CONTROLLER_UNAVAILABLE');
    const method = { name: 'make', argumentsSchema: '{"type": "nonsense"}' };
    const server = new Server();
    const describe = (_call: unknown, answer: (error: null, response: DescribeResponse) => void): void => {
      answer(null, DescribeResponse.fromPartial({ kind: 'x', methods: [method] }));
    };
    server.addService(
      { describe: ControllerServiceService.describe },
      {
        describe,
      },
    );
    expect(await reasonOf(await bindServer(server, '127.0.0.1:0'))).to.equal('INVALID_FIELD');
    server.forceShutdown();
    const { controllers } = await rig.client.dispatcher.listControllers({});
    expect(controllers.map(({ name }) => name)).to.deep.equal([
      'controllers/basic',
      'controllers/inventory',
      'controllers/remote',
      'controllers/storage',
      'controllers/test',
    ]);
  });
});
