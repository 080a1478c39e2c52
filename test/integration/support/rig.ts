/** A real node with a client, a raw connection, its log and a scripted controller; and short words for what tests do. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@grpc/grpc-js';
import { expect } from 'chai';
import { newUuid } from '../../../src/base/ids.js';
import { systemRandom } from '../../../src/base/random.js';
import { connect, type SteplockClient } from '../../../src/client/index.js';
import type { NodeSettings, StoreSettings } from '../../../src/config/settings.js';
import type { ControllerPort } from '../../../src/contract/contract.js';
import type { OrchestratorPort } from '../../../src/contract/orchestrator.js';
import type { Plan } from '../../../src/gen/wire/steplock/v1/plan.js';
import { SubmitWorkflowRequest } from '../../../src/gen/wire/steplock/v1/workflow_service.js';
import { WorkflowState, type Step, type Workflow } from '../../../src/gen/wire/steplock/v1/workflow.js';
import { startNode, type SteplockNode } from '../../../src/node.js';
import { ranges } from '../../../src/store/keys.js';
import type { Store } from '../../../src/store/store.js';
import { LogCapture } from './log-capture.js';
import { rawClient } from './raw-call.js';
import { ScriptedController } from './scripted-controller.js';
import { freshPrefix, sharedEtcd } from './shared-etcd.js';
import { temporaryDirectory } from './temporary.js';

/** On which kind of store a rig stands. */
export type StoreKind = 'etcd' | 'embedded';

/** All of them, for suites that hold on each. */
export const storeKinds: readonly StoreKind[] = ['etcd', 'embedded'];

/** What a rig is made of. */
export interface RigOptions {
  /** @default the shared etcd, with a prefix of its own */
  readonly store?: StoreSettings;
  readonly settings?: Partial<NodeSettings>;
  readonly controllers?: Readonly<Record<string, ControllerPort>>;
  readonly orchestrators?: Readonly<Record<string, OrchestratorPort>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** Whether to wait until the node has joined. @default true */
  readonly waitsForJoin?: boolean;
}

/** See the head of this file. */
export interface Rig {
  readonly node: SteplockNode;
  readonly client: SteplockClient;
  readonly raw: Client;
  readonly log: LogCapture;
  readonly script: ScriptedController;
  readonly store: Store;
  /** Stops all of it. */
  close(): Promise<void>;
  /** Submits a plan; gives the workflow as it was answered. */
  submit(plan: Plan, more?: Partial<SubmitWorkflowRequest>): Promise<Workflow>;
  /** The workflow once it rests. */
  rested(name: string, timeoutMs?: number): Promise<Workflow>;
  /** The workflow once it rests, which must be in that state. */
  restedAs(name: string, state: WorkflowState, timeoutMs?: number): Promise<Workflow>;
  /** Submits a plan and waits until it rests. */
  run(plan: Plan, more?: Partial<SubmitWorkflowRequest>): Promise<Workflow>;
  get(name: string): Promise<Workflow>;
  /** One step, or undo (`undo.x`). */
  step(workflow: string, step: string): Promise<Step>;
  /** Every key of the cluster, but for those that come and go with nodes. */
  keys(): Promise<string[]>;
}

/** Settings of a node that tests can live with. */
export async function testSettings(
  store: StoreSettings,
  more: Partial<NodeSettings> = {},
): Promise<NodeSettings> {
  return {
    nodeId: 'n1',
    listen: '127.0.0.1:0',
    store,
    neighborhood: '',
    labels: {},
    capacity: 100,
    capacityOf: {},
    leaseTtlMs: 2_000,
    shards: 4,
    resyncMs: 30_000,
    historyMs: 300_000,
    drainTimeoutMs: 2_000,
    secretKeyFile: store.kind === 'etcd' ? await keyFile() : undefined,
    secretDir: undefined,
    secretEnvPrefix: 'STEPLOCK_SECRET_',
    retentionMs: undefined,
    retentionExportDir: undefined,
    controllersFile: undefined,
    incidentWebhook: undefined,
    metricsListen: undefined,
    hasReflection: false,
    ...more,
  };
}

let sharedKeyFile: Promise<string> | undefined;

/** A file with a key that seals secrets. */
export async function keyFile(): Promise<string> {
  sharedKeyFile ??= (async () => {
    const file = join(await temporaryDirectory(), 'secret.key');
    await writeFile(file, `${systemRandom.hex(32)}\n`);
    return file;
  })();
  return await sharedKeyFile;
}

/** A store of that kind that nobody else uses. */
export async function freshStore(kind: StoreKind): Promise<StoreSettings> {
  if (kind === 'embedded') return { kind, dataDir: undefined, quotaBytes: undefined };
  const { url } = await sharedEtcd();
  return { kind, endpoints: [url], prefix: freshPrefix(), quotaBytes: undefined };
}

/** Starts one. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const log = new LogCapture(options.logLevel);
  const script = new ScriptedController();
  const settings = await testSettings(options.store ?? (await freshStore('etcd')), options.settings);
  const controllers = new Map(Object.entries({ test: script.port, ...options.controllers }));
  const orchestrators = new Map(Object.entries(options.orchestrators ?? {}));
  const node = await startNode(settings, {
    log: log.logger,
    env: options.env ?? {},
    controllers,
    orchestrators,
  });
  if (options.waitsForJoin !== false) await node.joined();
  const client = await connect(node.address);
  const raw = rawClient(node.address);
  const { store } = node.api;
  const rig: Rig = {
    node,
    client,
    raw,
    log,
    script,
    store,
    close: async () => {
      client.close();
      raw.close();
      await node.close();
    },
    submit: async (plan, more) => await submit(client, plan, more),
    rested: async (name, timeoutMs) => await rested(client, name, timeoutMs),
    restedAs: async (name, state, timeoutMs) => {
      const workflow = await rested(client, name, timeoutMs);
      const steps = await rig.client.workflows.listSteps({
        parent: name,
        pageSize: 1_000,
        pageToken: '',
        states: [],
      });
      const picture = steps.steps
        .map((step) => `${step.name} ${step.state} ${step.error?.message ?? ''}`)
        .join('\n');
      expect(stateOf(workflow), picture).to.equal(stateOf({ state }));
      return workflow;
    },
    run: async (plan, more) => await rested(client, (await submit(client, plan, more)).name),
    get: async (name) => (await client.workflows.getWorkflow({ name })).workflow!,
    step: async (workflow, step) =>
      (await client.workflows.getStep({ name: `${workflow}/steps/${step}` })).step!,
    keys: async () => await listKeys(store),
  };
  return rig;
}

/** The state's name. */
export function stateOf({ state }: { readonly state: WorkflowState }): string {
  return Object.entries(WorkflowState).find(([, value]) => value === state)?.[0] ?? String(state);
}

/** A request id that nobody has used. */
export function requestId(): string {
  return newUuid(systemRandom);
}

async function submit(
  client: SteplockClient,
  plan: Plan,
  more: Partial<SubmitWorkflowRequest> = {},
): Promise<Workflow> {
  const request = SubmitWorkflowRequest.fromPartial({ requestId: requestId() });
  const { workflow } = await client.workflows.submitWorkflow({ ...request, plan, ...more });
  return workflow!;
}

async function rested(client: SteplockClient, name: string, timeoutMs = 20_000): Promise<Workflow> {
  const request = { name, timeout: { seconds: String(Math.ceil(timeoutMs / 1_000)), nanos: 0 } };
  const response = await client.workflows.waitWorkflow(request, { timeoutMs: timeoutMs + 2_000 });
  if (response.rested) return response.workflow!;
  const { steps } = await client.workflows.listSteps({
    parent: name,
    pageSize: 1_000,
    pageToken: '',
    states: [],
  });
  const picture = steps.map((step) => `${step.name}: ${step.state} ${step.error?.message ?? ''}`).join('\n');
  throw new Error(`${name} is ${stateOf(response.workflow!)} after ${timeoutMs} ms\n${picture}`);
}

/** Every key but those of nodes and of who owns what; of requests only that they are there. */
async function listKeys(store: Store): Promise<string[]> {
  const { kvs } = await store.list(ranges.all, { keysOnly: true });
  return kvs.map(({ key }) => key).filter((key) => !/^(node|shard|meta)\//.test(key));
}
