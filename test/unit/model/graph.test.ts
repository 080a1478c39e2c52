import { expect } from 'chai';
import { AssertionError } from '../../../src/base/assert.js';
import {
  buildGraph,
  Countdown,
  findCycle,
  topologicalOrder,
  wavesOf,
  type Graph,
  type GraphStep,
} from '../../../src/model/graph.js';

const step = (id: string, waitsFor: string[] = [], group = ''): GraphStep => ({ id, group, waitsFor });
const group = (id: string, dependsOn: string[] = []): { id: string; dependsOn: string[] } => ({
  id,
  dependsOn,
});

/** The steps in the order of the rounds in which they can run. */
function rounds(graph: Graph, way: 'forward' | 'backward' = 'forward'): string[][] {
  const countdown = new Countdown(graph, way);
  const found: string[][] = [];
  let reached = countdown.roots();
  while (reached.length > 0) {
    const next: number[] = [];
    const round: string[] = [];
    for (const node of reached) {
      const stack = [node];
      for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
        // The virtual nodes of groups take no time.
        if (at < graph.stepCount) round.push(graph.ids[at]!);
        else stack.push(...countdown.pass(at));
      }
    }
    for (const id of round) next.push(...countdown.pass(graph.ids.indexOf(id)));
    found.push(round.sort());
    reached = next;
  }
  return found.filter((round) => round.length > 0);
}

describe('buildGraph()', () => {
  it('lets the members of a group wait for what the group waits for, and others for all its members', () => {
    const graph = buildGraph(
      [step('a'), step('m1', [], 'g'), step('m2', [], 'g'), step('z', ['g'])],
      [group('g', ['a'])],
    );
    expect(rounds(graph)).to.deep.equal([['a'], ['m1', 'm2'], ['z']]);
    expect(rounds(graph, 'backward')).to.deep.equal([['z'], ['m1', 'm2'], ['a']]);
  });

  it('lets an empty group end after what it waits for', () => {
    const graph = buildGraph([step('a'), step('z', ['g'])], [group('g', ['a'])]);
    expect(rounds(graph)).to.deep.equal([['a'], ['z']]);
  });

  it('lets groups wait for groups', () => {
    const graph = buildGraph(
      [step('a', [], 'one'), step('b', [], 'two'), step('c', ['three'])],
      [group('three', ['two']), group('two', ['one']), group('one')],
    );
    expect(rounds(graph)).to.deep.equal([['a'], ['b'], ['c']]);
  });

  it('counts an id that is named twice once', () => {
    const graph = buildGraph([step('a'), step('b', ['a', 'a', 'g', 'g'], '')], [group('g', ['a', 'a'])]);
    expect(rounds(graph)).to.deep.equal([['a'], ['b']]);
  });

  it('leaves out ids that nothing has', () => {
    const graph = buildGraph([step('a', ['nobody'], 'nowhere')], [group('g', ['nobody'])]);
    expect(rounds(graph)).to.deep.equal([['a']]);
  });

  it('keeps edges in proportion to what was declared: a group of 10,000 between two groups of 10,000', () => {
    const steps = ['x', 'y', 'z'].flatMap((name, index) =>
      Array.from({ length: 3_000 }, (_, number) =>
        step(`${name}${number}`, index === 0 ? [] : [`g${index - 1}`], `g${index}`),
      ),
    );
    const graph = buildGraph(steps, [group('g0'), group('g1'), group('g2')]);
    const edges = graph.successors.reduce((sum, nodes) => sum + nodes.length, 0);
    expect(edges).to.be.below(4 * steps.length);
  });
});

describe('findCycle()', () => {
  it('finds none where there is none', () => {
    expect(findCycle(buildGraph([step('a'), step('b', ['a']), step('c', ['a', 'b'])], []))).to.equal(
      undefined,
    );
    expect(findCycle(buildGraph([], []))).to.equal(undefined);
  });

  it('names the cycle in the order of its steps, and nothing beside it', () => {
    const steps = [
      step('before'),
      step('a', ['c', 'before']),
      step('b', ['a']),
      step('c', ['b']),
      step('after', ['c']),
    ];
    const cycle = findCycle(buildGraph(steps, []))!;
    expect(cycle[0]).to.equal(cycle.at(-1));
    expect(cycle.slice(1).sort()).to.deep.equal(['a', 'b', 'c']);
    const rotated = [...cycle.slice(0, -1), ...cycle.slice(0, -1)].join('');
    expect(rotated).to.include('abc');
  });

  it('names a step that waits for itself', () => {
    expect(findCycle(buildGraph([step('a', ['a'])], []))).to.deep.equal(['a', 'a']);
  });

  it('names a cycle that goes through a group once, though it has two nodes', () => {
    const cycle = findCycle(buildGraph([step('a', [], 'g'), step('b', ['g'])], [group('g', ['b'])]))!;
    expect(cycle[0]).to.equal(cycle.at(-1));
    expect(cycle).to.include.members(['b', 'g']);
    expect(new Set(cycle).size).to.equal(cycle.length - 1);
  });

  it('finds that a member waits for its own group, and a group for itself, empty or not', () => {
    expect(findCycle(buildGraph([step('a', ['g'], 'g')], [group('g')]))).to.have.length.above(1);
    expect(findCycle(buildGraph([step('a')], [group('g', ['g'])]))).to.deep.equal(['g', 'g']);
    expect(findCycle(buildGraph([step('a')], [group('g', ['h']), group('h', ['g'])]))).to.have.length(3);
  });

  it('copes with a chain of 10,000 steps, with and without a cycle, and with 10,000 side by side', () => {
    const chain = (isClosed: boolean): GraphStep[] =>
      Array.from({ length: 10_000 }, (_, index) =>
        step(`s${index}`, index > 0 ? [`s${index - 1}`] : isClosed ? ['s9999'] : []),
      );
    expect(findCycle(buildGraph(chain(false), []))).to.equal(undefined);
    expect(findCycle(buildGraph(chain(true), []))).to.have.length(10_001);
    const wide = Array.from({ length: 10_000 }, (_, index) => step(`s${index}`, ['first']));
    expect(findCycle(buildGraph([step('first'), ...wide], []))).to.equal(undefined);
  });
});

describe('topologicalOrder()', () => {
  it('refuses a graph with a cycle', () => {
    expect(() => topologicalOrder(buildGraph([step('a', ['a'])], []))).to.throw(AssertionError);
  });
});

describe('wavesOf()', () => {
  it('gives each step the length of the longest chain of steps before it; groups take no wave', () => {
    const steps = [
      step('z', ['g', 'a']),
      step('a'),
      step('b', ['a'], 'g'),
      step('c', ['b'], 'g'),
      step('d', ['h']),
    ];
    expect(wavesOf(buildGraph(steps, [group('g'), group('h', ['g'])]))).to.deep.equal([3, 0, 1, 2, 3]);
  });

  it('is empty for no steps', () => {
    expect(wavesOf(buildGraph([], [group('g')]))).to.deep.equal([]);
  });
});

describe('Countdown', () => {
  const graph = buildGraph([step('a'), step('b', ['a'])], []);

  it('refuses to pass a node that was not reached', () => {
    expect(() => new Countdown(graph, 'forward').pass(1)).to.throw(AssertionError);
    expect(() => new Countdown(graph, 'backward').pass(0)).to.throw(AssertionError);
  });

  it('does nothing when a node is passed twice', () => {
    const countdown = new Countdown(graph, 'forward');
    expect(countdown.pass(0)).to.deep.equal([1]);
    expect(countdown.pass(0)).to.deep.equal([]);
    expect(countdown.hasPassed(0)).to.equal(true);
    expect(countdown.isReached(1)).to.equal(true);
    expect(countdown.hasPassed(1)).to.equal(false);
  });
});
