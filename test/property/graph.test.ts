import { expect } from 'chai';
import fc from 'fast-check';
import { createSeededRandom, randomBelow } from '../../src/base/random.js';
import { buildGraph, Countdown, findCycle, topologicalOrder, wavesOf } from '../../src/model/graph.js';
import { runs } from '../support/runs.js';
import { allRequirements, drawGraph, requirements, type DrawnGraph } from '../support/graphs.js';

const drawn = fc
  .record({ seed: fc.nat(), stepsMax: fc.integer({ min: 1, max: 14 }) })
  .map(({ seed, stepsMax }) => ({ seed, graph: drawGraph(createSeededRandom(seed), stepsMax) }));

/** What each step must come after on the way. */
function required(graph: DrawnGraph, way: 'forward' | 'backward'): Map<string, Set<string>> {
  const forward = requirements(graph);
  if (way === 'forward') return forward;
  const backward = new Map([...forward.keys()].map((id) => [id, new Set<string>()]));
  for (const [id, before] of forward) for (const earlier of before) backward.get(earlier)?.add(id);
  return backward;
}

describe('Countdown', () => {
  for (const way of ['forward', 'backward'] as const) {
    it(`reaches, ${way}, every step exactly once, as soon as all that it waits for has passed and not before`, () => {
      fc.assert(
        fc.property(drawn, ({ seed, graph: declared }) => {
          const graph = buildGraph(declared.steps, declared.groups);
          const before = required(declared, way);
          const countdown = new Countdown(graph, way);
          const random = createSeededRandom(seed);
          const reached: number[] = countdown.roots();
          const passed = new Set<string>();
          const seen = new Set<number>(reached);
          const isDue = (id: string): boolean => [...before.get(id)!].every((earlier) => passed.has(earlier));
          while (reached.length > 0) {
            const [node] = reached.splice(randomBelow(random, reached.length), 1) as [number];
            if (node < graph.stepCount) {
              const id = graph.ids[node]!;
              expect(isDue(id), `${id} is reached early`).to.equal(true);
              passed.add(id);
            }
            for (const next of countdown.pass(node)) {
              expect(seen.has(next), 'reached twice').to.equal(false);
              seen.add(next);
              reached.push(next);
            }
            // Nothing waits any longer than it must, once the virtual nodes in between have had their turn.
            if (reached.every((next) => next < graph.stepCount)) {
              for (const [index, { id }] of declared.steps.entries()) {
                expect(countdown.isReached(index), `${id} is reached late`).to.equal(isDue(id));
              }
            }
          }
          expect(passed.size).to.equal(declared.steps.length);
          expect(seen.size).to.equal(graph.nodeCount);
        }),
        runs(300),
      );
    });
  }
});

describe('topologicalOrder() and wavesOf()', () => {
  it('put each step after all that it waits for, and no later than it must be', () => {
    fc.assert(
      fc.property(drawn, ({ graph: declared }) => {
        const graph = buildGraph(declared.steps, declared.groups);
        const place = new Map(topologicalOrder(graph).map((node, index) => [node, index]));
        const waves = wavesOf(graph);
        const indexOf = new Map(declared.steps.map(({ id }, index) => [id, index]));
        for (const [id, before] of requirements(declared)) {
          const index = indexOf.get(id)!;
          for (const earlier of before) {
            expect(place.get(indexOf.get(earlier)!)).to.be.below(place.get(index)!);
          }
          const latest = Math.max(-1, ...[...before].map((earlier) => waves[indexOf.get(earlier)!]!));
          expect(waves[index]).to.equal(latest + 1);
        }
      }),
      runs(300),
    );
  });
});

describe('findCycle()', () => {
  it('finds none in a graph without one', () => {
    fc.assert(
      fc.property(drawn, ({ graph }) => {
        expect(findCycle(buildGraph(graph.steps, graph.groups))).to.equal(undefined);
      }),
      runs(300),
    );
  });

  it('finds one as soon as a step waits for what waits for it, and names declared edges only', () => {
    fc.assert(
      fc.property(drawn, fc.nat(), ({ graph: declared }, choice) => {
        const pairs = [...allRequirements(declared)].flatMap(([id, before]) =>
          [...before].map((earlier) => ({ id, earlier })),
        );
        fc.pre(pairs.length > 0);
        const { id: late, earlier: early } = pairs[choice % pairs.length]!;
        const steps = declared.steps.map((step) =>
          step.id === early ? { ...step, waitsFor: [...step.waitsFor, late] } : step,
        );
        const cycle = findCycle(buildGraph(steps, declared.groups));
        expect(cycle?.[0]).to.equal(cycle?.at(-1));
        const groupById = new Map(declared.groups.map((group) => [group.id, group]));
        for (let index = 1; index < (cycle?.length ?? 0); index++) {
          const [from, to] = [cycle![index - 1]!, cycle![index]!];
          const step = steps.find(({ id }) => id === to);
          const isDeclared =
            step === undefined
              ? groupById.get(to)?.dependsOn.includes(from) === true ||
                steps.some((s) => s.id === from && s.group === to)
              : step.waitsFor.includes(from) || step.group === from;
          expect(isDeclared, `${from} → ${to}`).to.equal(true);
        }
        expect(cycle).to.not.equal(undefined);
      }),
      runs(300),
    );
  });
});
