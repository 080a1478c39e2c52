/** Which faults a run has, and how often: drawn from its seed, so that runs differ in kind and not only in detail. */
import { randomBelow, type Random } from '../../src/base/random.js';

/** Probabilities by kind; 0 when the fault does not occur in this run. */
export interface Faults {
  /** Of a node dying, at each point around a write or a call. */
  readonly crash: number;
  /** Of a request that never arrives. */
  readonly lostRequest: number;
  /** Of an answer that never arrives. */
  readonly lostReply: number;
  /** Of a request that arrives after its sender has given up. */
  readonly lateRequest: number;
  /** Of a watch that breaks, with each batch. */
  readonly brokenWatch: number;
  /** Of a batch of a watch that is silently lost. */
  readonly droppedBatch: number;
  /** Of the store standing still for a while, with each call. */
  readonly storeStall: number;
  /** Of a node standing still for a while, with each call. */
  readonly nodeStall: number;
  /** Of an operator doing something, each quarter of a second. */
  readonly operator: number;
  /** Of a node being stopped in an orderly way, each second. */
  readonly drain: number;
  /** Of a system being held, or released, each second. */
  readonly hold: number;
  /** Of history being compacted, each second. */
  readonly compaction: number;
}

/** A run without faults. */
export const noFaults: Faults = {
  crash: 0,
  lostRequest: 0,
  lostReply: 0,
  lateRequest: 0,
  brokenWatch: 0,
  droppedBatch: 0,
  storeStall: 0,
  nodeStall: 0,
  operator: 0,
  drain: 0,
  hold: 0,
  compaction: 0,
};

/** Draws which faults a run has. One run in ten has none: the plain way must work too. */
export function drawFaults(random: Random): Faults {
  if (random.next() < 0.1) return noFaults;
  const maybe = (most: number): number => (randomBelow(random, 2) === 0 ? 0 : most * random.next());
  return {
    crash: maybe(0.03),
    lostRequest: maybe(0.1),
    lostReply: maybe(0.1),
    lateRequest: maybe(0.1),
    brokenWatch: maybe(0.1),
    droppedBatch: maybe(0.3),
    storeStall: maybe(0.01),
    nodeStall: maybe(0.01),
    operator: maybe(0.4),
    drain: maybe(0.1),
    hold: maybe(0.2),
    compaction: maybe(0.5),
  };
}
