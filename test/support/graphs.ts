/** Random dependency graphs, and what they mean, worked out the slow way and without the code under test. */
import { randomBelow, type Random } from '../../src/base/random.js';
import type { GraphGroup, GraphStep } from '../../src/model/graph.js';

/** A graph as it is declared. */
export interface DrawnGraph {
  readonly steps: readonly GraphStep[];
  readonly groups: readonly GraphGroup[];
}

/**
 * Draws a graph without cycles: steps stand on a line, a group covers a stretch of it, and whatever waits stands behind
 * what it waits for. Groups may be empty, overlap and wait for each other. The declarations come shuffled.
 */
export function drawGraph(random: Random, stepsMax: number): DrawnGraph {
  const count = 1 + randomBelow(random, stepsMax);
  const spans = Array.from({ length: randomBelow(random, 4) }, (_, index) => {
    const from = randomBelow(random, count + 1);
    return { id: `g${index}`, from, to: Math.min(count, from + randomBelow(random, 4)) };
  });
  const density = random.next();
  const pick = (): boolean => random.next() < density;
  /** Whatever ends before that place. */
  const before = (place: number): string[] => {
    const ids = Array.from({ length: place }, (_, index) => `s${index}`);
    for (const { id, from, to } of spans) if (to <= place && from < place) ids.push(id);
    const picked = ids.filter(() => random.next() < 2 / ids.length && pick());
    // Named twice now and then: that counts once.
    return random.next() < 0.2 ? [...picked, ...picked.slice(0, 1)] : picked;
  };
  const steps = Array.from({ length: count }, (_, index) => {
    const around = spans.filter(({ from, to }) => index >= from && index < to);
    const group = pick() ? (around[randomBelow(random, around.length || 1)]?.id ?? '') : '';
    return { id: `s${index}`, group, waitsFor: before(index) };
  });
  const groups = spans.map(({ id, from }) => ({ id, dependsOn: before(from) }));
  return { steps: shuffle(random, steps), groups: shuffle(random, groups) };
}

/** The items in another order. */
export function shuffle<T>(random: Random, items: readonly T[]): T[] {
  const shuffled = [...items];
  for (let index = shuffled.length - 1; index > 0; index--) {
    const other = randomBelow(random, index + 1);
    [shuffled[index], shuffled[other]] = [shuffled[other]!, shuffled[index]!];
  }
  return shuffled;
}

/** For each step, the steps that must have ended first: named, by a group that it waits for, or by its own group. */
export function requirements({ steps, groups }: DrawnGraph): Map<string, Set<string>> {
  const groupById = new Map(groups.map((group) => [group.id, group]));
  const membersOf = (id: string): string[] =>
    steps.filter((step) => step.group === id).map((step) => step.id);
  /** What has ended when all of these have. */
  const expand = (ids: readonly string[]): string[] =>
    ids.flatMap((id) => {
      const group = groupById.get(id);
      if (group !== undefined) return [...membersOf(id), ...expand(group.dependsOn)];
      return steps.some((step) => step.id === id) ? [id] : [];
    });
  return new Map(
    steps.map((step) => {
      const own = groupById.get(step.group)?.dependsOn ?? [];
      return [step.id, new Set(expand([...step.waitsFor, ...own]))];
    }),
  );
}

/** As {@link requirements}, with those of those. */
export function allRequirements(graph: DrawnGraph): Map<string, Set<string>> {
  const direct = requirements(graph);
  const all = new Map<string, Set<string>>();
  const collect = (id: string): Set<string> => {
    const known = all.get(id);
    if (known !== undefined) return known;
    const found = new Set<string>();
    for (const before of direct.get(id) ?? []) {
      found.add(before);
      for (const earlier of collect(before)) found.add(earlier);
    }
    all.set(id, found);
    return found;
  };
  for (const id of direct.keys()) collect(id);
  return all;
}
