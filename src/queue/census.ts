/** How many workflows and steps there are, by where they stand: numbers for metrics. */
import type { LiveRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { QueueItem } from '../gen/store/steplock/store/v1/step.js';
import { isWaiting } from '../model/waiting.js';
import { stateName } from '../model/workflow-state.js';

/** Where a queued step stands. */
export type QueueState = 'ready' | 'held' | 'backing_off' | 'running' | 'in_doubt' | 'waiting';

/** Every one of them, for numbers that are 0. */
export const queueStates: readonly QueueState[] = [
  'ready',
  'held',
  'backing_off',
  'running',
  'in_doubt',
  'waiting',
];

/** See the head of this file. */
export interface Census {
  /** Workflows that have not ended, by state in lower case. */
  readonly workflows: ReadonlyMap<string, number>;
  /** Steps in the queue. */
  readonly queue: ReadonlyMap<QueueState, number>;
  /** How long the oldest step that could be claimed has been seen to be so; 0 for none. */
  readonly oldestReadyMs: number;
}

/** What of a queued step is looked at. */
export interface CensusStep {
  readonly item: QueueItem;
  /** When this node saw it, by the monotonic clock. */
  readonly seenMs: number;
}

/** What of the queue is looked at. */
export interface CensusSource<Step extends CensusStep> {
  readonly steps: Iterable<Step>;
  readonly live: Iterable<{ readonly record: LiveRecord }>;
  readonly isClaimValid: (item: QueueItem) => boolean;
  /** Whether its workflow lets it start. */
  readonly isWanted: (step: Step) => boolean;
  /** By the monotonic clock. */
  readonly nowMs: number;
}

/** Counts. */
export function takeCensus<Step extends CensusStep>({
  steps,
  live,
  isClaimValid,
  isWanted,
  nowMs,
}: CensusSource<Step>): Census {
  const workflows = new Map<string, number>();
  for (const { record } of live) add(workflows, stateName(record.state).toLowerCase());
  const queue = new Map<QueueState, number>();
  let oldestReadyMs = 0;
  for (const step of steps) {
    const state = stateOf(step, isClaimValid(step.item), isWanted(step), nowMs);
    add(queue, state);
    if (state === 'ready') oldestReadyMs = Math.max(oldestReadyMs, nowMs - step.seenMs - step.item.delayMs);
  }
  return { workflows, queue, oldestReadyMs };
}

function stateOf(
  { item, seenMs }: CensusStep,
  isClaimed: boolean,
  isWanted: boolean,
  nowMs: number,
): QueueState {
  if (isWaiting(item)) return 'waiting';
  if (isClaimed) return 'running';
  if (item.inDoubt) return 'in_doubt';
  if (!isWanted) return 'held';
  return seenMs + item.delayMs > nowMs ? 'backing_off' : 'ready';
}

function add<T>(counts: Map<T, number>, of: T): void {
  counts.set(of, (counts.get(of) ?? 0) + 1);
}
