/** The nodes of a simulated run: they start, die, are drained, lose their leases, have their clocks set, and start again. */
import type { NodeId } from '../../src/base/ids.js';
import { randomBelow } from '../../src/base/random.js';
import type { Api } from '../../src/rpc/context.js';
import { keys } from '../../src/store/keys.js';
import { kindOfDeath } from './fault-counts.js';
import { SimProcess } from './scheduler.js';
import { startSimNode, type SimNodeOptions } from './sim-node.js';
import { sessionTtlMs, type SimNetwork } from './sim-store.js';

/** What its nodes are put into. */
export type ClusterOptions = Omit<SimNodeOptions, 'nodeId' | 'process'>;

interface Instance {
  readonly process: SimProcess;
  readonly api: Api;
  isClosing: boolean;
}

/** See the head of this file. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #network: SimNetwork;
  readonly #instances = new Map<NodeId, Instance>();
  /** Until when each node may not know that its lease was taken away. */
  readonly #unawareUntilMs = new Map<string, number>();
  #started = 0;
  #crashes = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#network = options.network;
  }

  /** How many nodes have died. */
  get crashes(): number {
    return this.#crashes;
  }

  /** Whether the node's lease was taken away so recently that its own deadline is still to come. */
  isUnawares(nodeId: string): boolean {
    return this.#network.scheduler.nowMs < (this.#unawareUntilMs.get(nodeId) ?? 0);
  }

  /** A node of those that run, at random. */
  anyApi(): Api | undefined {
    const apis = this.apis.filter((api) => api.runtime.facts !== undefined);
    return apis[randomBelow(this.#network.scheduler.random, Math.max(1, apis.length))];
  }

  /** Of the nodes that run. */
  get apis(): Api[] {
    return [...this.#instances.values()].map(({ api }) => api);
  }

  /** Starts a node. */
  start(nodeId: NodeId): void {
    this.#started += 1;
    const { scheduler, count } = this.#network;
    const { random } = scheduler;
    // One clock in four is up to half an hour off, as when nobody set it.
    const isOff = randomBelow(random, 4) === 0;
    if (isOff) count('wall clock skewed');
    const skewMs = (isOff ? 3_600_000 : 5_000) * (random.next() - 0.5);
    const process = new SimProcess(`${nodeId}#${this.#started}`, scheduler, skewMs);
    this.#options.trace(`${process.name} starts`);
    const api = startSimNode({ ...this.#options, nodeId, process });
    this.#instances.set(nodeId, { process, api, isClosing: false });
    // It may have died before it had started.
    if (process.isDead) this.#startLater(nodeId);
  }

  /** Whether the process dies at this point, or is dead. */
  mayCrash(process: SimProcess, point: string): boolean {
    if (process.isDead) return true;
    const { scheduler, faults, count } = this.#network;
    const kind = kindOfDeath(point);
    // Most of what a node does is to read and to renew: there, dying teaches little.
    const share = kind === 'node dies elsewhere' ? 0.2 : 1.5;
    if (scheduler.random.next() >= share * faults.crash) return false;
    this.#options.trace(`${process.name} dies ${point}`);
    count(kind);
    this.#crashes += 1;
    process.kill();
    for (const [nodeId, instance] of this.#instances) {
      if (instance.process === process) this.#startLater(nodeId);
    }
    return true;
  }

  /** Each second: what happens to one node or another. */
  disturb(): void {
    const { scheduler, faults, server, count } = this.#network;
    const { random } = scheduler;
    if (random.next() < faults.drain) this.#drainOne();
    if (random.next() < faults.lostLease) {
      const [nodeId, instance] = this.#anyEntry() ?? [];
      const lease = nodeId === undefined ? undefined : server.get(keys.node(nodeId))?.lease;
      if (nodeId !== undefined && lease !== undefined && instance !== undefined) {
        this.#options.trace(`${instance.process.name} loses its lease`);
        count('lease of a living node gone');
        this.#unawareUntilMs.set(nodeId, scheduler.nowMs + sessionTtlMs);
        server.revokeLease(lease);
      }
    }
    if (random.next() < faults.clockJump) {
      const jumpMs = 7_200_000 * (random.next() - 0.5);
      const [, instance] = this.#anyEntry() ?? [];
      if (instance === undefined) return;
      this.#options.trace(`${instance.process.name}: its wall clock is set by ${jumpMs.toFixed(0)} ms`);
      count(jumpMs > 0 ? 'wall clock jumps forward' : 'wall clock jumps back');
      instance.process.jump(jumpMs);
    }
  }

  /** Ends all leases whose time is over, those of nodes that only stood still included. */
  expireLeases(): void {
    const { server, count } = this.#network;
    const living = [...this.#instances]
      .filter(([nodeId, { process }]) => !process.isDead && server.get(keys.node(nodeId)) !== undefined)
      .map(([nodeId]) => nodeId);
    server.expireLeases();
    for (const nodeId of living)
      if (server.get(keys.node(nodeId)) === undefined) count('lease of a living node gone');
  }

  /** Ends all of them. */
  kill(): void {
    for (const { process } of this.#instances.values()) process.kill();
  }

  #anyEntry(): [NodeId, Instance] | undefined {
    const entries = [...this.#instances];
    return entries[randomBelow(this.#network.scheduler.random, Math.max(1, entries.length))];
  }

  #startLater(nodeId: NodeId): void {
    this.#instances.delete(nodeId);
    this.#network.scheduler.after(8_000 * this.#network.scheduler.random.next(), () => {
      this.start(nodeId);
    });
  }

  /** A node is stopped in an orderly way, and started again later. */
  #drainOne(): void {
    const [nodeId, instance] = this.#anyEntry() ?? [];
    if (nodeId === undefined || instance === undefined || instance.isClosing) return;
    instance.isClosing = true;
    this.#options.trace(`${instance.process.name} (${nodeId}) is told to end`);
    this.#network.count('node drained');
    const { runtime } = instance.api;
    void runtime
      .drain(5_000)
      .then(async () => {
        await runtime.close();
      })
      .then(() => {
        if (instance.process.isDead) return;
        this.#options.trace(`${instance.process.name} has ended`);
        instance.process.kill();
        this.#startLater(nodeId);
      });
  }
}
