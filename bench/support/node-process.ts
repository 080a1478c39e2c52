/** Nodes in processes of their own. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  checkSettings,
  defaultSettings,
  type NodeSettings,
  type StoreSettings,
} from '../../src/config/settings.js';

/** What a node's process is told at its start. */
export interface NodeOrder {
  readonly settings: NodeSettings;
  /** File of the bench's controller. */
  readonly journal: string;
}

/** What it says. */
export type NodeMessage =
  | { readonly kind: 'ready'; readonly address: string }
  | { readonly kind: 'cpu'; readonly seconds: number }
  | { readonly kind: 'heap'; readonly bytes: number };

/** What it is asked. */
export type ParentMessage = 'cpu' | 'heap';

/** One that runs. */
export interface NodeProcess {
  readonly id: string;
  /** host:port of its API. */
  readonly address: string;
  /** Processor time that it has used so far, all its threads together. */
  cpuSeconds(): Promise<number>;
  /** Bytes that are in use on its heap after a collection. */
  heapBytes(): Promise<number>;
  /** SIGKILL. */
  kill(): void;
  /** SIGTERM; ends when the process has ended. */
  stop(): Promise<void>;
}

/** How one is started. */
export interface NodeProcessOptions {
  readonly id: string;
  readonly store: StoreSettings;
  /** Where its log and its journal go. */
  readonly directory: string;
  readonly settings?: Partial<NodeSettings>;
  readonly profileDirectory?: string | undefined;
}

const script = fileURLToPath(new URL('node-main.js', import.meta.url));
/** Of the checkout: the benches are compiled into .cache/bench/bench/support. */
const root = fileURLToPath(new URL('../../../../', import.meta.url));
const closeMs = 15_000;

/** The file to which the nodes' controller writes. */
export function journalOf(directory: string): string {
  return join(directory, 'journal');
}

/** Settings of a node: the defaults of the command line, but for what is said. */
function settingsOf({ id, store, settings }: NodeProcessOptions): NodeSettings {
  const { neighborhood, capacity, leaseTtlMs, shards, resyncMs, historyMs, drainTimeoutMs, secretEnvPrefix } =
    defaultSettings;
  return checkSettings({
    nodeId: id,
    listen: '127.0.0.1:0',
    store,
    neighborhood,
    labels: {},
    capacity,
    capacityOf: {},
    leaseTtlMs,
    shards,
    resyncMs,
    historyMs,
    drainTimeoutMs,
    secretKeyFile: undefined,
    secretDir: undefined,
    secretEnvPrefix,
    controllersFile: undefined,
    incidentWebhook: undefined,
    metricsListen: undefined,
    retentionMs: undefined,
    retentionExportDir: undefined,
    hasReflection: false,
    ...settings,
  });
}

/** What Node is told by the first line of the command line's program: `#!/usr/bin/env -S node FLAGS`. */
function commandFlags(): string[] {
  const [firstLine = ''] = readFileSync(join(root, 'bin/steplock.mjs'), 'utf8').split('\n');
  return firstLine.split(' ').filter((word) => word.startsWith('--'));
}

/** Starts one, and waits until it is a member of its cluster. */
export async function startNodeProcess(options: NodeProcessOptions): Promise<NodeProcess> {
  const { id, directory, profileDirectory } = options;
  const order: NodeOrder = { settings: settingsOf(options), journal: journalOf(directory) };
  const profile =
    profileDirectory === undefined
      ? []
      : [
          '--cpu-prof',
          `--cpu-prof-dir=${profileDirectory}`,
          `--cpu-prof-name=${id}-${Date.now()}.cpuprofile`,
        ];
  const log = openSync(join(directory, `${id}.log`), 'a');
  const child = fork(script, [JSON.stringify(order)], {
    execArgv: [...commandFlags(), '--expose-gc', '--enable-source-maps', ...profile],
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const killAtExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  child.once('exit', () => process.off('exit', killAtExit));
  const { address } = await said(child, 'ready');
  const ask = async <K extends ParentMessage>(kind: K): Promise<Extract<NodeMessage, { kind: K }>> => {
    const answer = said(child, kind);
    child.send(kind);
    return await answer;
  };
  return {
    id,
    address,
    cpuSeconds: async () => (await ask('cpu')).seconds,
    heapBytes: async () => (await ask('heap')).bytes,
    kill: () => child.kill('SIGKILL'),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), closeMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

async function said<K extends NodeMessage['kind']>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<NodeMessage, { kind: K }>> {
  return await new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => {
      reject(new Error(`A node ended with ${code ?? 'a signal'}; its log says why`));
    };
    const onMessage = (message: NodeMessage): void => {
      if (message.kind !== kind) return;
      child.off('exit', onExit);
      child.off('message', onMessage);
      resolve(message as Extract<NodeMessage, { kind: K }>);
    };
    child.once('exit', onExit);
    child.on('message', onMessage);
  });
}
