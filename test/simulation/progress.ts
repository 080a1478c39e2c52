/** Shows how far a long run is, on stderr: a line that changes on a terminal, a line now and then elsewhere. */

/** See above. */
export class Progress {
  readonly #total: number;
  readonly #what: string;
  readonly #startedMs = performance.now();
  readonly #everyMs = process.stderr.isTTY ? 200 : 30_000;
  #shownMs = this.#startedMs;

  /** `what`: of which so many are run. */
  constructor(total: number, what: string) {
    this.#total = total;
    this.#what = what;
  }

  /** So many are done; `note` stands behind it. */
  show(done: number, note: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#shownMs < this.#everyMs) return;
    this.#shownMs = nowMs;
    const seconds = (nowMs - this.#startedMs) / 1_000;
    const leftMinutes = ((seconds / Math.max(1, done)) * (this.#total - done)) / 60;
    const text = `${done} of ${this.#total} ${this.#what}, ${note}, ${(done / seconds).toFixed(1)}/s, ${leftMinutes.toFixed(0)} min left`;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  }

  /** Before something else is written. */
  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}
