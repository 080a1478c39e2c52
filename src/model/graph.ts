/**
 * The dependency graph of a plan, for counting down. Nodes are the steps, and for each group up to two virtual
 * nodes: its gate, which its members wait for, and its end, which others wait for. So a group of 10,000
 * members between two others costs 20,000 edges, not a hundred million.
 */
import { assert } from '../base/assert.js';

/** What a graph is made of. */
export interface GraphStep {
  readonly id: string;
  readonly group: string;
  /** Ids of steps and groups, the implied ones included; repeated ids count once. */
  readonly waitsFor: readonly string[];
}

/** A group that a graph is made of. */
export interface GraphGroup {
  readonly id: string;
  readonly dependsOn: readonly string[];
}

/** Successors and predecessors of each node, by index; the first `stepCount` nodes are the steps in order. */
export interface Graph {
  readonly stepCount: number;
  readonly nodeCount: number;
  /** For each node, the nodes that wait for it. */
  readonly successors: readonly (readonly number[])[];
  /** For each node, the nodes that it waits for. */
  readonly predecessors: readonly (readonly number[])[];
  /** The ids by node; a group's two nodes have the group's id. */
  readonly ids: readonly string[];
}

/**
 * Builds the graph. Ids that nothing has are left out: the caller has reported them.
 */
export function buildGraph(steps: readonly GraphStep[], groups: readonly GraphGroup[]): Graph {
  const stepCount = steps.length;
  const ids = steps.map((step) => step.id);
  const startOf = new Map<string, number>();
  const endOf = new Map<string, number>();
  for (const [index, step] of steps.entries()) {
    startOf.set(step.id, index);
    endOf.set(step.id, index);
  }
  for (const group of groups) {
    startOf.set(group.id, ids.push(group.id) - 1);
    endOf.set(group.id, ids.push(group.id) - 1);
  }
  const successors: number[][] = ids.map(() => []);
  const predecessors: number[][] = ids.map(() => []);
  const addEdge = (from: number | undefined, to: number | undefined): void => {
    if (from === undefined || to === undefined) return;
    successors[from]?.push(to);
    predecessors[to]?.push(from);
  };
  for (const group of groups) {
    for (const id of new Set(group.dependsOn)) addEdge(endOf.get(id), startOf.get(group.id));
    // An edge of its own, so that a group without members still ends after what it waits for.
    addEdge(startOf.get(group.id), endOf.get(group.id));
  }
  for (const [index, step] of steps.entries()) {
    for (const id of new Set(step.waitsFor)) addEdge(endOf.get(id), index);
    if (step.group !== '') {
      addEdge(startOf.get(step.group), index);
      addEdge(index, endOf.get(step.group));
    }
  }
  return { stepCount, nodeCount: ids.length, successors, predecessors, ids };
}

/**
 * A cycle as the ids along it, the first one repeated at the end, or undefined if there is none. Takes time
 * linear in the graph, and no recursion: a chain of 10,000 steps must not end the process.
 */
export function findCycle(graph: Graph): string[] | undefined {
  const unseen = 0;
  const open = 1;
  const closed = 2;
  const marks = new Uint8Array(graph.nodeCount);
  const nextEdge = new Uint32Array(graph.nodeCount);
  const path: number[] = [];
  for (let root = 0; root < graph.nodeCount; root++) {
    if (marks[root] !== unseen) continue;
    path.push(root);
    marks[root] = open;
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      const edges = graph.successors[node] ?? [];
      const successor = edges[nextEdge[node] ?? 0];
      nextEdge[node] = (nextEdge[node] ?? 0) + 1;
      if (successor === undefined) {
        marks[node] = closed;
        path.pop();
      } else if (marks[successor] === open) {
        return cycleIds(graph, [...path.slice(path.indexOf(successor)), successor]);
      } else if (marks[successor] === unseen) {
        marks[successor] = open;
        path.push(successor);
      }
    }
  }
  return undefined;
}

/** Shows a group once though its gate and its end both lie on the cycle; what waits for itself is shown twice. */
function cycleIds(graph: Graph, nodes: readonly number[]): string[] {
  const all = nodes.map((node) => graph.ids[node] ?? '');
  const ids = all.filter((id, index) => index === 0 || id !== all[index - 1]);
  return ids.length === 1 ? [...ids, ...ids] : ids;
}

/** The nodes, each after all its predecessors. The graph must have no cycle. */
export function topologicalOrder(graph: Graph): number[] {
  const unmet = graph.predecessors.map((nodes) => nodes.length);
  const order: number[] = [];
  for (let node = 0; node < graph.nodeCount; node++) {
    if (unmet[node] === 0) order.push(node);
  }
  for (let index = 0; index < order.length; index++) {
    for (const successor of graph.successors[order[index] ?? 0] ?? []) {
      const left = (unmet[successor] ?? 0) - 1;
      unmet[successor] = left;
      if (left === 0) order.push(successor);
    }
  }
  assert(order.length === graph.nodeCount, 'topologicalOrder() of a graph with a cycle');
  return order;
}

/** These nodes and all that they wait for, directly or through others. */
export function withAncestors(graph: Graph, nodes: Iterable<number>): Set<number> {
  const found = new Set<number>();
  const stack = [...nodes];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    stack.push(...(graph.predecessors[node] ?? []));
  }
  return found;
}

/**
 * For each step, in which wave it can start at the earliest: the longest chain of steps before it.
 */
export function wavesOf(graph: Graph): number[] {
  const waves = new Array<number>(graph.nodeCount).fill(0);
  for (const node of topologicalOrder(graph)) {
    const after = (waves[node] ?? 0) + (node < graph.stepCount ? 1 : 0);
    for (const successor of graph.successors[node] ?? []) {
      waves[successor] = Math.max(waves[successor] ?? 0, after);
    }
  }
  return waves.slice(0, graph.stepCount);
}

/** Counts down from node to node: forward along successors, or backward for an undo. */
export class Countdown {
  readonly #unmet: Int32Array;
  readonly #next: readonly (readonly number[])[];
  readonly #passed: Uint8Array;

  /** `forward`: a node is reached when all its predecessors have passed; `backward`: all its successors. */
  constructor(graph: Graph, way: 'forward' | 'backward') {
    this.#next = way === 'forward' ? graph.successors : graph.predecessors;
    const waited = way === 'forward' ? graph.predecessors : graph.successors;
    this.#unmet = Int32Array.from(waited, (nodes) => nodes.length);
    this.#passed = new Uint8Array(graph.nodeCount);
  }

  /** The nodes that wait for nothing. */
  roots(): number[] {
    const roots: number[] = [];
    for (const [node, unmet] of this.#unmet.entries()) if (unmet === 0) roots.push(node);
    return roots;
  }

  /** Whether the node waits for nothing any more. */
  isReached(node: number): boolean {
    return this.#unmet[node] === 0;
  }

  /** Whether the node was passed. */
  hasPassed(node: number): boolean {
    return this.#passed[node] === 1;
  }

  /** Marks a reached node as passed; gives the nodes that are reached by it. Passing twice does nothing. */
  pass(node: number): number[] {
    assert(this.#unmet[node] === 0, 'A node is passed before it is reached');
    if (this.#passed[node] === 1) return [];
    this.#passed[node] = 1;
    const reached: number[] = [];
    for (const next of this.#next[node] ?? []) {
      const left = (this.#unmet[next] ?? 0) - 1;
      this.#unmet[next] = left;
      if (left === 0) reached.push(next);
    }
    return reached;
  }
}
