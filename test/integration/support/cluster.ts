/** Several real nodes on one etcd, in this process: started, asked and taken apart together. */
import { expect } from 'chai';
import type { NodeId } from '../../../src/base/ids.js';
import type { NodeSettings, StoreSettings } from '../../../src/config/settings.js';
import type { Claim, Node } from '../../../src/gen/wire/steplock/v1/dispatcher_service.js';
import type { NodeSelector } from '../../../src/gen/wire/steplock/v1/plan.js';
import { keys } from '../../../src/store/keys.js';
import { eventually } from '../../support/eventually.js';
import { freshStore, startRig, type Rig, type RigOptions } from './rig.js';
import type { SeenCall, StepScript } from './scripted-controller.js';

/** A call and the node that made it. */
export interface NodeCall extends SeenCall {
  readonly node: string;
}

/** Shards of a cluster of tests: two and three nodes have equal shares. */
export const shards = 12;
const settleMs = 15_000;

/** See above. */
export class Cluster {
  readonly store: StoreSettings;
  readonly #rigs = new Map<string, Rig>();

  private constructor(store: StoreSettings) {
    this.store = store;
  }

  /** One with these nodes. */
  static async start(...nodeIds: readonly string[]): Promise<Cluster> {
    const cluster = new Cluster(await freshStore('etcd'));
    for (const nodeId of nodeIds) await cluster.join(nodeId);
    return cluster;
  }

  /** Starts one more node. */
  async join(
    nodeId: string,
    settings: Partial<NodeSettings> = {},
    options: Omit<RigOptions, 'settings'> = {},
  ): Promise<Rig> {
    const said = { nodeId, shards, ...settings };
    const rig = await startRig({ store: this.store, logLevel: 'info', ...options, settings: said });
    this.#rigs.set(nodeId, rig);
    return rig;
  }

  /** The node of that id. */
  rig(nodeId: string): Rig {
    const rig = this.#rigs.get(nodeId);
    if (rig === undefined) throw new Error(`${nodeId} does not run`);
    return rig;
  }

  /** All of them. */
  get rigs(): readonly Rig[] {
    return [...this.#rigs.values()];
  }

  /** Says on every node what a step does. */
  script(workflow: string, step: string, script: StepScript | StepScript['execute']): void {
    for (const { script: controller } of this.rigs) controller.script(workflow, step, script);
  }

  /** A node leaves as it does when its process is told to end. */
  async leave(nodeId: string): Promise<void> {
    const rig = this.rig(nodeId);
    this.#rigs.delete(nodeId);
    await rig.close();
  }

  /** Ends all of it. */
  async close(): Promise<void> {
    const { rigs } = this;
    this.#rigs.clear();
    await Promise.all(
      rigs.map(async (rig) => {
        await rig.close();
      }),
    );
  }

  /** What the cluster says of its nodes, by id; asked of any. */
  async nodes(): Promise<Record<string, Node>> {
    const { nodes } = await this.rigs[0]!.client.dispatcher.listNodes({});
    return Object.fromEntries(nodes.map((node) => [node.name.slice('nodes/'.length), node]));
  }

  /** Waits until each node owns that many shards. */
  async ownsShards(expected: Readonly<Record<string, number>>, timeoutMs = settleMs): Promise<void> {
    await eventually(async () => {
      const counts = Object.entries(await this.nodes()).map(([id, node]) => [id, node.shards] as const);
      expect(Object.fromEntries(counts)).to.deep.equal(expected);
    }, timeoutMs);
  }

  /** The claims as a node lists them. */
  async claims(): Promise<readonly Claim[]> {
    const { claims } = await this.rigs[0]!.client.dispatcher.listClaims({ pageSize: 1_000, pageToken: '' });
    return claims;
  }

  /** The calls of a workflow by all nodes. */
  callsOf(workflow: string, step?: string): NodeCall[] {
    return [...this.#rigs].flatMap(([node, { script }]) =>
      script.callsOf(workflow, step).map((call) => ({ ...call, node })),
    );
  }

  /** Waits until a step was called that way, by any node or by those. */
  async called(
    workflow: string,
    step: string,
    kind: SeenCall['kind'] = 'execute',
    ...by: readonly string[]
  ): Promise<NodeCall> {
    return await eventually(() => {
      const calls = this.callsOf(workflow, step).filter((call) => call.kind === kind);
      const found = calls.find(({ node }) => by.length === 0 || by.includes(node));
      if (found === undefined) throw new Error(`${workflow}/${step}: no ${kind} by ${by.join(', ')}`);
      return found;
    }, settleMs);
  }

  /** Takes the node's lease away from it, as if it had died; what it runs goes on. */
  async revoke(nodeId: string): Promise<void> {
    const { store } = this.rigs[0]!;
    const record = await store.get(keys.node(nodeId as NodeId));
    await store.revokeLease(record!.lease!);
  }
}

/** Where a step may run. */
export function on(neighborhood: string, labels: Record<string, string> = {}): NodeSelector {
  return { neighborhood, labels };
}
