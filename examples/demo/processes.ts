/** The processes of the demo: each with its own ports and its own directory, ended by its id, gone with the demo. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { sleep, systemClock } from '../../src/base/clock.js';

const steplock = fileURLToPath(new URL('../../bin/steplock.mjs', import.meta.url));
const stopMs = 1_500;

/** A process that was started. */
export interface Started {
  readonly process: ChildProcess;
  /** Ends it; kills it if it does not end. */
  stop(): Promise<void>;
}

/** Starts a program with its output in a file. */
export function start(
  command: string,
  args: readonly string[],
  logFile: string,
  env: Readonly<Record<string, string | undefined>>,
): Started {
  const log = openSync(logFile, 'a');
  const child = spawn(command, [...args], { stdio: ['ignore', log, log], env });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
    child.once('error', () => {
      resolve();
    });
  });
  return {
    process: child,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const cancel = systemClock.setTimer(stopMs, () => child.kill('SIGKILL'));
      await ended;
      cancel();
    },
  };
}

/** Starts etcd with its data below the directory; who calls sees to its end before he waits for it to be ready. */
export async function startEtcd(
  directory: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Started & { url: string; ready(signal: AbortSignal): Promise<void> }> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const [url, peerUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  const args = [
    ...['--name', 'demo', '--data-dir', `${directory}/etcd`, '--log-level', 'warn'],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', `demo=${peerUrl}`],
  ];
  const started = start('etcd', args, `${directory}/etcd.log`, env);
  const isHealthy = async (): Promise<boolean> =>
    (await fetch(`${url}/health`).catch(() => undefined))?.ok === true;
  return {
    ...started,
    url,
    ready: async (signal) => {
      await until(isHealthy, 'etcd', signal);
    },
  };
}

/** Starts a Steplock node with these arguments; gives where its API listens. */
export async function startNode(
  args: readonly string[],
  logFile: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Started & { address: string }> {
  const address = `127.0.0.1:${await freePort()}`;
  const started = start(process.execPath, [steplock, ...args, '--listen', address], logFile, env);
  return { ...started, address };
}

/** A port that nobody listens at now. */
export async function freePort(): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}

/** Whether somebody listens at host:port. */
export async function listens(address: string): Promise<boolean> {
  const [host = '', port = ''] = address.split(':');
  return await new Promise<boolean>((resolve) => {
    const socket = connect(Number(port), host);
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

/** Waits until the condition holds, at most 20 s, or until the signal aborts. */
export async function until(
  condition: () => Promise<boolean>,
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const endMs = systemClock.monotonicMs() + 20_000;
  while (!(await condition())) {
    signal.throwIfAborted();
    if (systemClock.monotonicMs() > endMs) throw new Error(`${what} is not ready after 20 s`);
    await sleep(systemClock, 50, signal);
  }
}
