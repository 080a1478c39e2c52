/**
 * Three real etcd members that make a cluster: each with its own ports and data directory, killed, stopped and started
 * again by its process id. With the binary of scripts/etcd36.mjs they have fault points, which are set over HTTP.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from './etcd.js';
import { eventually } from './eventually.js';

/** What a member says of itself. */
export interface EtcdStatus {
  readonly memberId: string;
  readonly leaderId: string;
  readonly term: number;
  readonly version: string;
}

const startMs = 30_000;
const askMs = 2_000;

/** One member. */
export class EtcdMember {
  readonly name: string;
  readonly port: number;
  readonly peerUrl: string;
  readonly #directory: string;
  readonly #binary: string;
  readonly #faultPort: number | undefined;
  #child: ChildProcess | undefined;
  #cluster = '';

  constructor(options: {
    readonly name: string;
    readonly ports: readonly [port: number, peerPort: number];
    readonly faultPort: number | undefined;
    readonly directory: string;
    readonly binary: string;
  }) {
    this.name = options.name;
    this.port = options.ports[0];
    this.peerUrl = `http://127.0.0.1:${options.ports[1]}`;
    this.#faultPort = options.faultPort;
    this.#directory = options.directory;
    this.#binary = options.binary;
  }

  /** Where clients reach it. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Whether its process is there, be it stopped. */
  get isUp(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it, or starts it again on its data. */
  start(cluster = this.#cluster): void {
    this.#cluster = cluster;
    const flags = {
      name: this.name,
      'data-dir': join(this.#directory, this.name),
      'listen-client-urls': this.url,
      'advertise-client-urls': this.url,
      'listen-peer-urls': this.peerUrl,
      'initial-advertise-peer-urls': this.peerUrl,
      'initial-cluster': cluster,
      'log-level': 'warn',
    };
    const log = openSync(join(this.#directory, `${this.name}.log`), 'a');
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const faults = this.#faultPort === undefined ? {} : { GOFAIL_HTTP: `127.0.0.1:${this.#faultPort}` };
    this.#child = spawn(this.#binary, args, {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...faults },
    });
    // What is said of a missing binary is said by whoever waits for it.
    this.#child.on('error', () => undefined);
    closeSync(log);
  }

  /** Waits until it takes part. */
  async untilHealthy(): Promise<void> {
    await eventually(async () => {
      const health = (await (await fetch(`${this.url}/health`, soon())).json()) as { health: string };
      if (health.health !== 'true') throw new Error(`etcd ${this.name} is not healthy`);
    }, startMs);
  }

  /** SIGSTOP. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** SIGKILL; its data stays. */
  async kill(): Promise<void> {
    if (!this.isUp || this.#child === undefined) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }

  /** Waits until it has ended by itself. */
  async untilEnded(timeoutMs: number): Promise<void> {
    await eventually(() => {
      if (this.isUp) throw new Error(`etcd ${this.name} has not ended`);
    }, timeoutMs);
  }

  /** Sets a fault point, e.g. `walBeforeSync` to `panic("chaos")`; without terms it does nothing again. */
  async setFault(point: string, terms?: string): Promise<void> {
    const url = `http://127.0.0.1:${this.#faultPort ?? 0}/${point}`;
    const request = terms === undefined ? { method: 'DELETE' } : { method: 'PUT', body: terms };
    const response = await fetch(url, { ...request, ...soon(10_000) });
    if (!response.ok) throw new Error(`etcd has no fault point ${point}: ${await response.text()}`);
  }

  /** What it says of itself. */
  async status(): Promise<EtcdStatus> {
    const answer = (await this.#post('maintenance/status', {})) as {
      header: { member_id: string; raft_term: string };
      leader?: string;
      version: string;
    };
    const { header, leader = '0', version } = answer;
    return { memberId: header.member_id, leaderId: leader, term: Number(header.raft_term), version };
  }

  /** Has the leader, which this must be, give its place to that member. */
  async moveLeader(targetId: string): Promise<void> {
    await this.#post('maintenance/transfer-leadership', { targetID: targetId });
  }

  /** Forgets what was before that revision. */
  async compact(revision: number): Promise<void> {
    await this.#post('kv/compaction', { revision: String(revision) });
  }

  async #post(path: string, body: object): Promise<unknown> {
    const response = await fetch(`${this.url}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      ...soon(),
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return await response.json();
  }
}

/** See the head of this file. */
export class EtcdCluster {
  readonly members: readonly EtcdMember[];
  /** Whether fault points can be set. */
  readonly hasFaults: boolean;

  private constructor(members: readonly EtcdMember[], hasFaults: boolean) {
    this.members = members;
    this.hasFaults = hasFaults;
  }

  /** Starts three below the directory; ends them when this process ends. */
  static async start(directory: string, binary: string, hasFaults: boolean): Promise<EtcdCluster> {
    const members: EtcdMember[] = [];
    for (const name of ['e1', 'e2', 'e3']) {
      const ports = await freePorts();
      const faultPort = hasFaults ? (await freePorts())[0] : undefined;
      members.push(new EtcdMember({ name, ports, faultPort, directory, binary }));
    }
    const cluster = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
    process.once('exit', () => {
      for (const member of members) void member.kill();
    });
    for (const member of members) member.start(cluster);
    await Promise.all(
      members.map(async (member) => {
        await member.untilHealthy();
      }),
    );
    return new EtcdCluster(members, hasFaults);
  }

  /** The leader and its term, as a member says that answers; undefined while there is none. */
  async leader(): Promise<{ readonly member: EtcdMember; readonly term: number } | undefined> {
    const all = await Promise.all(
      this.members.map(async (member) => ({ member, status: await member.status().catch(() => undefined) })),
    );
    const known = all.flatMap(({ member, status }) => (status === undefined ? [] : [{ member, status }]));
    const term = Math.max(...known.map(({ status }) => status.term));
    const leads = known.find(
      ({ status }) => status.term === term && status.leaderId === status.memberId && status.leaderId !== '0',
    );
    return leads === undefined ? undefined : { member: leads.member, term };
  }

  /** Kills all of them. */
  async stop(): Promise<void> {
    await Promise.all(
      this.members.map(async (member) => {
        await member.kill();
      }),
    );
  }
}

function soon(timeoutMs = askMs): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(timeoutMs) };
}
