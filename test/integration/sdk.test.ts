/** The SDK against real nodes: connecting, going over to another node, following workflows to their ends. */
import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { failed } from '../../src/controller.js';
import {
  connect,
  controller,
  newPlan,
  watchAll,
  type SteplockClient,
  type WorkflowUpdate,
} from '../../src/client/index.js';
import { SteplockError } from '../../src/errors/index.js';
import { eventually } from '../support/eventually.js';
import { rejection } from '../support/rejection.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { Cluster } from './support/cluster.js';
import { createGate } from './support/scripted-controller.js';

type Free = { args: object; output: { made: string } };
const test = controller<{
  make: { args: { x?: string }; output: { made: string } };
  unmake: Free;
  free: Free;
}>('test');
const nobody = '127.0.0.1:1';
const portOf = (endpoint: string): number => Number(endpoint.split(':').at(-1));

const metadataOf = (error: unknown): unknown => (error instanceof SteplockError ? error.metadata : undefined);

/** Takes connections and says nothing. */
async function silentPeer(): Promise<{ readonly endpoint: string; readonly stop: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  // A socket that nobody reads does not hear that the other side has closed, and would keep this process.
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const stop = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { endpoint: `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, stop };
}

describe('The SDK', function () {
  this.timeout(40_000);
  let cluster: Cluster;
  let client: SteplockClient;
  let silent: Awaited<ReturnType<typeof silentPeer>>;
  let proxies: readonly TcpProxy[];
  let endpoints: readonly string[];

  before(async () => {
    cluster = await Cluster.start('n1', 'n2');
    silent = await silentPeer();
    proxies = await Promise.all(
      cluster.rigs.map(async ({ node }) => await TcpProxy.start(portOf(node.address))),
    );
    endpoints = proxies.map(({ url }) => url.slice('http://'.length));
  });
  after(async () => {
    client.close();
    await Promise.all(
      proxies.map(async (proxy) => {
        await proxy.stop();
      }),
    );
    await cluster.close();
    silent.stop();
  });
  beforeEach(async () => {
    client = await connect(endpoints, { actor: 'ann' });
  });
  afterEach(() => {
    client.close();
  });

  const plan = newPlan();
  const first = plan.call('a', test('make'), { with: { x: 'y' } });
  plan.call('b', test('free'), { needs: [first] });
  const two = plan.build({ got: first.output.made });

  it('connects to whoever answers, and passes over a peer that refuses and one that says nothing', async () => {
    const one = await connect([nobody, silent.endpoint, endpoints[0]!], { timeoutMs: 20_000 });
    expect(one.endpoint).to.equal(endpoints[0]);
    expect(
      (await one.workflows.listWorkflows({ pageSize: 1, pageToken: '', filter: undefined })).workflows,
    ).to.be.an('array');
    one.close();
  });

  it('gives up in time, and says whom it asked', async () => {
    for (const asked of [nobody, silent.endpoint, [nobody, silent.endpoint]]) {
      const error = await rejection(connect(asked, { timeoutMs: 300 }));
      expect(error).to.include({ reason: 'STORE_UNAVAILABLE', retry: 'same-request' });
      expect(metadataOf(error)).to.deep.equal({ endpoint: [asked].flat().join(', ') });
    }
    const abort = new AbortController();
    const attempt = rejection(connect(silent.endpoint, { timeoutMs: 60_000, signal: abort.signal }));
    abort.abort(new Error('enough'));
    expect(await attempt).to.have.property('message', 'enough');
  });

  it('a call to a node that stops answering ends in its time, or is answered by another', async () => {
    const single = await connect(endpoints[0]!);
    proxies[0]!.pause('toClient');
    try {
      const late = single.workflow('nobody').get({ timeoutMs: 300 });
      expect(await rejection(late)).to.have.property('reason', 'DEADLINE_EXCEEDED');
      expect(await rejection(client.workflow('nobody').get({ timeoutMs: 10_000 }))).to.have.property(
        'reason',
        'WORKFLOW_NOT_FOUND',
      );
      expect(client.endpoint).to.equal(endpoints[1]);
      const abort = new AbortController();
      const given = rejection(single.workflow('nobody').get({ timeoutMs: 60_000, signal: abort.signal }));
      abort.abort();
      expect(await given).to.have.property('reason', 'CANCELLED');
    } finally {
      proxies[0]!.resume();
      single.close();
    }
  });

  it('submits, waits and gives the typed output', async () => {
    const handle = await client.submit(two, { workflowId: 'sdk-one', labels: { of: 'test' } });
    const ended = await handle.result({ timeoutMs: 20_000 });
    expect(ended.state === 'SUCCEEDED' && ended.output.got).to.equal('a');
    expect((await handle.steps()).map(({ id }) => id)).to.deep.equal(['a', 'b']);
    expect((await handle.get()).actor).to.equal('ann');
    expect((await client.preview(two)).waves).to.have.length(2);
    await handle.delete();
    await eventually(async () => {
      expect(await rejection(handle.get())).to.include({ reason: 'WORKFLOW_NOT_FOUND' });
    });
  });

  it('names each place that is wrong in a plan', async () => {
    const wrong = newPlan();
    const elsewhere = controller<{ nope: Free }>('test');
    wrong.call('a', elsewhere('nope'));
    const error = await rejection(client.submit(wrong.build()));
    expect(error).to.be.instanceOf(SteplockError);
    expect(error).to.include({ reason: 'INVALID_PLAN', retry: 'never' });
    expect(error).to.include({
      place: 'plan.steps[0].call.method',
      wayOut: 'correct the plan; see Rules of a plan',
    });
    expect((error instanceof SteplockError ? error.violations : []).map(({ field }) => field)).to.deep.equal([
      'plan.steps[0].call.method',
    ]);
  });

  it('tells how a workflow ended that did not succeed, and steers one', async () => {
    cluster.script('sdk-steered', 'a', () => failed('Bad', 'no', { retryable: false, effect: 'none' }));
    const handle = await client.submit(two, { workflowId: 'sdk-steered', onFailure: 'suspend' });
    const rested = await handle.wait({ timeoutMs: 20_000 });
    expect(rested.state).to.equal('SUSPENDED');
    await handle.skipStep('a', { reason: 'because', output: { made: 'by hand' } });
    await handle.resume();
    const ended = await handle.result({ timeoutMs: 20_000 });
    expect(ended.state === 'SUCCEEDED' && ended.output.got).to.equal('by hand');
    cluster.script('sdk-undone', 'a', () => failed('Bad', 'no room', { retryable: false, effect: 'none' }));
    const undone = await (
      await client.submit(two, { workflowId: 'sdk-undone' })
    ).result({ timeoutMs: 20_000 });
    expect(undone.state).to.equal('ROLLED_BACK');
    expect(undone.state !== 'SUCCEEDED' && undone.stop?.error?.message).to.contain('no room');
    const gate = createGate();
    cluster.script('sdk-stopped', 'a', gate.pass);
    const stopped = await client.submit(two, { workflowId: 'sdk-stopped' });
    await stopped.suspend({ reason: 'later' });
    await stopped.cancel({ keep: true, runningSteps: 'let-end' });
    gate.open();
    expect((await stopped.result()).state).to.equal('CANCELLED');
    expect(
      await rejection(
        (await client.submit(two, { startTime: new Date(Date.now() + 3_600_000) })).wait({ timeoutMs: 200 }),
      ),
    ).to.include({
      reason: 'DEADLINE_EXCEEDED',
    });
  });

  it('a watch goes on at another node, without a repetition, and hears of the end once', async () => {
    const gates = new Map(['a', 'b'].map((id) => [id, createGate()]));
    for (const [id, gate] of gates) cluster.script('sdk-watched', id, gate.pass);
    const handle = await client.submit(two, { workflowId: 'sdk-watched' });
    const seen: WorkflowUpdate[] = [];
    const end = (async () => {
      for await (const update of handle.watch()) seen.push(update);
    })();
    const lastOf = (id: string): string => {
      const states = seen.flatMap(({ steps }) => steps).filter((step) => step.id === id);
      return String(states.at(-1)?.state);
    };
    for (const [index, gate] of [...gates.values()].entries()) {
      await eventually(() => {
        expect(lastOf(['a', 'b'][index]!)).to.equal('4');
      }, 15_000);
      const serving = endpoints.indexOf(client.endpoint);
      proxies[serving]!.isDeaf = true;
      proxies[serving]!.cut();
      gate.open();
      await eventually(() => {
        expect(client.endpoint).to.equal(endpoints[1 - serving]);
      }, 15_000);
      proxies[serving]!.isDeaf = false;
      proxies[serving]!.cut();
    }
    await end;
    const shown = seen.flatMap(({ steps }) =>
      steps.map(({ id, state, attempts }) => `${id} ${state} ${attempts}`),
    );
    expect(shown).to.deep.equal([...new Set(shown)]);
    expect(seen.filter(({ ended }) => ended)).to.have.length(1);
    expect(seen.at(-1)).to.include({ ended: true, deleted: false });
    expect([lastOf('a'), lastOf('b')]).to.deep.equal(['6', '6']);
    expect(seen.some(({ resynchronised }) => resynchronised)).to.equal(true);
  });

  it('watches many at once, and stops when it is told', async () => {
    const handles = await Promise.all(
      Array.from(
        { length: 20 },
        async (_, index) => await client.submit(two, { workflowId: `sdk-many-${index}` }),
      ),
    );
    const ends: string[] = [];
    for await (const { name, ended } of watchAll(handles)) if (ended) ends.push(name);
    expect(ends.sort()).to.deep.equal(handles.map(({ name }) => name).sort());
    const gate = createGate();
    cluster.script('sdk-left', 'a', gate.pass);
    const left = await client.submit(two, { workflowId: 'sdk-left' });
    const abort = new AbortController();
    let updates = 0;
    for await (const update of watchAll([left], { signal: abort.signal })) {
      updates += update.steps.length > 0 ? 1 : 0;
      abort.abort();
    }
    expect(updates).to.equal(1);
    gate.open();
    await left.result({ timeoutMs: 20_000 });
    const missing = watchAll([client.workflow('sdk-nobody')])[Symbol.asyncIterator]();
    expect(await rejection(missing.next())).to.have.property('reason', 'WORKFLOW_NOT_FOUND');
  });
});
