/** What the tests of the linux controller share: a system of their own, calls, and a look at what is left. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  silentLogger,
  type CallContext,
  type ControllerPort,
  type ExecuteResult,
  type JsonObject,
  type ProbeResult,
  type UndoneStep,
} from '../../../src/controller.js';
import {
  createLinuxController,
  type LinuxControllerOptions,
  type LinuxSystem,
} from '../../../plugins/linux/index.js';
import { createInitiator, type Initiator } from '../../../plugins/linux/initiator.js';
import { startTgtd, type RunningTgtd } from '../../../plugins/linux/tgtd.js';

export const mebibyte = 1024 * 1024;

/** A context as plain data, so that it can be sent to another process. */
export type CallData = Omit<CallContext, 'signal' | 'progress' | 'log'>;

let lastRevision = 0;

/** A token above all that were given out in this process. */
export function nextToken(): { generation: number; revision: number } {
  lastRevision++;
  return { generation: 1, revision: lastRevision };
}

/** The data of a call of a step: forward, first attempt, with the step's own key and a new token. */
export function callOf(step: string, overrides: Partial<CallData> = {}): CallData {
  return {
    workflow: `wf-${step}`,
    workflowUid: `uid-${step}`,
    step,
    direction: 'forward',
    attempt: 1,
    fencingToken: nextToken(),
    idempotencyKey: `key-${step}`,
    formerKeys: [],
    deadlineMs: Date.now() + 60_000,
    system: 'shelf',
    tenant: 'acme',
    undone: undefined,
    ...overrides,
  };
}

/** The data of a call that undoes the step. */
export function undoOf(step: string, undone: Partial<UndoneStep> = {}): CallData {
  const idempotencyKey = `key-${step}`;
  return callOf(step, {
    direction: 'undo',
    idempotencyKey: `${idempotencyKey}-undo`,
    undone: {
      state: 'unknown',
      effect: 'unknown',
      output: undefined,
      idempotencyKey,
      formerKeys: [],
      ...undone,
    },
  });
}

/** The context for the data. */
export function contextOf(data: CallData, overrides: Partial<CallContext> = {}): CallContext {
  return {
    ...data,
    signal: new AbortController().signal,
    progress: () => undefined,
    log: silentLogger,
    ...overrides,
  };
}

/** A storage system of a test's own. */
export interface Bench {
  readonly rootDir: string;
  readonly system: LinuxSystem;
  readonly controller: ControllerPort;
  /** Another controller of the same system, as another node would have it. */
  controllerWith(options: Partial<LinuxControllerOptions>): ControllerPort;
  execute(data: CallData, method: string, args: JsonObject): Promise<ExecuteResult>;
  probe(data: CallData, method: string, args: JsonObject): Promise<ProbeResult>;
  /** Executes and gives the output. */
  must(data: CallData, method: string, args: JsonObject): Promise<JsonObject>;
  /** An initiator that looks at the system's portal. */
  initiator(host: string, chap?: { username: string; secret: string }): Initiator;
  targetOf(volume: string): string;
  /** Names of all files, without ledgers, which stay. */
  files(): Promise<string[]>;
  remove(): Promise<void>;
}

/** Makes one; `rootDir` if it is to be in a certain place. */
export async function createBench(
  tgtd?: RunningTgtd,
  options: { rootDir?: string; chapKeyFile?: string } = {},
): Promise<Bench> {
  const rootDir = options.rootDir ?? (await mkdtemp(join(tmpdir(), 'steplock-linux-')));
  const system: LinuxSystem = {
    id: 'shelf',
    rootDir,
    // Without a tgtd, one that does not run.
    tgtd: {
      controlPort: tgtd?.controlPort ?? 1,
      portal: tgtd?.portal ?? '127.0.0.1:9',
      ipcPath: tgtd?.ipcPath ?? join(rootDir, 'no-tgtd'),
    },
    iqnPrefix: `iqn.2026-11.com.example:${rootDir.replaceAll(/[^A-Za-z0-9]/g, '').toLowerCase()}`,
    ...(options.chapKeyFile === undefined ? {} : { chapKeyFile: options.chapKeyFile }),
  };
  const controller = createLinuxController({ systems: [system] });
  // Steps that delete mean a volume by its serial, which most tests do not care for.
  const complete = async (data: CallData, method: string, args: JsonObject): Promise<JsonObject> => {
    if (method !== 'delete-volume' || data.direction === 'undo' || 'serial' in args) return args;
    const { volume } = args as { volume: string };
    const text = await readFile(join(rootDir, 'volumes', `${volume}.json`), 'utf8').catch(() => '{}');
    return { ...args, serial: (JSON.parse(text) as { serial?: string }).serial ?? 'gone' };
  };
  const execute: Bench['execute'] = async (data, method, args) =>
    await controller.execute(contextOf(data), method, await complete(data, method, args));
  return {
    rootDir,
    system,
    controller,
    execute,
    controllerWith: (more) => createLinuxController({ systems: [system], ...more }),
    probe: async (data, method, args) =>
      await controller.probe(contextOf(data), method, await complete(data, method, args)),
    must: async (data, method, args) => {
      const result = await execute(data, method, args);
      if (result.kind !== 'done') throw new Error(`${method}: ${JSON.stringify(result)}`);
      return result.output;
    },
    initiator: (host, chap) =>
      createInitiator({ name: initiatorName(host), portal: system.tgtd.portal, ...(chap ? { chap } : {}) }),
    targetOf: (volume) => `${system.iqnPrefix}:${volume}`,
    files: async () => {
      const names = await readdir(rootDir, { recursive: true, withFileTypes: true });
      return names
        .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('/ledgers'))
        .map((entry) => entry.name)
        .sort();
    },
    remove: async () => {
      await rm(rootDir, { recursive: true, force: true });
    },
  };
}

/** The iSCSI name of a host. */
export function initiatorName(host: string): string {
  return `iqn.2026-11.com.example:${host}`;
}

/** Starts a tgtd that ends with this process, with its socket in a directory that goes with it. */
export async function startTestTgtd(): Promise<RunningTgtd> {
  const directory = await mkdtemp(join(tmpdir(), 'steplock-linux-tgtd-'));
  const tgtd = await startTgtd({ diesWithParent: true, ipcPath: join(directory, 'socket') });
  return {
    ...tgtd,
    stop: async () => {
      await tgtd.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The reason of a failure, or what came in its place. */
export function reasonOf(result: ExecuteResult): string {
  return result.kind === 'failed' ? result.reason : JSON.stringify(result);
}

/** The refusal of a promise, as text. */
export async function errorOf(promise: Promise<unknown>): Promise<string> {
  try {
    return `no error, but ${JSON.stringify(await promise)}`;
  } catch (error) {
    return String(error);
  }
}
