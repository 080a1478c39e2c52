/** Starts workers (worker.ts), kills them, and finds out who of theirs is still alive. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AsyncQueue } from '../../../src/base/async-queue.js';
import { eventually, within } from '../../support/eventually.js';
import { compile } from './compiled.js';
import type { WorkerTask } from './worker.js';

const startMs = 20_000;

/** A process that runs one call. */
export interface Worker {
  readonly pid: number;
  /** Gives it its call. */
  begin(task: WorkerTask): void;
  /** Its next line; undefined when it has ended. */
  line(): Promise<string | undefined>;
  /** The rest of the first line that begins so. */
  until(prefix: string): Promise<string>;
  /** Lets it go on from its fault point. */
  goOn(): void;
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  /** Kills it and everything that it started, which must all be gone soon. */
  killWithChildren(): Promise<void>;
  /** Waits until it has ended. */
  ended(): Promise<void>;
}

/** Starts a worker and waits until it is ready for its call. */
async function startWorker(path: string): Promise<Worker> {
  const child = spawn(process.execPath, [path], { stdio: ['pipe', 'pipe', 'inherit'] });
  const queue = new AsyncQueue<string>(10_000);
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) queue.push(line);
  });
  child.stdin.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => {
      queue.end();
      resolve();
    });
  });
  const lines = queue[Symbol.asyncIterator]();
  const pid = child.pid ?? 0;
  const line = async (): Promise<string | undefined> => {
    const next = await within(startMs, 'A worker', lines.next());
    return next.done === true ? undefined : next.value;
  };
  const until = async (prefix: string): Promise<string> => {
    for (;;) {
      const text = await line();
      if (text === undefined) throw new Error(`The worker ended and did not say ${prefix}`);
      if (text.startsWith(prefix)) return text.slice(prefix.length).trim();
      if (text.startsWith('error') || text.startsWith('result')) throw new Error(`${prefix}? ${text}`);
    }
  };
  await until('ready');
  return {
    pid,
    line,
    until,
    begin: (task) => child.stdin.write(`${JSON.stringify(task)}\n`),
    goOn: () => child.stdin.write('go on\n'),
    signal: (name) => {
      process.kill(pid, name);
    },
    killWithChildren: async () => {
      const family = await descendantsOf(pid);
      process.kill(pid, 'SIGKILL');
      await within(startMs, 'The death of a worker', closed);
      await expectGone(family);
    },
    ended: async () => {
      await within(startMs, 'The end of a worker', closed);
    },
  };
}

/** Gives workers. */
export interface WorkerPool {
  /** One that waits for its call. */
  readonly take: () => Promise<Worker>;
  /** Ends those that nobody took. */
  readonly drain: () => Promise<void>;
}

/** Keeps some workers ready, because they take a moment to start. */
export async function createWorkerPool(size: number): Promise<WorkerPool> {
  const program = await compile(fileURLToPath(new URL('./worker.ts', import.meta.url)));
  const waiting: Promise<Worker>[] = [];
  const fill = (): void => {
    while (waiting.length < size) {
      const worker = startWorker(program.path);
      worker.catch(() => undefined);
      waiting.push(worker);
    }
  };
  fill();
  return {
    take: async () => {
      const worker = waiting.shift();
      fill();
      return await (worker ?? startWorker(program.path));
    },
    drain: async () => {
      for (const worker of waiting.splice(0)) await (await worker).killWithChildren();
      await program.remove();
    },
  };
}

/** A process; the time of its start tells it from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly parent: number;
  readonly startedAt: string;
  readonly command: string;
}

/** All processes below that one. */
export async function descendantsOf(pid: number): Promise<ProcessIdentity[]> {
  const all = await listProcesses();
  const found: ProcessIdentity[] = [];
  const parents = new Set([pid]);
  for (let grew = true; grew;) {
    grew = false;
    for (const one of all) {
      if (!parents.has(one.parent) || parents.has(one.pid)) continue;
      parents.add(one.pid);
      found.push(one);
      grew = true;
    }
  }
  return found;
}

/** Waits until none of them is alive. */
export async function expectGone(family: readonly ProcessIdentity[]): Promise<void> {
  await eventually(async () => {
    const alive = await listProcesses();
    const left = family.filter(({ pid, startedAt }) =>
      alive.some((other) => other.pid === pid && other.startedAt === startedAt),
    );
    if (left.length > 0) throw new Error(`Still alive: ${JSON.stringify(left)}`);
  });
}

async function listProcesses(): Promise<ProcessIdentity[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  const found = await Promise.all(pids.map(async (pid) => await readProcess(Number(pid))));
  return found.filter((one) => one !== undefined);
}

async function readProcess(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; only its parent has not asked yet.
    if (fields[0] === 'Z') return undefined;
    const command = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
    return { pid, parent: Number(fields[1]), startedAt: fields[19] ?? '', command };
  } catch {
    // It ended between the list and the look.
    return undefined;
  }
}
