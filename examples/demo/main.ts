/**
 * `npm run demo`: the main job, on real storage. A node on etcd and two storage systems, each a directory with a tgtd of
 * its own. A plan provisions four volumes on both, in parallel, and exports them to one host, which then writes and
 * reads them over iSCSI; a second plan fails half-way and is undone. Where there is no etcd or no tgtd it says so, and
 * shows what can be shown without.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import { systemClock } from '../../src/base/clock.js';
import { systemRandom } from '../../src/base/random.js';
import { newUuid } from '../../src/base/ids.js';
import { connect, type SteplockClient } from '../../src/client/index.js';
import { follow } from '../../src/cli/live.js';
import { processTerminal } from '../../src/cli/output.js';
import { parsePlanFile } from '../../src/cli/plan-file.js';
import { stateNameOf } from '../../src/cli/tree.js';
import { WorkflowState } from '../../src/gen/wire/steplock/v1/workflow.js';
import { createInitiator } from '../../plugins/linux/initiator.js';
import { startTgtd, type RunningTgtd } from '../../plugins/linux/tgtd.js';
import { listens, startEtcd, startNode, until } from './processes.js';

const host = 'iqn.2026-11.com.example:host-1';
const stranger = 'iqn.2026-11.com.example:stranger';
const racks = ['rack-a', 'rack-b'] as const;
const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

interface Rack {
  readonly id: string;
  readonly rootDir: string;
  readonly tgtd: RunningTgtd | undefined;
}

interface Stage {
  readonly client: SteplockClient;
  readonly racks: readonly Rack[];
  readonly secret: string;
  readonly signal: AbortSignal;
}

async function main(): Promise<number> {
  const strange = process.argv.slice(2).find((arg) => !arg.startsWith('--missing='));
  if (strange !== undefined) {
    process.stderr.write(`demo: "${strange}" is no option; it takes none but --missing=PACKAGE\n`);
    return 2;
  }
  const missing = process.argv
    .filter((arg) => arg.startsWith('--missing='))
    .map((arg) => arg.slice('--missing='.length));
  const directory = await mkdtemp(join(tmpdir(), 'steplock-demo-'));
  const abort = new AbortController();
  const stops: (() => Promise<void>)[] = [];
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      abort.abort(new Error(name));
    });
  }
  try {
    const stage = await setUp(directory, missing, stops, abort.signal);
    const isReal = stage.racks.every(({ tgtd }) => tgtd !== undefined);
    await (isReal ? play(stage) : playFilesOnly(stage));
    sayWhatNext();
    return 0;
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.stderr.write(await readFile(join(directory, 'node.log'), 'utf8').catch(() => ''));
    return 1;
  } finally {
    for (const stop of stops.reverse())
      await stop().catch((error: unknown) => process.stderr.write(`demo: ${String(error)}\n`));
    await rm(directory, { recursive: true, force: true });
  }
}

async function setUp(
  directory: string,
  missing: readonly string[],
  stops: (() => Promise<void>)[],
  signal: AbortSignal,
): Promise<Stage> {
  const isReal = missing.length === 0 && process.getuid?.() === 0;
  const secret = randomBytes(8).toString('hex');
  const env = { ...process.env, STEPLOCK_SECRET_CHAP: secret };
  const made: Rack[] = [];
  for (const id of racks) {
    signal.throwIfAborted();
    const rootDir = join(directory, id);
    await mkdir(rootDir);
    const tgtd = isReal
      ? await startTgtd({ diesWithParent: true, logPath: join(directory, `${id}.log`) })
      : undefined;
    if (tgtd !== undefined)
      stops.push(async () => {
        await tgtd.stop();
      });
    made.push({ id, rootDir, tgtd });
  }
  const controllers = join(directory, 'controllers.yaml');
  await writeFile(controllers, controllersFile(made));
  const store = await chooseStore(isReal, { directory, stops, env, signal });
  if (isReal)
    say(`Real parts: ${store.what}; two tgtd, one for each storage system; everything below ${directory}`);
  else
    say(
      `Without etcd and tgtd (${missing.join(', ') || 'they need root'}): embedded store, volumes as files, no iSCSI`,
    );
  const args = [...store.args, '--node-id', 'demo', '--controllers', controllers, '--log-level', 'info'];
  const node = await startNode(args, join(directory, 'node.log'), env);
  stops.push(async () => {
    await node.stop();
  });
  // Until it listens; a wait of the client's own would not end with the signal.
  await until(async () => await listens(node.address), 'the node', signal);
  const client = await connect(node.address, { timeoutMs: 20_000 });
  stops.push(() => {
    client.close();
    return Promise.resolve();
  });
  await until(
    async () => (await client.dispatcher.listNodes({}).catch(() => ({ nodes: [] }))).nodes.length === 1,
    'the node',
    signal,
  );
  return { client, racks: made, secret, signal };
}

/** What starting a store needs. */
interface Around {
  readonly directory: string;
  readonly stops: (() => Promise<void>)[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

async function chooseStore(
  isReal: boolean,
  { directory, stops, env, signal }: Around,
): Promise<{ args: string[]; what: string }> {
  if (!isReal) return { args: ['dev', '--data-dir', join(directory, 'store')], what: 'embedded store' };
  const given = process.env['STEPLOCK_ETCD_ENDPOINTS'];
  if (given !== undefined) {
    return {
      args: ['server', '--etcd', given, '--etcd-prefix', `/steplock-demo-${newUuid(systemRandom)}/`],
      what: `etcd at ${given}`,
    };
  }
  const etcd = await startEtcd(directory, env);
  stops.push(async () => {
    await etcd.stop();
  });
  await etcd.ready(signal);
  return { args: ['server', '--etcd', etcd.url], what: `etcd at ${etcd.url}` };
}

function controllersFile(made: readonly Rack[]): string {
  const systems = made.map(({ id, rootDir, tgtd }) => ({
    id,
    root_dir: rootDir,
    iqn_prefix: `iqn.2026-11.com.example:${id}`,
    tgtd: { control_port: tgtd?.controlPort ?? 0, portal: tgtd?.portal ?? '127.0.0.1:3260' },
  }));
  const module = new URL('linux-with-fault.ts', import.meta.url).pathname;
  return stringify({ controllers: { linux: { module, systems } } });
}

/** Submits a plan and shows its tree until it has ended. */
async function runPlan(stage: Stage, name: string, expected: WorkflowState): Promise<void> {
  const text = await readFile(new URL(`${name}.yaml`, import.meta.url), 'utf8');
  const { workflowId, settings, plan } = parsePlanFile(text, `examples/demo/${name}.yaml`);
  const request = {
    requestId: newUuid(systemRandom),
    workflowId,
    settings,
    plan,
    actor: 'demo',
    planHash: '',
  };
  const { workflow } = await stage.client.workflows.submitWorkflow(request);
  const context = {
    terminal: processTerminal,
    env: process.env,
    signal: stage.signal,
    nowMs: () => systemClock.nowMs(),
    setExitCode: () => undefined,
  };
  const ended = await follow(stage.client, workflow?.name ?? '', context, { untilEnd: true, isQuiet: false });
  stage.signal.throwIfAborted();
  if (ended?.state !== expected) {
    throw new Error(
      `Workflow ${name} ended as ${stateNameOf(ended?.state ?? 0)}, not as ${stateNameOf(expected)}`,
    );
  }
}

async function play(stage: Stage): Promise<void> {
  say('\n1. Four volumes on two systems, created and exported in parallel (examples/demo/provision.yaml)\n');
  await runPlan(stage, 'provision', WorkflowState.SUCCEEDED);
  say(`\n2. As the host ${host}: write and read each volume over iSCSI, with CHAP\n`);
  for (const rack of stage.racks) await useVolumes(stage, rack);
  say('\n3. The four volumes taken back (examples/demo/remove.yaml)\n');
  await runPlan(stage, 'remove', WorkflowState.SUCCEEDED);
  await expectEmpty(stage);
  say(
    '\n4. A plan whose last step fails for good after half of its effect (examples/demo/fail.yaml): watch the undo\n',
  );
  await runPlan(stage, 'fail', WorkflowState.ROLLED_BACK);
  await expectEmpty(stage);
}

async function playFilesOnly(stage: Stage): Promise<void> {
  say(
    '\n1. Four volumes on two systems, and a last step that fails for good (examples/demo/files-only.yaml)\n',
  );
  await runPlan(stage, 'files-only', WorkflowState.ROLLED_BACK);
  await expectEmpty(stage);
}

async function useVolumes({ secret, signal }: Stage, { id, tgtd }: Rack): Promise<void> {
  if (tgtd === undefined) return;
  const { portal } = tgtd;
  const chap = { username: 'host-1', secret };
  const initiator = createInitiator({ name: host, portal, chap, signal });
  for (const target of (await initiator.discover()).sort()) {
    const unit = { target, lun: 1 };
    await initiator.io(unit, 'write -P 0xa5 1M 4M', 'flush', 'read -P 0xa5 1M 4M', 'read -P 0 8M 1M');
    say(`   ${id}  ${target}: wrote 4 MiB and read it back`);
  }
  const seen = await createInitiator({ name: stranger, portal, chap, signal })
    .discover()
    .catch(() => []);
  if (seen.length > 0) throw new Error(`${stranger} sees ${seen.join(', ')}`);
  const wrong = createInitiator({ name: host, portal, chap: { ...chap, secret: 'not-the-secret' }, signal });
  const [target = ''] = await initiator.discover();
  const isRefused = await wrong.io({ target, lun: 1 }, 'read 0 4k').then(
    () => false,
    () => true,
  );
  if (!isRefused) throw new Error('A wrong CHAP secret was accepted');
  say(`   ${id}  another host sees no target, and a wrong secret is refused`);
}

/** Neither tgtd nor the directories may have anything left. What stays are the fences, which keep late calls out. */
async function expectEmpty({ racks: made }: Stage): Promise<void> {
  for (const { id, rootDir, tgtd } of made) {
    const volumes = await readdir(join(rootDir, 'volumes'));
    const records = await readdir(join(rootDir, 'accounts'));
    const view = await tgtd?.client.show();
    const targets = view?.targets.length ?? 0;
    const accounts = records.length + (view?.accounts.length ?? 0);
    say(`   ${id}  volumes: ${volumes.length}, targets: ${targets}, CHAP accounts: ${accounts}`);
    if (volumes.length + targets + accounts > 0) throw new Error(`${id} is not empty: ${volumes.join(', ')}`);
  }
}

function sayWhatNext(): void {
  say(`
Try next:
  node bin/steplock.mjs dev &                                      a node with everything in one process
  node bin/steplock.mjs workflow submit -f examples/hello.yaml -w  a first plan
  node bin/steplock.mjs --help                                     what else there is
README.md tells how to write a controller and a plan of your own.`);
}

process.exitCode = await main();
