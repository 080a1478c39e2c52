/**
 * A real etcd of our own: free ports, its own data directory, ended by its process id. Which one is the binary that
 * STEPLOCK_TEST_ETCD names, or `etcd` on the PATH.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';

/** One that runs. */
export interface EtcdProcess {
  /** Its client URL. */
  readonly url: string;
  /** Where it listens for clients. */
  readonly port: number;
  /** Its version, e.g. `3.4.23`. */
  readonly version: string;
  /** Where its data lies. */
  readonly directory: string;
  /** Stops it where it is (SIGSTOP). */
  pause(): void;
  /** Lets it go on. */
  resume(): void;
  /** Ends it with no time for anything (SIGKILL); its data stays. */
  kill(): Promise<void>;
  /** After that: starts it again on the same data and ports, and waits until it is healthy. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const startMs = 15_000;

/** Starts one with these flags beside the necessary ones, and waits until it is healthy. */
export async function startEtcd(...flags: readonly string[]): Promise<EtcdProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'steplock-etcd-'));
  const [port, peerPort] = await freePorts();
  const url = `http://127.0.0.1:${port}`;
  const start = (): ChildProcess => run(directory, url, `http://127.0.0.1:${peerPort}`, flags);
  let child = start();
  const killAtExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  const stop = async (): Promise<void> => {
    process.removeListener('exit', killAtExit);
    await kill();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const version = await untilHealthy(child, url);
    return {
      url,
      port,
      version,
      directory,
      pause: () => child.kill('SIGSTOP'),
      resume: () => child.kill('SIGCONT'),
      kill,
      restart: async () => {
        child = start();
        await untilHealthy(child, url);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function run(directory: string, url: string, peerUrl: string, flags: readonly string[]): ChildProcess {
  const necessary = {
    'data-dir': directory,
    'listen-client-urls': url,
    'advertise-client-urls': url,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `default=${peerUrl}`,
    'log-level': 'error',
    // The least time to live of a lease hangs on these: so it is one second.
    'heartbeat-interval': '20',
    'election-timeout': '200',
  };
  const args = Object.entries(necessary).map(([name, value]) => `--${name}=${value}`);
  return spawn(process.env['STEPLOCK_TEST_ETCD'] ?? 'etcd', [...args, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

async function untilHealthy(child: ChildProcess, url: string): Promise<string> {
  let output = '';
  let failure: Error | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-4_000)));
  child.once('error', (cause) => {
    failure = new Error(
      'etcd does not start: install it (apt-get install etcd-server) or set STEPLOCK_TEST_ETCD',
      {
        cause,
      },
    );
  });
  await eventually(async () => {
    if (failure !== undefined) return;
    if (child.exitCode !== null) failure = new Error(`etcd ended: ${output}`);
    const health = (await (await fetch(`${url}/health`)).json()) as { health: string };
    if (health.health !== 'true') throw new Error(`etcd is not healthy: ${output}`);
  }, startMs);
  if (failure !== undefined) throw failure;
  const version = (await (await fetch(`${url}/version`)).json()) as { etcdserver: string };
  return version.etcdserver;
}

/** Two ports that nobody listens at now. */
export async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports = servers.map(async (server) => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  const [first = 0, second = 0] = await Promise.all(ports);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return [first, second];
}
