/**
 * Where nodes stand and what they have, where steps may run, and the rule that goes with it: a call is made, or asked after,
 * only on a node that fits its step. The first node fits all, so that no step waits for a node that never comes.
 */
import { undoneOf, type StepId } from '../../src/base/ids.js';
import type { CallContext } from '../../src/contract/index.js';
import type { NodeSelector } from '../../src/gen/wire/steplock/v1/plan.js';
import { stepOf } from '../../src/model/plan.js';
import type { History } from './history.js';

/** What a node says of itself. */
export interface Place {
  readonly neighborhood: string;
  readonly labels: Readonly<Record<string, string>>;
}

const places: readonly Place[] = [
  { neighborhood: 'east', labels: { disk: 'ssd', rack: 'r1' } },
  { neighborhood: 'west', labels: { disk: 'ssd', rack: 'r2' } },
  { neighborhood: 'east', labels: { disk: 'hdd', rack: 'r1' } },
];

/** Of nodes that are named n1, n2, … */
export function placeOf(nodeId: string): Place {
  return places[Number(nodeId.slice(1)) - 1] ?? { neighborhood: '', labels: {} };
}

/** What steps ask for. */
export const selectors: readonly NodeSelector[] = [
  { neighborhood: 'east', labels: {} },
  { neighborhood: '', labels: { disk: 'ssd' } },
  { neighborhood: 'east', labels: { rack: 'r1' } },
  { neighborhood: 'east', labels: { disk: 'ssd' } },
];

/** What is wrong with the node making the call; undefined if nothing is. */
export function misplaced(
  history: History,
  { workflow, step }: CallContext,
  node: string,
): string | undefined {
  const { neighborhood, nodeLabels } = stepOf(history.planOf(workflow), undoneOf(step as StepId));
  const place = placeOf(node);
  const fits =
    (neighborhood === '' || neighborhood === place.neighborhood) &&
    Object.entries(nodeLabels).every(([key, value]) => place.labels[key] === value);
  return fits ? undefined : `called on ${node}, where it may not run (W10)`;
}
