/**
 * A node as those see it who run it: its health, what it says of its services, how it starts without its store and how
 * it ends, and what its command answers to a wrong flag.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { expect } from 'chai';
import { service as healthService } from 'grpc-health-check';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { runCli } from '../../src/cli/program.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { startEtcd } from '../support/etcd.js';
import { eventually } from '../support/eventually.js';
import { planOf, step } from './support/plans.js';
import { startServer } from './support/processes.js';
import { callRaw } from './support/raw-call.js';
import { freshStore, startRig, type Rig } from './support/rig.js';
import { createGate } from './support/scripted-controller.js';
import { temporaryDirectory } from './support/temporary.js';

const check = healthService['Check'] as MethodDefinition<{ service: string }, { status: string }>;
const ours = ['WorkflowService', 'DispatcherService', 'IncidentService'].map((name) => `steplock.v1.${name}`);

/** What the node's health service says of a service, and of the node with the empty name. */
async function healthOf(rig: Pick<Rig, 'raw'>, service = ''): Promise<string> {
  const answer = await callRaw(rig.raw, check, { service });
  return answer.ok ? answer.response.status : answer.refusal.code;
}

describe('A node as a server', function () {
  this.timeout(60_000);
  const cleanUps: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  async function start(...given: Parameters<typeof startRig>): Promise<Rig> {
    const rig = await startRig(...given);
    cleanUps.push(async () => {
      await rig.close();
    });
    return rig;
  }

  it('is healthy once it has joined, service by service, and knows no other', async () => {
    const rig = await start();
    for (const service of ['', ...ours]) expect(await healthOf(rig, service), service).to.equal('SERVING');
    expect(await healthOf(rig, 'steplock.v1.NoService')).to.equal('NOT_FOUND');
  });

  it('is not healthy from the moment it is to end, while calls that run may still end', async () => {
    const rig = await startRig();
    const gate = createGate();
    rig.script.script('last', 'a', gate.pass);
    await rig.submit(planOf(step('a')), { workflowId: 'last' });
    await rig.script.called('last', 'a');
    const closed = rig.node.close();
    try {
      for (const service of ['', ...ours]) {
        await eventually(async () => {
          expect(await healthOf(rig, service), service).to.equal('NOT_SERVING');
        }, 1_000);
      }
      expect(rig.script.callsOf('last')[0]?.context.signal.aborted).to.equal(false);
    } finally {
      gate.open();
      await closed;
      rig.client.close();
      rig.raw.close();
    }
  });

  it('waits for a store that is not there, says so, and joins when it comes', async () => {
    const etcd = await startEtcd();
    cleanUps.push(async () => {
      await etcd.stop();
    });
    await etcd.kill();
    const store = { kind: 'etcd', endpoints: [etcd.url], prefix: '/late/', quotaBytes: undefined } as const;
    const rig = await start({ store, waitsForJoin: false });
    await eventually(() => {
      const waits = rig.log.with('waiting for the store to join');
      expect(waits.length).to.be.at.least(2);
      expect(waits[0]?.['cause']).to.match(/etcd|STORE_UNAVAILABLE/);
    }, 30_000);
    expect(await healthOf(rig)).to.equal('NOT_SERVING');
    expect(rig.log.errors).to.deep.equal([]);
    await etcd.restart();
    await rig.node.joined();
    await eventually(async () => {
      expect(await healthOf(rig)).to.equal('SERVING');
    });
    await rig.restedAs((await rig.submit(planOf(step('a')))).name, WorkflowState.SUCCEEDED);
    // And when it goes: the session ends, and health says so.
    await etcd.kill();
    await eventually(async () => {
      expect(await healthOf(rig)).to.equal('NOT_SERVING');
    }, 10_000);
    await etcd.restart();
    await rig.node.joined();
  });

  it('describes itself to tools where it is told to, and not otherwise', async () => {
    const silent = await start();
    const rig = await start({ settings: { hasReflection: true } });
    const root = dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'));
    const proto = join(root, 'build/proto/grpc/reflection/v1/reflection.proto');
    const loaded = loadSync(proto, { oneofs: true })[
      'grpc.reflection.v1.ServerReflection'
    ] as ServiceDefinition;
    const method = loaded['ServerReflectionInfo'] as MethodDefinition<object, ReflectionResponse>;
    const ask = async ({ raw }: Rig, request: object): Promise<ReflectionResponse> => {
      const { path, requestSerialize, responseDeserialize } = method;
      const call = raw.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      return await new Promise((resolve, reject) => {
        call.on('data', resolve).on('error', reject);
        call.write(request);
        call.end();
      });
    };
    const { listServicesResponse } = await ask(rig, { listServices: '' });
    const names = listServicesResponse?.service.map(({ name }) => name);
    expect(names).to.include.members(ours);
    const found = await ask(rig, { fileContainingSymbol: 'steplock.v1.WorkflowService.SubmitWorkflow' });
    expect(found.fileDescriptorResponse?.fileDescriptorProto).to.have.length.above(0);
    let code: unknown;
    await ask(silent, { listServices: '' }).catch((error: unknown) => {
      code = (error as { code: number }).code;
    });
    expect(code, 'UNIMPLEMENTED').to.equal(12);
  });

  it('ends on SIGTERM: lets its calls end, gives its place back, and exits with 0', async () => {
    const store = await freshStore('etcd');
    const rig = await start({ store, settings: { shards: 4 } });
    const { endpoints = [''], prefix = '' } = store.kind === 'etcd' ? store : {};
    const flags = ['--etcd', endpoints[0]!, '--etcd-prefix', prefix, '--node-id', 'ends'];
    const server = await startServer('server', ...flags, '--label', 'job=yes');
    const wait = step('a', 'wait', { controller: 'basic', with: { ms: 1_500 } });
    const plan = planOf({ ...wait, nodes: { neighborhood: '', labels: { job: 'yes' } } });
    const { name } = await rig.submit(plan);
    await eventually(async () => {
      const { claims } = await rig.client.dispatcher.listClaims({ pageSize: 10, pageToken: '' });
      expect(claims.map(({ node }) => node)).to.deep.equal(['ends']);
    }, 10_000);
    server.kill('SIGTERM');
    expect(await server.ended).to.equal(exitCodes.ok);
    // Its lease of five seconds was given back, not waited for; and the call ended in its first attempt.
    const { nodes } = await rig.client.dispatcher.listNodes({});
    expect(nodes.map((node) => node.name)).to.deep.equal(['nodes/n1']);
    await rig.restedAs(name, WorkflowState.SUCCEEDED, 5_000);
    expect((await rig.step(name, 'a')).attempts).to.equal(1);
    expect(server.output.out, 'nothing went wrong on the way').to.not.match(/"level":[45]0/);
  });

  it('does not start with a wrong flag: exit code 2, and the flag is named', async () => {
    const etcd = ['--etcd', 'http://127.0.0.1:1'];
    const wrong: [string, readonly string[]][] = [
      ['--etcd', []],
      ['--node-id', [...etcd, '--node-id', 'Not An Id']],
      ['--listen', [...etcd, '--listen', 'nowhere']],
      ['--lease-ttl', [...etcd, '--lease-ttl', '5']],
      ['--lease-ttl', [...etcd, '--lease-ttl', '10ms']],
      ['--capacity', [...etcd, '--capacity', 'many']],
      ['--capacity-of', [...etcd, '--capacity-of', 'linux']],
      ['--capacity-of', [...etcd, '--capacity-of', 'linux=0']],
      ['--label', [...etcd, '--label', 'red']],
      ['--etcd-prefix', [...etcd, '--etcd-prefix', 'steplock']],
      ['--log-level', [...etcd, '--log-level', 'loud']],
      ['--colour', [...etcd, '--colour']],
    ];
    for (const [flag, args] of wrong) {
      const { code, err } = await runHere(['server', ...args]);
      expect(code, `${args.join(' ')}: ${err}`).to.equal(exitCodes.usage);
      expect(err).to.include(flag);
    }
  });

  it('does not start where it cannot: an address that is taken, a file that is not there', async () => {
    const rig = await start();
    const missing = join(await temporaryDirectory(), 'missing');
    const anywhere = ['--listen', '127.0.0.1:0'];
    const impossible: [number, readonly string[]][] = [
      [exitCodes.failed, ['--listen', rig.node.address]],
      [exitCodes.failed, [...anywhere, '--secret-key-file', missing]],
      [exitCodes.usage, [...anywhere, '--controllers', missing]],
    ];
    for (const [expected, args] of impossible) {
      const { code, err } = await runHere(['server', '--etcd', 'http://127.0.0.1:1', ...args]);
      expect(code, err).to.equal(expected);
      expect(err).to.include(args.at(-1));
    }
  });
});

/** What of an answer of the reflection service the test looks at. */
interface ReflectionResponse {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
}

/** A command in this process: a process takes a second to start, and none of these is to go on. */
async function runHere(args: readonly string[]): Promise<{ code: number; err: string }> {
  const ran = { code: 0, err: '' };
  await runCli([...args], {
    terminal: { out: () => undefined, err: (text) => (ran.err += text), isTty: false, columns: 80, rows: 0 },
    env: {},
    signal: AbortSignal.timeout(10_000),
    nowMs: () => Date.now(),
    setExitCode: (code) => {
      ran.code = code;
    },
  });
  return ran;
}
