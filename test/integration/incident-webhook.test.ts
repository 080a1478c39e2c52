/**
 * Incidents told to a real HTTP server: what happened and where, until it takes them, and whichever node dies on the
 * way.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { StepSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import { OnFailure, WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { placeShards } from '../../src/cluster/rendezvous.js';
import { prefixes } from '../../src/store/keys.js';
import { eventually } from '../support/eventually.js';
import { Cluster, shards } from './support/cluster.js';
import { planOf, settings, step } from './support/plans.js';
import { startServer } from './support/processes.js';
import { startRig, type Rig } from './support/rig.js';
import { sharedEtcd } from './support/shared-etcd.js';

type Told = Readonly<Record<string, string>>;

/** A receiver that answers as it is told to, and remembers what it was sent. */
class Receiver {
  readonly seen: { readonly told: Told; readonly status: number; readonly type: string }[] = [];
  answer: (count: number) => number = () => 200;
  readonly #server = createServer((request, response) => {
    void this.#read(request).then(([text, type]) => {
      const status = this.answer(this.seen.length);
      this.seen.push({ told: JSON.parse(text) as Told, status, type });
      response.writeHead(status, { location: 'http://127.0.0.1:1/elsewhere' }).end('thanks');
    });
  });

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook?token=t0ken`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #read(request: IncomingMessage): Promise<[string, string]> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
    return [text, request.headers['content-type'] ?? ''];
  }
}

/** Opens an incident: nobody can find out what came of the call. */
async function openIncident(rig: Rig, id: string, called: StepSpec, message: string): Promise<void> {
  rig.script.script(id, 'a', () => {
    throw new Error(message);
  });
  await rig.submit(planOf(called), {
    workflowId: id,
    settings: settings({ onFailure: OnFailure.KEEP }),
  });
}

describe('The webhook for incidents', function () {
  this.timeout(60_000);
  let receiver: Receiver;
  let url = '';
  const cleanUps: (() => Promise<void> | void)[] = [];

  beforeEach(async () => {
    receiver = new Receiver();
    url = await receiver.start();
    cleanUps.push(() => {
      receiver.close();
    });
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  const notesOf = async (rig: Rig): Promise<string[]> =>
    (await rig.keys()).filter((key) => key.startsWith(prefixes.webhook));

  it('is asked again until it takes an incident, and is told no secret; the log names neither', async () => {
    receiver.answer = (count) => [500, 302][count] ?? 204;
    const env = { STEPLOCK_SECRET_ARRAY: 'hunter2-hunter2' };
    const rig = await startRig({ env, settings: { incidentWebhook: url }, logLevel: 'debug' });
    cleanUps.push(async () => {
      await rig.close();
    });
    const password = { $secret: { env: 'STEPLOCK_SECRET_ARRAY' } };
    const typed = step('a', 'typed', { with: { name: 'x', password }, attempts: 1 });
    await openIncident(rig, 'hooked', typed, 'the array said: hunter2-hunter2 is wrong');
    await eventually(async () => {
      expect(receiver.seen.map(({ status }) => status)).to.deep.equal([500, 302, 204]);
      expect(await notesOf(rig)).to.deep.equal([]);
    }, 15_000);
    const [, , last] = receiver.seen;
    expect(last?.type).to.equal('application/json');
    expect(last?.told).to.include({
      event: 'incident.opened',
      id: 'hooked.a.1',
      workflow: 'hooked',
      step: 'a',
      node: 'n1',
    });
    const { incident } = await rig.client.incidents.getIncident({ name: 'incidents/hooked.a.1' });
    expect(last?.told['reason']).to.equal(incident?.error?.reason);
    expect(last?.told['message']).to.equal(incident?.error?.message);
    expect(last?.told['opened']).to.equal(incident?.openTime?.toISOString());
    expect(last?.told['message']).to.include('the array said');
    expect(JSON.stringify(receiver.seen)).to.not.include('hunter2');
    expect(rig.log.with('incident opened').map(({ level }) => level)).to.deep.equal([40]);
    expect(rig.log.text).to.not.include('hunter2').and.not.include('t0ken');
    expect(rig.log.errors).to.deep.equal([]);
  });

  it('hears from another node when the one that was telling it is killed', async () => {
    receiver.answer = () => 503;
    const cluster = await Cluster.start();
    cleanUps.push(async () => {
      await cluster.close();
    });
    const rig = await cluster.join('n1', { incidentWebhook: url });
    // Of two nodes, the one that owns shard 0 does the telling: it must be the one that dies.
    const victimId = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7', 'v8'].find(
      (id) => placeShards(shards, ['n1', id])[0] === id,
    )!;
    const etcd = await sharedEtcd();
    const prefix = cluster.store.kind === 'etcd' ? cluster.store.prefix : '';
    const flags = ['--etcd', etcd.url, '--etcd-prefix', prefix, '--node-id', victimId, '--lease-ttl', '2s'];
    const victim = await startServer('server', ...flags, '--incident-webhook', url);
    await cluster.ownsShards({ n1: shards / 2, [victimId]: shards / 2 });

    await openIncident(rig, 'orphaned', step('a', 'blind'), 'the line was cut');
    await eventually(() => {
      expect(receiver.seen.length).to.be.at.least(2);
    }, 15_000);
    expect(new Set(receiver.seen.map(({ told }) => told['node']))).to.deep.equal(new Set([victimId]));
    expect(await notesOf(rig)).to.have.length(1);
    victim.kill('SIGKILL');
    expect(await victim.ended).to.equal('SIGKILL');
    receiver.answer = () => 200;
    await eventually(async () => {
      expect(await notesOf(rig)).to.deep.equal([]);
    }, 15_000);
    const taken = receiver.seen.filter(({ status }) => status === 200).map(({ told }) => told);
    expect(taken).to.have.length(1);
    expect(taken[0]).to.include({ id: 'orphaned.a.1', node: 'n1', cluster: prefix });
    expect((await rig.get('workflows/orphaned')).incidents).to.have.length(1);
  });

  it('is not needed: without one an incident is an incident, and its note waits for a day', async () => {
    const rig = await startRig();
    cleanUps.push(async () => {
      await rig.close();
    });
    await openIncident(rig, 'plain', step('a', 'blind'), 'the line was cut');
    await eventually(async () => {
      expect((await rig.get('workflows/plain')).incidents).to.have.length(1);
    });
    expect(await notesOf(rig)).to.have.length(1);
    expect((await rig.get('workflows/plain')).state).to.not.equal(WorkflowState.SUCCEEDED);
  });
});
