/**
 * How long a workflow has been running: what its head says when its owner begins, and from then on what the owner measures
 * by its own monotonic clock. Nobody's wall clock counts.
 */
import { HeadState, type WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';

/** See the head of this file. */
export class Elapsed {
  /** Of the workflow as it began then; 0 for a draft. */
  #last: { readonly ms: number; readonly asOfMs: number; readonly startTimeMs: number } | undefined;

  /** Goes on from what is written in the head, and from what was measured here. */
  measure({ state, startTimeMs, elapsedMs }: WorkflowHead, monotonicMs: number): number {
    const former = this.#last?.startTimeMs === startTimeMs ? this.#last : undefined;
    const isCounting = state === HeadState.DRAFT || startTimeMs > 0;
    const measuredMs = former === undefined || !isCounting ? 0 : former.ms + monotonicMs - former.asOfMs;
    const ms = Math.max(elapsedMs, measuredMs);
    this.#last = { ms, asOfMs: monotonicMs, startTimeMs };
    // Whole milliseconds, as records have them; what is cut off is not lost, or many short measures would stand still.
    return Math.floor(ms);
  }
}
