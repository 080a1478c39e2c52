/** What came of many runs, added up and shown. */
import { addCounts, faultKinds, noCounts, type FaultKind } from './fault-counts.js';
import { replayCommand, type GivenSize } from './sizes.js';
import type { SeedAnswer } from './worker.js';

/** A run in which an invariant broke. */
export interface Broken {
  readonly seed: number;
  readonly failure: string;
  /** The command that runs it again. */
  readonly replay: string;
}

/** See the head of this file. */
export class Summary {
  readonly faults: Record<FaultKind, number> = noCounts();
  readonly ends: Record<string, number> = {};
  readonly broken: Broken[] = [];
  readonly #given: GivenSize;
  #seeds = 0;
  #events = 0;
  #crashes = 0;
  #workflows = 0;
  #steps = 0;

  constructor(given: GivenSize) {
    this.#given = given;
  }

  /** How many runs have ended. */
  get seeds(): number {
    return this.#seeds;
  }

  /** Kinds of faults that have not happened in any of them. */
  get missing(): FaultKind[] {
    return faultKinds.filter((kind) => this.faults[kind] === 0);
  }

  /** Adds a run. */
  add({ result }: SeedAnswer): void {
    this.#seeds += 1;
    this.#events += result.events;
    this.#crashes += result.crashes;
    this.#workflows += result.workflows;
    this.#steps += result.steps;
    addCounts(this.faults, result.faults);
    for (const [state, count] of Object.entries(result.ends))
      this.ends[state] = (this.ends[state] ?? 0) + count;
    const { seed, failure } = result;
    if (failure !== undefined) this.broken.push({ seed, failure, replay: replayCommand(seed, this.#given) });
  }

  /** All of it, for a program. */
  toJson(): object {
    return {
      seeds: this.#seeds,
      events: this.#events,
      crashes: this.#crashes,
      workflows: this.#workflows,
      steps: this.#steps,
      ends: this.ends,
      faults: this.faults,
      broken: [...this.broken].sort((left, right) => left.seed - right.seed),
    };
  }

  /** All of it, for people. */
  toText(): string {
    const numbers = (of: Readonly<Record<string, number>>): string =>
      Object.entries(of)
        .map(([name, count]) => `  ${String(count).padStart(9)}  ${name}`)
        .join('\n');
    return [
      `faults`,
      numbers(this.faults),
      `ends of the workflows that were submitted`,
      numbers(this.ends),
      `${this.#seeds} seeds, ${this.#workflows} workflows (children included) of ${this.#steps} steps, ${this.#events} events, ${this.#crashes} crashes`,
      `${this.broken.length} broken`,
    ].join('\n');
  }
}
