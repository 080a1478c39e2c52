/** What a bench stands on: an etcd with fsync, a scratch directory, nodes; all of it gone when the bench ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SteplockClient } from '../../src/client/index.js';
import type { NodeSettings, StoreSettings } from '../../src/config/settings.js';
import { startEtcd, type EtcdProcess } from '../../test/support/etcd.js';
import { startNodeProcess, type NodeProcess } from './node-process.js';
import type { BenchOptions } from './report.js';

/** See the head of this file. */
export class Stage {
  readonly directory: string;
  readonly etcd: EtcdProcess;
  readonly #options: BenchOptions;
  readonly #nodes: NodeProcess[] = [];
  readonly #clients: SteplockClient[] = [];

  private constructor(directory: string, etcd: EtcdProcess, options: BenchOptions) {
    this.directory = directory;
    this.etcd = etcd;
    this.#options = options;
  }

  /** Sets it up, does the work, and takes it down. */
  static async use<T>(options: BenchOptions, work: (stage: Stage) => Promise<T>): Promise<T> {
    const directory = await mkdtemp(join(tmpdir(), 'steplock-bench-'));
    const stage = new Stage(directory, await startEtcd(), options);
    try {
      return await work(stage);
    } finally {
      await stage.#close();
    }
  }

  /** The nodes' part of etcd. */
  get store(): StoreSettings {
    return { kind: 'etcd', endpoints: [this.etcd.url], prefix: '/bench/', quotaBytes: undefined };
  }

  /** Starts a node. */
  async node(
    id: string,
    settings: Partial<NodeSettings> = {},
    store: StoreSettings = this.store,
  ): Promise<NodeProcess> {
    const { directory } = this;
    const { profileDirectory } = this.#options;
    const node = await startNodeProcess({ id, store, directory, settings, profileDirectory });
    this.#nodes.push(node);
    return node;
  }

  /** Connects to one. */
  async client({ address }: NodeProcess): Promise<SteplockClient> {
    const client = await connect(address);
    this.#clients.push(client);
    return client;
  }

  /** The nodes are not wanted any more: they need not end in good order, unless they have profiles to write. */
  abandon(): void {
    if (this.#options.profileDirectory !== undefined) return;
    for (const node of this.#nodes) node.kill();
  }

  async #close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all(
      this.#nodes.map(async (node) => {
        await node.stop();
      }),
    );
    await this.etcd.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
