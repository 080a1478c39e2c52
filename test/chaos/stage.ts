/**
 * The parts of a chaos run, all real processes: three etcd members, the model array, two remote controllers, and three
 * nodes, each of which reaches each member through a proxy of its own.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { sleep, systemClock } from '../../src/base/clock.js';
import { newUuid } from '../../src/base/ids.js';
import { systemRandom } from '../../src/base/random.js';
import { connect, type SteplockClient } from '../../src/client/index.js';
import { EtcdCluster } from '../support/etcd-cluster.js';
import { freePorts } from '../support/etcd.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { ChaosProcess } from './processes.js';

/** How the stage is set up. */
export interface StageOptions {
  /** The tree whose code the nodes run: this one, or a copy with a defect. */
  readonly tree: string;
  /** etcd's program. */
  readonly etcd: string;
  /** Whether it has fault points. */
  readonly hasFaultPoints: boolean;
  readonly leaseTtlMs: number;
  /** How long a blocked event loop stays blocked. */
  readonly blockMs: number;
  /** Steps that a node runs at once. */
  readonly capacity: number;
}

/** A node with its ways to etcd. */
export interface StageNode {
  readonly name: string;
  readonly process: ChaosProcess;
  readonly address: string;
  readonly proxies: readonly TcpProxy[];
}

/** A remote controller. */
export interface StageController {
  readonly name: string;
  readonly process: ChaosProcess;
  readonly address: string;
}

const readyMs = 40_000;
/** A system of which so many steps work at once at most. */
export const limitedSystem = { system: 'rack-narrow', max: 6 } as const;

/** See the head of this file. */
export class Stage {
  readonly directory: string;
  readonly etcd: EtcdCluster;
  readonly array: ChaosProcess;
  readonly arrayLog: string;
  readonly controllers: readonly StageController[];
  readonly nodes: readonly StageNode[];

  private constructor(
    parts: Pick<Stage, 'directory' | 'etcd' | 'array' | 'arrayLog' | 'controllers' | 'nodes'>,
  ) {
    this.directory = parts.directory;
    this.etcd = parts.etcd;
    this.array = parts.array;
    this.arrayLog = parts.arrayLog;
    this.controllers = parts.controllers;
    this.nodes = parts.nodes;
  }

  /** Starts the etcd members; prepares the rest, to be started with {@link Stage.start}. */
  static async prepare(options: StageOptions): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), 'steplock-chaos-'));
    const etcd = await EtcdCluster.start(directory, options.etcd, options.hasFaultPoints);
    const code = (file: string): string => join(options.tree, 'test/chaos', file);
    const script = (name: string, file: string, ...args: string[]): ChaosProcess =>
      new ChaosProcess(name, ['--import', 'tsx', code(file), ...args], join(directory, `${name}.log`));

    const [arrayPort, portA] = await freePorts();
    const [portB] = await freePorts();
    const url = `http://127.0.0.1:${arrayPort}`;
    const arrayLog = join(directory, 'array.jsonl');
    const array = script('array', 'array/main.ts', String(arrayPort), arrayLog);
    const controllers = [portA, portB].map((port, index) => {
      const [name, address] = [`remote-${index + 1}`, `127.0.0.1:${port}`];
      return { name, address, process: script(name, 'controller-process.ts', address, url) };
    });
    const local = { module: code('node-controller.ts'), url, block_ms: options.blockMs };
    const controllersFile = join(directory, 'controllers.yaml');
    await writeFile(controllersFile, stringify({ controllers: { local } }));
    const nodes: StageNode[] = [];
    for (const name of ['n1', 'n2', 'n3']) {
      const proxies = await Promise.all(etcd.members.map(async ({ port }) => await TcpProxy.start(port)));
      const address = `127.0.0.1:${(await freePorts())[0]}`;
      const flags = {
        etcd: proxies.map((proxy) => proxy.url).join(','),
        'node-id': name,
        listen: address,
        'lease-ttl': `${options.leaseTtlMs}ms`,
        'drain-timeout': '2s',
        capacity: String(options.capacity),
        controllers: controllersFile,
        'log-level': 'info',
      };
      const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
      const program = join(options.tree, 'bin/steplock.mjs');
      const node = new ChaosProcess(name, [program, 'server', ...args], join(directory, `${name}.log`));
      nodes.push({ name, address, proxies, process: node });
    }
    return new Stage({ directory, etcd, array, arrayLog, controllers, nodes });
  }

  /** Starts the rest, and registers the remote controllers. */
  async start(): Promise<void> {
    this.array.start();
    for (const { process: controller } of this.controllers) controller.start();
    for (const { process: node } of this.nodes) node.start();
    const client = await this.#connect();
    try {
      for (const { name: controllerId, address: endpoint } of this.controllers) {
        const requestId = newUuid(systemRandom);
        const request = { controllerId, endpoint, requestId, orchestrator: false };
        await this.#again(async () => await client.dispatcher.registerController(request));
      }
      const request = { ...limitedSystem, limitClass: '', requestId: newUuid(systemRandom) };
      await this.#again(async () => await client.admission.setLimit(request));
    } finally {
      client.close();
    }
    await this.untilJoined();
  }

  /** Waits until every node is a member. */
  async untilJoined(): Promise<void> {
    const client = await this.#connect();
    try {
      await this.#again(async () => {
        const { nodes } = await client.dispatcher.listNodes({});
        if (nodes.length < this.nodes.length) throw new Error(`Only ${nodes.length} nodes have joined`);
      });
    } finally {
      client.close();
    }
  }

  /** Lets everything through, goes on with and starts whatever is not there. */
  async heal(): Promise<void> {
    for (const member of this.etcd.members) {
      member.resume();
      if (!member.isUp) member.start();
    }
    this.array.start();
    for (const { process: controller } of this.controllers) controller.start();
    for (const { process: node, proxies } of this.nodes) {
      for (const proxy of proxies) {
        proxy.isDeaf = false;
        proxy.resume();
      }
      node.signal('SIGCONT');
      node.start();
    }
    await Promise.all(
      this.etcd.members.map(async (member) => {
        await member.untilHealthy();
      }),
    );
  }

  /** Ends everything; its files stay. */
  async stop(): Promise<void> {
    const all = [...this.nodes, ...this.controllers].map((part) => part.process);
    await Promise.all(
      [...all, this.array].map(async (part) => {
        await part.end('SIGKILL');
      }),
    );
    await this.etcd.stop();
    for (const { proxies } of this.nodes) for (const proxy of proxies) await proxy.stop();
  }

  /** Takes its files away. */
  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  async #connect(): Promise<SteplockClient> {
    return await connect(this.nodes[0]?.address ?? '', { timeoutMs: readyMs });
  }

  async #again<T>(attempt: () => Promise<T>): Promise<T> {
    const untilMs = systemClock.monotonicMs() + readyMs;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (systemClock.monotonicMs() > untilMs) throw error;
      }
      await sleep(systemClock, 100);
    }
  }
}
