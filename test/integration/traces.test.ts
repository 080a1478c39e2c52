/**
 * Traces, sent by real nodes to a receiver of OTLP: a workflow that crosses two nodes and a controller in a process of its
 * own is one trace, whoever has which part of it.
 */
import { Metadata } from '@grpc/grpc-js';
import { expect } from 'chai';
import {
  WorkflowServiceClient,
  SubmitWorkflowRequest,
} from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { clientOptions, insecure } from '../../src/grpc/channel.js';
import { connect } from '../../src/client/index.js';
import { eventually } from '../support/eventually.js';
import { on } from './support/cluster.js';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from './support/otlp-receiver.js';
import { planOf, step } from './support/plans.js';
import { startScript, startSteplock, type RunningProcess } from './support/processes.js';
import { requestId } from './support/rig.js';
import { freshPrefix, sharedEtcd } from './support/shared-etcd.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const callerId = '00f067aa0ba902b7';
const waitMs = 30_000;

async function listening(node: RunningProcess): Promise<string> {
  const [, address = ''] = await node.says(/^steplock listens at (\S+)$/m);
  return address;
}

/** Submits as a caller that is traced does; gives when it was answered. */
async function submitTraced(address: string, request: Partial<SubmitWorkflowRequest>): Promise<void> {
  const client = new WorkflowServiceClient(address, insecure(), clientOptions(true));
  const metadata = new Metadata();
  metadata.set('traceparent', `00-${traceId}-${callerId}-01`);
  const whole = { ...SubmitWorkflowRequest.fromPartial({ requestId: requestId() }), ...request };
  await new Promise<void>((resolve, reject) => {
    client.submitWorkflow(whole, metadata, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  client.close();
}

describe('Traces', function () {
  this.timeout(120_000);
  let receiver: OtlpReceiver;
  const running: RunningProcess[] = [];

  before(async () => {
    receiver = await startOtlpReceiver();
  });
  after(async () => {
    for (const process of running) process.kill('SIGTERM');
    await Promise.all(running.map(async ({ ended }) => await ended));
    await receiver.close();
  });

  const start = (args: readonly string[], env: Readonly<Record<string, string>>): RunningProcess => {
    const node = startSteplock([...args, '--listen', '127.0.0.1:0'], '', {
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '100' },
      ...env,
    });
    running.push(node);
    return node;
  };

  it('a workflow over two nodes and a remote controller is one trace, each part below what it is a part of', async () => {
    const { url } = await sharedEtcd();
    const store = ['server', '--etcd', url, '--etcd-prefix', freshPrefix(), '--lease-ttl', '3s'];
    const json = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
    const east = start([...store, '--node-id', 'east', '--neighborhood', 'east'], json);
    const west = start([...store, '--node-id', 'west', '--neighborhood', 'west'], json);
    const [address] = await Promise.all([listening(east), listening(west)]);
    const controller = startScript('remote-process.ts');
    running.push(controller);
    const [, endpoint = ''] = await controller.says(/^serves at (\S+)$/m);
    const client = await connect(address);
    await eventually(async () => {
      const { nodes } = await client.dispatcher.listNodes({});
      expect(nodes).to.have.length(2);
    }, waitMs);
    const register = { controllerId: 'remote', endpoint, requestId: requestId(), orchestrator: false };
    await client.dispatcher.registerController(register);
    const call = { controller: 'remote', with: { how: 'ok' } };
    const plan = planOf(
      { ...step('a', 'repeat', call), nodes: on('east') },
      { ...step('b', 'repeat', { ...call, needs: ['a'] }), nodes: on('west') },
    );
    await submitTraced(address, { workflowId: 'traced', plan });

    const one = async (name: string, of: string): Promise<ReceivedSpan> =>
      await eventually(() => {
        const found = receiver.spans.filter(
          (span) => span.name === name && (of === '' || span.parentSpanId === of || span.node === of),
        );
        expect(found, `${name} of ${of}`).to.have.length(1);
        return found[0]!;
      }, waitMs);
    const submit = await one('SubmitWorkflow', callerId);
    const workflow = await one('workflow', submit.spanId);
    const [a, b] = [await one('step a', submit.spanId), await one('step b', submit.spanId)];
    expect([a.node, b.node]).to.deep.equal(['east', 'west']);
    expect(workflow.attributes).to.include({ 'steplock.workflow': 'traced', 'steplock.state': 'succeeded' });
    for (const each of [a, b]) {
      const span = await one('remote/repeat execute', each.spanId);
      expect(span.node).to.equal(each.node);
      expect(span.attributes['steplock.outcome']).to.equal('done');
      // What the controller was called with, in its own process.
      const told = `00-${traceId}-${span.spanId}-01`;
      const said = new RegExp(
        `"step":"${String(each.attributes['steplock.step'])}".*"traceParent":"${told}"`,
      );
      expect(controller.output.out).to.match(said);
    }
    const spans = receiver.spans.filter((span) => span.attributes['steplock.workflow'] !== undefined);
    expect(spans.map((span) => span.traceId).every((id) => id === traceId)).to.equal(true);
    expect(receiver.spans.filter(({ isError }) => isError)).to.deep.equal([]);
    client.close();
  });

  it('sends protobuf unless told otherwise', async () => {
    const node = start(['dev', '--node-id', 'binary'], {});
    await submitTraced(await listening(node), {
      workflowId: 'binary',
      plan: planOf(step('a', 'echo', { controller: 'basic' })),
    });
    await eventually(() => {
      const sent = receiver.requests.filter(({ type }) => type === 'application/x-protobuf');
      expect(sent.map(({ path }) => path)).to.include('/v1/traces');
      const all = Buffer.concat(sent.map(({ body }) => body));
      expect(all.includes(Buffer.from(traceId, 'hex')) && all.includes('step a')).to.equal(true);
    }, waitMs);
  });

  it('is off without an endpoint, passes a trace on all the same, and refuses a protocol that is not there', async () => {
    const before = receiver.requests.length;
    const node = start(['dev'], { OTEL_EXPORTER_OTLP_ENDPOINT: '' });
    const controller = startScript('remote-process.ts');
    running.push(controller);
    const [, endpoint = ''] = await controller.says(/^serves at (\S+)$/m);
    const address = await listening(node);
    const client = await connect(address);
    const register = { controllerId: 'remote', endpoint, requestId: requestId(), orchestrator: false };
    await client.dispatcher.registerController(register);
    const plan = planOf(step('a', 'repeat', { controller: 'remote', with: { how: 'ok' } }));
    await submitTraced(address, { workflowId: 'untraced', plan });
    await controller.says(new RegExp(`"workflow":"untraced".*"traceParent":"00-${traceId}-${callerId}-01"`));
    client.close();
    node.kill('SIGTERM');
    expect(await node.ended).to.equal(0);
    expect(receiver.requests.slice(before).filter(({ body }) => body.includes('untraced'))).to.deep.equal([]);
    const wrong = start(['dev'], { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    expect(await wrong.ended).to.equal(2);
    expect(wrong.output.err).to.include('OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or http/json');
  });
});
