/** Which fault comes when: a deck for each lane, shuffled anew in each round, so that every kind comes in every round. */
import { createSeededRandom, randomBelow, type Random } from '../../src/base/random.js';

/** Faults of nodes, controllers and their ways to etcd; one at a time. */
export const nodeFaults = [
  'node killed',
  'node stopped past its lease',
  "node's event loop blocked",
  'node ended politely',
  'node cut off from etcd',
  'node cannot reach etcd, hears it',
  'node reaches etcd, hears nothing',
  'remote controller killed',
] as const;

/** Faults of etcd, one at a time so that two members stay; beside those of the nodes. */
export const etcdFaults = [
  'etcd member killed',
  'etcd member stopped',
  'etcd leader moved',
  'etcd compacted',
] as const;

/** Within etcd, where it has fault points. */
export const insideFaults = [
  'etcd slow before the WAL is synced',
  'etcd panics before the WAL is synced',
] as const;

/** With nothing else beside it. */
export const soloFaults = [
  'node killed, all else well',
  "node and etcd's leader killed",
  'everything killed',
] as const;

/** One of them. */
export type FaultKind =
  | (typeof nodeFaults)[number]
  | (typeof etcdFaults)[number]
  | (typeof insideFaults)[number]
  | (typeof soloFaults)[number];

/** A round: the two lanes run side by side, then the solo ones. */
export interface Round {
  readonly nodes: readonly FaultKind[];
  readonly etcd: readonly FaultKind[];
  readonly solo: readonly FaultKind[];
}

/** The rounds of that seed, without end. */
export function* rounds(seed: number, hasInside: boolean): Generator<Round> {
  const random = createSeededRandom(seed);
  for (;;) {
    const etcd = [...etcdFaults, ...(hasInside ? insideFaults : [])];
    yield { nodes: shuffle(nodeFaults, random), etcd: shuffle(etcd, random), solo: [...soloFaults] };
  }
}

function shuffle<T>(deck: readonly T[], random: Random): T[] {
  const left = [...deck];
  return deck.flatMap(() => left.splice(randomBelow(random, left.length), 1));
}
