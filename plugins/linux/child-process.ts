/**
 * Runs child processes that cannot outlive this one. Three things see to it, because a child that goes on
 * after its node died would act for a step that another node has taken over:
 *
 * 1. `setpriv --pdeathsig KILL`: the kernel kills the child when its parent ends, however that ends.
 * 2. The parent may die before (1) is set up. So a shell compares its parent with the expected one after it,
 *    and only then becomes the command.
 * 3. A child that changes something inherits the lock that covers the change, so the lock is free only when
 *    parent and child are both gone.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** How a child is run. */
export interface ChildOptions {
  /** Kills the child; the call then throws the signal's reason once the child is gone. */
  readonly signal: AbortSignal;
  /** A file descriptor that the child gets as its number 3. */
  readonly inherit?: number;
  /** Gets what the child writes to its standard error, as it comes. */
  readonly onErrorOutput?: (text: string) => void;
  /** Added to the environment, which is otherwise a PATH and the C locale. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Written to its standard input, which is then closed; without it the input stays open and empty. */
  readonly input?: string;
}

/** How a child ended. */
export interface ChildResult {
  /** Its exit code; -1 when a signal ended it. */
  readonly exitCode: number;
  /** The last 64 KiB of its output. */
  readonly output: string;
  /** The last 64 KiB of its error output. */
  readonly errorOutput: string;
}

/** Runs a command to its end. */
export type RunChild = (
  command: string,
  args: readonly string[],
  options: ChildOptions,
) => Promise<ChildResult>;

type Piped = ChildProcessByStdio<Writable, Readable, Readable>;

const outputSizeMax = 64 * 1024;
const becomeIfParentLives = '[ "$PPID" = "$0" ] && exec "$@"';

/** The environment that every child gets: nothing of this process's own leaks into it. */
export const childEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

/** The command line that runs the command under the rules above. */
export function tiedToParent(command: string, args: readonly string[]): [string, string[]] {
  const parent = String(process.pid);
  return [
    'setpriv',
    ['--pdeathsig', 'KILL', '--', '/bin/sh', '-c', becomeIfParentLives, parent, command, ...args],
  ];
}

/**
 * Runs a command to its end, tied to this process.
 *
 * @throws the signal's reason when it aborts, after the child is gone; an Error when it cannot be started.
 */
export const runChild: RunChild = async (command, args, options) => {
  options.signal.throwIfAborted();
  const [file, line] = tiedToParent(command, args);
  const child = spawn(file, line, {
    stdio: ['pipe', 'pipe', 'pipe', ...(options.inherit === undefined ? [] : [options.inherit])],
    env: { ...childEnvironment, ...options.environment },
  }) as Piped;
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  options.signal.addEventListener('abort', kill, { once: true });
  let output = '';
  let errorOutput = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-outputSizeMax);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errorOutput = (errorOutput + text).slice(-outputSizeMax);
    options.onErrorOutput?.(text);
  });
  // A child that ends without reading closes the pipe; that is its right.
  child.stdin.on('error', () => undefined);
  if (options.input !== undefined) child.stdin.end(options.input);
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => {
        resolve(code ?? -1);
      });
    });
    options.signal.throwIfAborted();
    return { exitCode, output, errorOutput };
  } finally {
    options.signal.removeEventListener('abort', kill);
    child.stdin.destroy();
  }
};
