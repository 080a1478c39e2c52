/**
 * Which nodes may run a step: those that fit its selector and have its controller. And which of them goes first: the
 * best by rendezvous, so that nodes do not race; the others steal the step when it still waits a moment later. Pure.
 */
import type { NodeId } from '../base/ids.js';
import type { Member } from '../cluster/members.js';
import { weightOf } from '../cluster/rendezvous.js';
import type { QueueItem } from '../gen/store/steplock/store/v1/step.js';

/** What of an item says where it may run. */
export type Placed = Pick<QueueItem, 'controller' | 'neighborhood' | 'nodeLabels'>;

/** How long a node leaves a step to those that go before it, each. */
const stealMs = 50;
const stealMsMax = 200;

/** Whether the node fits the step's selector. */
export function fitsSelector({ neighborhood, nodeLabels }: Placed, { record }: Member): boolean {
  if (neighborhood !== '' && neighborhood !== record.neighborhood) return false;
  return Object.entries(nodeLabels).every(([key, value]) => record.labels[key] === value);
}

/**
 * The nodes that may run the step. `isRemote`: whether a controller is reached over the network, from any node. Where
 * no node has the controller, all that fit the selector may: one of them finds out, and fails the step retryably.
 */
export function eligibleNodes(
  item: Placed,
  members: readonly Member[],
  isRemote: (controller: string) => boolean,
): readonly Member[] {
  const fitting = members.filter((member) => fitsSelector(item, member));
  if (isRemote(item.controller)) return fitting;
  const having = fitting.filter(({ record }) => record.controllers.includes(item.controller));
  return having.length > 0 ? having : fitting;
}

/** How long the node leaves the step to others; undefined if it may not run it at all. */
export function claimDelayMs(key: string, node: NodeId, eligible: readonly Member[]): number | undefined {
  if (!eligible.some(({ nodeId }) => nodeId === node)) return undefined;
  const own = weightOf(key, node);
  const before = eligible.filter(({ nodeId }) => weightOf(key, nodeId) > own).length;
  return Math.min(before * stealMs, stealMsMax);
}
