/** A process of the chaos run, killed, stopped and started again by its id; what it writes goes to a file. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

const running = new Set<ChildProcess>();
// Whatever ends this process, nothing that it started stays behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** See the head of this file. */
export class ChaosProcess {
  readonly name: string;
  readonly #args: readonly string[];
  readonly #logFile: string;
  #child: ChildProcess | undefined;

  constructor(name: string, args: readonly string[], logFile: string) {
    this.name = name;
    this.#args = args;
    this.#logFile = logFile;
  }

  /** Its process id, of its latest life. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Whether it is there, be it stopped. */
  get isUp(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it; once it has ended, again. */
  start(): void {
    if (this.isUp) return;
    const log = openSync(this.#logFile, 'a');
    const child = spawn(process.execPath, [...this.#args], { stdio: ['ignore', log, log] });
    closeSync(log);
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#child = child;
  }

  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void {
    if (this.isUp) this.#child?.kill(signal);
  }

  /** Sends a signal that ends it, and waits until it has ended. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isUp || this.#child === undefined) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exit;
  }
}
