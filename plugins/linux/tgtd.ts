/**
 * A tgtd of one's own, for tests, for the demo and for a host whose tgtd nobody else starts. The controller
 * itself never starts one: what it exports has to outlive it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { sleep, systemClock, type Clock } from '../../src/controller.js';
import { childEnvironment, tiedToParent } from './child-process.js';
import { readFileIfThere, removeFile } from './files.js';
import { errorCode, Refusal } from './refusal.js';
import { createTgtdClient, type TgtdClient } from './tgtd-client.js';

/** What may be chosen. */
export interface TgtdOptions {
  /** The number after `-C`. @default one that is free */
  readonly controlPort?: number;
  /** Where initiators find it: `host:port`. @default a free port of 127.0.0.1 */
  readonly portal?: string;
  /** What its management socket is called, without `.controlPort`. @default `/var/run/tgtd/socket` */
  readonly ipcPath?: string;
  /** Whether it ends when this process does. @default false */
  readonly diesWithParent?: boolean;
  /** Where it writes what it has to say. @default nowhere */
  readonly logPath?: string;
  /** @default the system's clock */
  readonly clock?: Clock;
}

/** A tgtd that runs. */
export interface RunningTgtd {
  readonly controlPort: number;
  readonly portal: string;
  readonly ipcPath: string;
  readonly pid: number;
  /** Its management operations. */
  readonly client: TgtdClient;
  /** Removes its targets and accounts and ends it; kills it if it does not end. */
  stop(): Promise<void>;
  /** Kills it, as a crash would. */
  kill(): Promise<void>;
}

const defaultIpcPath = '/var/run/tgtd/socket';
const startsMax = 20;
const readyMs = 10_000;
const stopMs = 5_000;
const pollMs = 10;

/**
 * Starts a tgtd and waits until it listens.
 *
 * @throws Error if it does not start; what was not chosen is tried with other numbers first.
 */
export async function startTgtd(options: TgtdOptions = {}): Promise<RunningTgtd> {
  const isChosen = options.controlPort !== undefined && options.portal !== undefined;
  let lastError: unknown;
  // Another test run may take a free number between our look and tgtd's start: tgtd then ends, because its
  // control port is locked, or runs on without its portal. Neither gets ready.
  for (let start = 0; start < (isChosen ? 1 : startsMax); start++) {
    const controlPort = options.controlPort ?? 1_000 + Math.floor(((await freePort()) * 31_000) / 65_536);
    const portal = options.portal ?? `127.0.0.1:${await freePort()}`;
    try {
      return await startOnce(options, controlPort, portal);
    } catch (error) {
      lastError = error;
    }
  }
  throw lastError;
}

async function startOnce(options: TgtdOptions, controlPort: number, portal: string): Promise<RunningTgtd> {
  const { clock = systemClock, ipcPath = defaultIpcPath, logPath } = options;
  await mkdir(dirname(ipcPath), { recursive: true, mode: 0o755 });
  const child = launch(options, controlPort, portal, ipcPath);
  // What is meant to outlive us must not keep us alive.
  if (options.diesWithParent !== true) child.unref();
  const socketPath = `${ipcPath}.${controlPort}`;
  const client = createTgtdClient(socketPath, clock);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
    child.once('error', () => {
      resolve();
    });
  });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const clean = async (): Promise<void> => {
    // A number that somebody chose may be in use by somebody else by now.
    if (options.controlPort !== undefined) return;
    for (const suffix of ['', '.lock', '.steplock']) await removeFile(`${socketPath}${suffix}`);
  };
  if (!(await isReady(child, client, portal, clock))) {
    await kill();
    await clean();
    const said = logPath === undefined ? '' : ((await readFileIfThere(logPath)) ?? '').slice(-2_000);
    throw new Error(`tgtd -C ${controlPort} did not get ready at ${portal} ${said}`);
  }
  const stop = async (): Promise<void> => {
    const cancel = clock.setTimer(stopMs, () => {
      child.kill('SIGKILL');
    });
    // Whatever fails here, the timer or the kill below ends it.
    await tearDown(client).catch(() => child.kill('SIGKILL'));
    await ended;
    cancel();
    await clean();
  };
  return { controlPort, portal, ipcPath, pid: child.pid ?? 0, client, stop, kill };
}

function launch(options: TgtdOptions, controlPort: number, portal: string, ipcPath: string): ChildProcess {
  const args = ['-f', '-C', String(controlPort), '--iscsi', `portal=${portal}`];
  const [command, line] =
    options.diesWithParent === true ? tiedToParent('tgtd', args) : (['tgtd', args] as const);
  // Read-only: should tgtd ever write a volume's bytes to its descriptor 0, that has to fail and not vanish.
  const input = openSync('/dev/null', constants.O_RDONLY);
  const log = openSync(options.logPath ?? '/dev/null', 'a', 0o600);
  try {
    return spawn(command, line, {
      // Files and no pipes: a tgtd that outlives us would die of writing to a pipe that nobody reads.
      stdio: [input, log, log],
      detached: options.diesWithParent !== true,
      env: { ...childEnvironment, TGT_IPC_SOCKET: ipcPath },
    });
  } finally {
    closeSync(input);
    closeSync(log);
  }
}

async function isReady(
  child: ChildProcess,
  client: TgtdClient,
  portal: string,
  clock: Clock,
): Promise<boolean> {
  const untilMs = clock.monotonicMs() + readyMs;
  // Our tgtd must be alive, or it may be another one of the same number that answers.
  while (clock.monotonicMs() < untilMs && child.exitCode === null && child.signalCode === null) {
    try {
      const portals = await client.request({ mode: 'portal', operation: 'show' });
      await sleep(clock, pollMs);
      // Its portals are bound before it answers: what is not there now never comes.
      return portals.includes(`Portal: ${portal},`) && isAlive(child);
    } catch (error) {
      if (!(error instanceof Refusal) && errorCode(error) === undefined) return false;
      await sleep(clock, pollMs);
    }
  }
  return false;
}

function isAlive(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** In this order: an account that is deleted while it is bound makes tgtd crash at its next listing. */
async function tearDown(client: TgtdClient): Promise<void> {
  const { targets, accounts } = await client.show();
  for (const { tid } of targets) {
    await client.request({ mode: 'target', operation: 'delete', tid, force: true }, ['no target']);
  }
  for (const username of accounts) {
    const parameters = `user=${username}`;
    await client.request({ mode: 'account', operation: 'delete', parameters }, ['no account']);
  }
  await client.request({ mode: 'system', operation: 'delete' });
}

async function freePort(): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('No free port'));
      });
    });
  });
}
