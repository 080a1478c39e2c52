/** What was called, in which order: for the assertions of tests. */
import { deepStrictEqual, fail } from 'node:assert/strict';
import type { CallContext } from '../contract/index.js';
import type { JsonObject } from '../base/json.js';

/** A call of a controller as it came. */
export interface RecordedCall {
  readonly kind: 'execute' | 'poll' | 'probe' | 'cancel';
  /** The name that the controller is registered by. */
  readonly controller: string;
  readonly method: string;
  /** The workflow's id. */
  readonly workflow: string;
  readonly step: string;
  readonly direction: CallContext['direction'];
  readonly attempt: number;
  /** As the controller got them: references and secrets resolved. Empty for a cancel. */
  readonly args: JsonObject;
  /** When it came. */
  readonly time: Date;
}

/** The calls of one workflow. */
export class Trail {
  readonly #calls: () => readonly RecordedCall[];

  constructor(calls: () => readonly RecordedCall[]) {
    this.#calls = calls;
  }

  /** All of them, in their order. */
  get calls(): readonly RecordedCall[] {
    return this.#calls();
  }

  /** The steps that were executed, in the order in which they were first. */
  get ran(): string[] {
    return this.#firsts('forward');
  }

  /** The steps whose undo was executed, in the order in which it was first. */
  get undone(): string[] {
    return this.#firsts('undo');
  }

  /** The calls of one step; of its undo with `undo.` in front. */
  of(step: string): RecordedCall[] {
    return this.calls.filter(
      (call) => step === (call.direction === 'undo' ? `undo.${call.step}` : call.step),
    );
  }

  /** @throws AssertionError unless exactly these steps were executed, in any order. */
  assertRan(...steps: readonly string[]): void {
    deepStrictEqual([...this.ran].sort(), [...steps].sort(), 'These steps were executed');
  }

  /** @throws AssertionError unless exactly these steps were undone, in this order. */
  assertUndone(...steps: readonly string[]): void {
    deepStrictEqual(this.undone, [...steps], 'These steps were undone, in this order');
  }

  /** @throws AssertionError unless each of the steps was first executed before the next one; `undo.` in front for undos. */
  assertOrder(...steps: readonly string[]): void {
    const executed = this.calls.filter(({ kind }) => kind === 'execute');
    const names = executed.map(({ direction, step }) => (direction === 'undo' ? `undo.${step}` : step));
    const places = steps.map((step) => names.indexOf(step));
    for (const [index, place] of places.entries()) {
      const step = steps[index] ?? '';
      if (place < 0) fail(`${step} was not executed; these were: ${names.join(', ')}`);
      if (index > 0 && place < (places[index - 1] ?? 0))
        fail(`${step} came before ${steps[index - 1] ?? ''}: ${names.join(', ')}`);
    }
  }

  #firsts(direction: CallContext['direction']): string[] {
    const executed = this.calls.filter((call) => call.kind === 'execute' && call.direction === direction);
    return [...new Set(executed.map(({ step }) => step))];
  }
}
