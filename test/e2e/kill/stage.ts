/** Real parts for a kill test: etcd or the store on disk, two tgtd, and one node that is killed and started again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { connect, type SteplockClient } from '../../../src/client/index.js';
import { startTgtd, type RunningTgtd } from '../../../plugins/linux/tgtd.js';
import { startEtcd, freePort } from '../../../examples/demo/processes.js';
import { eventually } from '../../support/eventually.js';
import { reachedFile, stopFile, type Instant } from './stopping-controller.js';

/** Which store the node works on. */
export type StoreKind = 'etcd' | 'embedded';

/** A storage system of the stage. */
export interface Rack {
  readonly id: string;
  readonly rootDir: string;
  readonly tgtd: RunningTgtd;
}

const steplock = fileURLToPath(new URL('../../../bin/steplock.mjs', import.meta.url));
/** CHAP secrets that go through the plans of the kill tests. */
export const chapSecret = 'kill-test-secret-7f3a';

/** See the head of this file. */
export class Stage {
  readonly directory: string;
  readonly racks: readonly Rack[];
  readonly #storeArgs: readonly string[];
  readonly #stops: (() => Promise<void>)[];
  #node: ChildProcess | undefined;
  #client: SteplockClient | undefined;

  private constructor(
    directory: string,
    racks: readonly Rack[],
    storeArgs: readonly string[],
    stops: (() => Promise<void>)[],
  ) {
    this.directory = directory;
    this.racks = racks;
    this.#storeArgs = storeArgs;
    this.#stops = stops;
  }

  /** Sets everything up; the node runs when this ends. */
  static async open(kind: StoreKind): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), 'steplock-kill-'));
    const stops: (() => Promise<void>)[] = [];
    const racks: Rack[] = [];
    for (const id of ['rack-a', 'rack-b']) {
      const rootDir = join(directory, id);
      await mkdir(rootDir);
      const tgtd = await startTgtd({ diesWithParent: true });
      stops.push(async () => {
        await tgtd.stop();
      });
      racks.push({ id, rootDir, tgtd });
    }
    const systems = racks.map(({ id, rootDir, tgtd }) => ({
      id,
      root_dir: rootDir,
      iqn_prefix: `iqn.2026-11.test.steplock:${id}`,
      tgtd: { control_port: tgtd.controlPort, portal: tgtd.portal },
    }));
    const module = fileURLToPath(new URL('stopping-controller.ts', import.meta.url));
    await writeFile(
      join(directory, 'controllers.yaml'),
      stringify({ controllers: { linux: { module, systems } } }),
    );
    const storeArgs = await openStore(kind, directory, stops);
    const stage = new Stage(directory, racks, storeArgs, stops);
    await stage.startNode();
    return stage;
  }

  /** The connection to the node that runs now. */
  get client(): SteplockClient {
    if (this.#client === undefined) throw new Error('No node runs');
    return this.#client;
  }

  /** The system of that id. */
  rack(id: string): Rack {
    const found = this.racks.find((rack) => rack.id === id);
    if (found === undefined) throw new Error(`No system ${id}`);
    return found;
  }

  /** Starts the node. */
  async startNode(): Promise<void> {
    const address = `127.0.0.1:${await freePort()}`;
    const controllers = join(this.directory, 'controllers.yaml');
    const args = [...this.#storeArgs, '--listen', address, '--node-id', 'only', '--controllers', controllers];
    const log = openSync(join(this.directory, 'node.log'), 'a');
    this.#node = spawn(process.execPath, [steplock, ...args, '--lease-ttl', '2s', '--log-level', 'debug'], {
      stdio: ['ignore', log, log],
      env: { ...process.env, STEPLOCK_SECRET_CHAP: chapSecret },
    });
    closeSync(log);
    this.#client = await connect(address, { timeoutMs: 20_000 });
  }

  /** Has the node stop at the instant. */
  async stopAt(instant: Instant): Promise<void> {
    await rm(join(this.directory, reachedFile), { force: true });
    await writeFile(join(this.directory, stopFile), JSON.stringify(instant));
  }

  /** Whether the node stands at the instant. */
  hasReached(): boolean {
    return existsSync(join(this.directory, reachedFile));
  }

  /** Kills the node; nothing of it may survive. */
  async killNode(): Promise<void> {
    const node = this.#node;
    if (node?.pid === undefined) throw new Error('No node runs');
    const children = await descendantsOf(node.pid);
    const ended = new Promise<void>((resolve) =>
      node.once('exit', () => {
        resolve();
      }),
    );
    node.kill('SIGKILL');
    await ended;
    this.#client?.close();
    this.#client = undefined;
    await rm(join(this.directory, stopFile), { force: true });
    await eventually(async () => {
      const alive = await Promise.all(children.map(async (pid) => await isAlive(pid)));
      if (alive.includes(true)) throw new Error('A child process of the node has survived it');
    });
  }

  /** The node's log so far. */
  async log(): Promise<string> {
    return await readFile(join(this.directory, 'node.log'), 'utf8');
  }

  /** Ends everything and takes it away. */
  async close(): Promise<void> {
    this.#client?.close();
    const node = this.#node;
    if (node !== undefined && node.exitCode === null && node.signalCode === null) {
      const ended = new Promise<void>((resolve) =>
        node.once('exit', () => {
          resolve();
        }),
      );
      node.kill('SIGTERM');
      await ended;
    }
    for (const stop of this.#stops.reverse()) await stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function openStore(
  kind: StoreKind,
  directory: string,
  stops: (() => Promise<void>)[],
): Promise<string[]> {
  if (kind === 'embedded') return ['dev', '--data-dir', join(directory, 'store')];
  const etcd = await startEtcd(directory, process.env);
  stops.push(async () => {
    await etcd.stop();
  });
  return ['server', '--etcd', etcd.url];
}

/** Processes below that one, by what /proc says of their parents. */
async function descendantsOf(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = Number(/^\d+ \(.*\) \S (\d+)/s.exec(stat)?.[1]);
    if (Number.isInteger(parent)) parents.set(Number(name), parent);
  }
  const found: number[] = [];
  for (let next = [root]; next.length > 0;) {
    const children = [...parents].filter(([, parent]) => next.includes(parent)).map(([pid]) => pid);
    found.push(...children);
    next = children;
  }
  return found;
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/^\d+ \(.*\) Z/s.test(stat);
}
