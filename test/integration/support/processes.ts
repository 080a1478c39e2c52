/** Processes of their own: the command line, nodes, and scripts of the tests; each ended by its process id. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../support/eventually.js';

const steplock = fileURLToPath(new URL('../../../bin/steplock.mjs', import.meta.url));
const startMs = 20_000;

/** A process that runs, or has ended. */
export interface RunningProcess {
  readonly pid: number;
  /** What it has written so far. */
  readonly output: { out: string; err: string };
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Waits until what it wrote, to either stream, matches; gives the match. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal?: NodeJS.Signals): void;
}

const running = new Set<ChildProcessWithoutNullStreams>();

/** Starts a script of the tests, in TypeScript, that lies beside this file. */
export function startScript(script: string, ...args: readonly string[]): RunningProcess {
  const file = fileURLToPath(new URL(script, import.meta.url));
  return start(['--import', 'tsx', file, ...args]);
}

/** Starts the command line; `input` goes to its standard input. */
export function startSteplock(
  args: readonly string[],
  input = '',
  env: Readonly<Record<string, string>> = {},
): RunningProcess {
  return start([steplock, ...args], input, env);
}

/** Starts a node with the command line, and waits until it listens. */
export async function startServer(
  ...args: readonly string[]
): Promise<RunningProcess & { readonly address: string }> {
  const server = startSteplock([...args, '--listen', '127.0.0.1:0']);
  const [, address = ''] = await server.says(/^steplock listens at (\S+)$/m);
  return { ...server, address };
}

function start(
  args: readonly string[],
  input = '',
  env: Readonly<Record<string, string>> = {},
): RunningProcess {
  return startProcess(process.execPath, args, input, env);
}

/** Starts any program. */
export function startProcess(
  program: string,
  args: readonly string[],
  input = '',
  env: Readonly<Record<string, string>> = {},
): RunningProcess {
  const child = spawn(program, args, { env: { ...process.env, ...env } });
  running.add(child);
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.err += text));
  // It may end without having read it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const ended = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return (code ?? signal) as number | NodeJS.Signals;
  });
  return {
    pid: child.pid ?? 0,
    output,
    ended,
    says: async (pattern) =>
      await eventually(() => {
        const match = pattern.exec(output.out) ?? pattern.exec(output.err);
        if (match === null) throw new Error(`No ${String(pattern)} in: ${output.out}${output.err}`);
        return match;
      }, startMs),
    kill: (signal = 'SIGKILL') => {
      child.kill(signal);
    },
  };
}

after(() => {
  for (const child of running) child.kill('SIGKILL');
});
