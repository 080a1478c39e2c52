/**
 * `npm run cluster`: three nodes on one etcd. Submits a workflow, kills the node that has most of its steps with -9, and
 * shows how the others take them over. With --keep the cluster stays until Ctrl-C, to be played with by hand.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '../../src/base/clock.js';
import { newUuid } from '../../src/base/ids.js';
import { systemRandom } from '../../src/base/random.js';
import { parsePlanFile } from '../../src/cli/plan-file.js';
import { stateNameOf } from '../../src/cli/tree.js';
import { connect, type SteplockClient } from '../../src/client/index.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { startEtcd, startNode, until, type Started } from '../demo/processes.js';

const names = ['n1', 'n2', 'n3'] as const;
const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

interface Member extends Started {
  readonly name: string;
  readonly address: string;
}

async function main(args: readonly string[]): Promise<number> {
  const strange = args.find((arg) => arg !== '--keep');
  if (strange !== undefined) {
    process.stderr.write(`cluster: "${strange}" is no option; it takes none but --keep\n`);
    return 2;
  }
  const directory = await mkdtemp(join(tmpdir(), 'steplock-cluster-'));
  const abort = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      abort.abort(new Error(name));
    });
  }
  const stops: (() => Promise<void>)[] = [];
  try {
    const members = await setUp(directory, stops, abort.signal);
    if (args.includes('--keep')) await keep(members, abort.signal);
    else await play(members, abort.signal);
    return 0;
  } catch (error) {
    process.stderr.write(`cluster: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    for (const stop of stops.reverse()) await stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function setUp(
  directory: string,
  stops: (() => Promise<void>)[],
  signal: AbortSignal,
): Promise<Member[]> {
  const etcd = await startEtcd(directory, process.env);
  stops.push(async () => {
    await etcd.stop();
  });
  await etcd.ready(signal);
  const members: Member[] = [];
  for (const name of names) {
    const args = [
      'server',
      '--etcd',
      etcd.url,
      '--node-id',
      name,
      '--capacity',
      '4',
      '--drain-timeout',
      '1s',
    ];
    const started = await startNode(args, join(directory, `${name}.log`), process.env);
    stops.push(async () => {
      await started.stop();
    });
    members.push({ name, ...started });
  }
  const client = await connect(members[0]?.address ?? '', { timeoutMs: 20_000 });
  await until(async () => (await nodesOf(client)).length === names.length, 'the cluster', signal);
  client.close();
  for (const { name, address, process: child } of members)
    say(`${name}: pid ${child.pid}, API at ${address}`);
  return members;
}

async function play(members: readonly Member[], signal: AbortSignal): Promise<void> {
  const client = await connect(members[0]?.address ?? '');
  const file = fileURLToPath(new URL('plan.yaml', import.meta.url));
  const { plan, settings, workflowId } = parsePlanFile(await readFile(file, 'utf8'), file);
  const request = {
    plan,
    settings,
    workflowId,
    requestId: newUuid(systemRandom),
    actor: 'cluster',
    planHash: '',
  };
  await client.workflows.submitWorkflow(request);
  await until(async () => (await claimsOf(client)).size === 6, 'the first wave', signal);
  await show(client, 'Six steps run:');
  const victim = members.find(({ name }) => name === 'n2');
  say(`\nkill -9 ${victim?.process.pid} (n2)\n`);
  victim?.process.kill('SIGKILL');
  await until(
    async () => {
      const claims = await claimsOf(client);
      return claims.size === 6 && ![...claims.values()].includes('n2');
    },
    'the others',
    signal,
  );
  await show(client, 'The others have taken its steps over:');
  const timeout = { seconds: '60', nanos: 0 };
  const { workflow } = await client.workflows.waitWorkflow(
    { name: `workflows/${workflowId}`, timeout },
    { timeoutMs: 62_000, signal },
  );
  say(`\n${workflow?.name}: ${stateNameOf(workflow?.state ?? WorkflowState.UNSPECIFIED)}`);
  const { steps } = await client.workflows.listSteps({
    parent: `workflows/${workflowId}`,
    pageSize: 100,
    pageToken: '',
    states: [],
  });
  for (const { id, lastAttempts } of steps) {
    const lost = lastAttempts.filter(({ result }) => result === 'lost');
    if (lost.length > 0)
      say(
        `  ${id}: lost with ${lost.map(({ node }) => node).join(', ')}, done by ${lastAttempts.at(-1)?.node}`,
      );
  }
  client.close();
  if (workflow?.state !== WorkflowState.SUCCEEDED) throw new Error('the workflow did not succeed');
}

async function keep(members: readonly Member[], signal: AbortSignal): Promise<void> {
  const server = members[0]?.address ?? '';
  say(`
In another shell:
  export STEPLOCK_SERVER=${server}
  node bin/steplock.mjs workflow submit -f examples/cluster/plan.yaml
  node bin/steplock.mjs node list; node bin/steplock.mjs claim list; node bin/steplock.mjs lock list
  kill -9 ${members[1]?.process.pid}
Ctrl-C ends the cluster.`);
  await sleep(systemClock, 24 * 3_600_000, signal).catch(() => undefined);
}

async function show(client: SteplockClient, title: string): Promise<void> {
  say(title);
  const claims = [...(await claimsOf(client))];
  for (const { name, shards } of await nodesOf(client)) {
    const node = name.slice('nodes/'.length);
    const steps = claims.flatMap(([step, owner]) => (owner === node ? [step] : []));
    say(`  ${node}  shards ${String(shards).padStart(2)}  runs ${steps.sort().join(' ')}`);
  }
}

async function nodesOf(client: SteplockClient): Promise<{ name: string; shards: number }[]> {
  return (await client.dispatcher.listNodes({})).nodes;
}

/** The node that has each step, void claims left out. */
async function claimsOf(client: SteplockClient): Promise<Map<string, string>> {
  const { claims } = await client.dispatcher.listClaims({ pageSize: 1_000, pageToken: '' });
  return new Map(
    claims.filter(({ valid }) => valid).map(({ step, node }) => [step.split('/').at(-1) ?? '', node]),
  );
}

process.exitCode = await main(process.argv.slice(2));
