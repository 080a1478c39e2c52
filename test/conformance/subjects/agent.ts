/** `linux` behind `steplock agent`: a process of its own, called over gRPC and killed with kill -9. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { systemClock } from '../../../src/base/clock.js';
import { createRemoteController, type RemoteController } from '../../../src/remote/remote-controller.js';
import type { ControllerPort } from '../../../src/controller.js';
import { createLinuxController, type LinuxSystem } from '../../../plugins/linux/index.js';
import type { RunningTgtd } from '../../../plugins/linux/tgtd.js';
import { descendantsOf, expectGone } from '../../plugins/linux/processes.js';
import { contextOf, startTestTgtd } from '../../plugins/linux/support.js';
import { eventually, within } from '../../support/eventually.js';
import type { Bench, Defect, Interrupted, Subject } from '../bench.js';
import { reachedFile, stopFile, type Stop } from './agent-module.js';
import { behind, emptySystem, newSystem } from './linux-files.js';

const steplock = fileURLToPath(new URL('../../../bin/steplock.mjs', import.meta.url));
const startMs = 60_000;

/** An agent with one system, started again after each of its deaths. */
class Agent {
  readonly directory: string;
  readonly system: LinuxSystem;
  readonly tgtd: RunningTgtd;
  #process: ChildProcess | undefined;
  #remote: RemoteController | undefined;

  private constructor(directory: string, system: LinuxSystem, tgtd: RunningTgtd) {
    this.directory = directory;
    this.system = system;
    this.tgtd = tgtd;
  }

  static async start(tgtd: RunningTgtd, defect: Defect | undefined): Promise<Agent> {
    const directory = await mkdtemp(join(tmpdir(), 'steplock-agent-'));
    const system = await newSystem(tgtd);
    const { id, rootDir, iqnPrefix, oversubscription = 1 } = system;
    const settings = {
      module: fileURLToPath(new URL('agent-module.ts', import.meta.url)),
      ...(defect === undefined ? {} : { defect }),
      systems: [
        {
          ...{ id, root_dir: rootDir, iqn_prefix: iqnPrefix, oversubscription },
          tgtd: { control_port: tgtd.controlPort, portal: tgtd.portal, ipc_path: tgtd.ipcPath },
        },
      ],
    };
    await writeFile(join(directory, 'controllers.yaml'), stringify({ controllers: { linux: settings } }));
    const agent = new Agent(directory, system, tgtd);
    await agent.#launch();
    return agent;
  }

  get port(): ControllerPort {
    if (this.#remote === undefined) throw new Error('No agent runs');
    return this.#remote;
  }

  /** kill -9, and the next one. */
  async killAndRestart(): Promise<void> {
    const family = await descendantsOf(this.#process?.pid ?? 0);
    await this.#end('SIGKILL');
    await expectGone(family);
    await this.#launch();
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    await rm(this.directory, { recursive: true });
    await rm(this.system.rootDir, { recursive: true });
  }

  async #launch(): Promise<void> {
    const args = ['agent', '--config', join(this.directory, 'controllers.yaml'), '--listen', '127.0.0.1:0'];
    const child = spawn(process.execPath, [steplock, ...args, '--log-level', 'error'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    const endpoint = new Promise<string>((resolve, reject) => {
      const said: string[] = [];
      createInterface({ input: child.stderr }).on('line', (line) => {
        said.push(line);
        const [, place] = / serves linux at (\S+)$/.exec(line) ?? [];
        if (place !== undefined) resolve(place);
      });
      child.once('exit', () => {
        reject(new Error(`The agent ended: ${said.join('\n')}`));
      });
    });
    const { description } = createLinuxController({ systems: [this.system] });
    const place = await within(startMs, 'The start of an agent', endpoint);
    this.#remote = createRemoteController(place, description, systemClock);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => {
        resolve();
      });
    });
    this.#remote?.close();
    child.kill(signal);
    await within(startMs, 'The end of an agent', ended);
  }
}

/** See above. */
export function agentSubject(): Subject {
  let shared: Promise<RunningTgtd> | undefined;
  const agents = new Map<Defect | undefined, Promise<Agent>>();
  return {
    name: 'linux behind an agent',
    // Each death costs a start of a process; the in-process subject has the others.
    deaths: [
      { at: 'midway', by: 'kill' },
      { at: 'after', by: 'abort' },
    ],
    open: async (defect) => {
      shared ??= startTestTgtd();
      const tgtd = await shared;
      const starting = agents.get(defect) ?? Agent.start(tgtd, defect);
      agents.set(defect, starting);
      return benchOf(await starting);
    },
    close: async () => {
      for (const agent of agents.values()) await (await agent).stop();
      await (await shared)?.stop();
    },
  };
}

function benchOf(agent: Agent): Bench {
  return {
    ...behind(agent.system, agent.tgtd),
    get port() {
      return agent.port;
    },
    interrupt: async (call) => {
      await interrupt(agent, call);
    },
    remove: async () => {
      await emptySystem(agent.system, agent.tgtd);
    },
  };
}

async function interrupt(agent: Agent, { data, method, args, at, by }: Interrupted): Promise<void> {
  const [stop, reached] = [join(agent.directory, stopFile), join(agent.directory, reachedFile)];
  const order: Stop = { key: data.idempotencyKey, at };
  await writeFile(stop, JSON.stringify(order));
  const abort = new AbortController();
  const outcome = agent.port.execute(contextOf(data, { signal: abort.signal }), method, args).then(
    (result) => JSON.stringify(result),
    () => 'unknown',
  );
  try {
    await eventually(() => {
      if (!existsSync(reached)) throw new Error(`${method} does not come to ${at}`);
    }, 20_000);
    if (by === 'kill') await agent.killAndRestart();
    else abort.abort(new Error('Told to stop'));
    const said = await outcome;
    if (said !== 'unknown') throw new Error(`The call that died answered ${said}`);
  } finally {
    await rm(stop, { force: true });
    await rm(reached, { force: true });
  }
}
