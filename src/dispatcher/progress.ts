/** Shows how far a step is: what the controller says, written at most once a second. */
import type { Clock } from '../base/clock.js';
import { clampPercent, cut } from '../model/attempt.js';
import { redactText } from '../model/secret.js';
import type { HeldItem } from './held-item.js';

const writeMs = 1_000;

/** See above. */
export class ProgressWriter {
  readonly #held: HeldItem;
  readonly #clock: Clock;
  #latest: { readonly percent: number; readonly message: string } | undefined;
  #cancelTimer: (() => void) | undefined;
  #isStopped = false;

  constructor(held: HeldItem, clock: Clock) {
    this.#held = held;
    this.#clock = clock;
  }

  /** Notes how far it is; the latest word is written soon. */
  note(percent: number, message: string, secrets: ReadonlySet<string>): void {
    if (this.#isStopped) return;
    this.#latest = { percent: clampPercent(percent), message: cut(redactText(message, secrets)) };
    this.#cancelTimer ??= this.#clock.setTimer(writeMs, () => {
      this.#cancelTimer = undefined;
      this.#write();
    });
  }

  /** Writes nothing any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }

  #write(): void {
    const latest = this.#latest;
    this.#latest = undefined;
    if (latest === undefined || this.#isStopped) return;
    const patch = { progressPercent: latest.percent, progressMessage: latest.message };
    // A lost claim is noticed by the write that matters; progress is only shown.
    this.#held.write(patch).catch(() => undefined);
  }
}
