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
  /** Of a request that arrives twice, and is answered twice. */
  readonly duplicate: number;
  /** Of a request that arrives after its sender has given up. */
  readonly lateRequest: number;
  /** Of a watch that breaks, with each batch. */
  readonly brokenWatch: number;
  /** Of a batch of a watch that is silently lost; 1 in some runs: nodes see what they list, and nothing else. */
  readonly droppedBatch: number;
  /** Of a batch that comes seconds late, and those behind it. */
  readonly lateBatch: number;
  /** Of a list that comes in pages of a few keys, between which others write. */
  readonly shortPage: number;
  /** Of history being compacted between a list and the watch that follows it. */
  readonly compactedWatch: number;
  /** Of history being compacted, each second. */
  readonly compaction: number;
  /** Of the store standing still for a while, with each call. */
  readonly storeStall: number;
  /** Of the store refusing every call for a while, with each call. */
  readonly storeDown: number;
  /** Of a node standing still for a while, with each call. */
  readonly nodeStall: number;
  /** Of a living node's lease being gone, each second. */
  readonly lostLease: number;
  /** Of a node's wall clock being set, each second. */
  readonly clockJump: number;
  /** Of the array taking seconds for what it is told, with each call. */
  readonly slowArray: number;
  /** Of an operator doing something, each quarter of a second. */
  readonly operator: number;
  /** Of a node being stopped in an orderly way, each second. */
  readonly drain: number;
  /** Of something being held, or released, or a limit being changed, each second. */
  readonly hold: number;
}

/** A run without faults. */
export const noFaults: Faults = {
  crash: 0,
  lostRequest: 0,
  lostReply: 0,
  duplicate: 0,
  lateRequest: 0,
  brokenWatch: 0,
  droppedBatch: 0,
  lateBatch: 0,
  shortPage: 0,
  compactedWatch: 0,
  compaction: 0,
  storeStall: 0,
  storeDown: 0,
  nodeStall: 0,
  lostLease: 0,
  clockJump: 0,
  slowArray: 0,
  operator: 0,
  drain: 0,
  hold: 0,
};

/** Draws which faults a run has. One run in ten has none: the plain way must work too. */
export function drawFaults(random: Random): Faults {
  if (random.next() < 0.1) return noFaults;
  const maybe = (most: number): number => (randomBelow(random, 2) === 0 ? 0 : most * random.next());
  return {
    crash: maybe(0.03),
    lostRequest: maybe(0.1),
    lostReply: maybe(0.1),
    duplicate: maybe(0.1),
    lateRequest: maybe(0.1),
    brokenWatch: maybe(0.1),
    droppedBatch: randomBelow(random, 12) === 0 ? 1 : maybe(0.3),
    lateBatch: maybe(0.02),
    shortPage: maybe(1),
    compactedWatch: maybe(1),
    compaction: maybe(0.5),
    storeStall: maybe(0.01),
    storeDown: maybe(0.005),
    nodeStall: maybe(0.01),
    lostLease: maybe(0.05),
    clockJump: maybe(0.3),
    slowArray: maybe(0.1),
    operator: maybe(0.4),
    drain: maybe(0.1),
    hold: maybe(0.2),
  };
}
