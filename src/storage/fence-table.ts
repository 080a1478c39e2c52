/**
 * Fences as data, for adapters that keep them in a record of their own: the highest token of each step in each
 * direction. Pure; whoever uses it reads, raises and writes the table under the lock that covers the effect.
 *
 * The table is bounded: when it is full, the entry with the lowest token makes room, and its token becomes the floor: a
 * step that is not remembered and comes with less is refused, since it may be the one that was forgotten. So nothing
 * stale ever passes, and no clock is asked.
 */
import type { CallContext, FencingToken } from '../contract/index.js';
import { SteplockError } from '../errors/index.js';

/** What is remembered; plain JSON. */
export interface FenceTable {
  /** Below it, what is not remembered is refused. */
  readonly floor: FencingToken;
  /** The highest token seen, by workflow uid, step and direction. */
  readonly tokens: Readonly<Record<string, FencingToken>>;
}

/** A table that has seen nothing. */
export const emptyFenceTable: FenceTable = { floor: { generation: 0, revision: 0 }, tokens: {} };

/** Steps that a table remembers. */
export const fencesMax = 1_000;

/** The part of a call that a fence is about. */
export type FencedCall = Pick<
  CallContext,
  'workflow' | 'workflowUid' | 'step' | 'direction' | 'fencingToken'
>;

/**
 * The table once the call has passed.
 *
 * @throws SteplockError FENCED if a call with a higher token was here.
 */
export function raiseFence(table: FenceTable, call: FencedCall): FenceTable {
  const id = `${call.workflowUid}/${call.step}/${call.direction}`;
  const token = call.fencingToken;
  const known = table.tokens[id];
  const seen = known ?? table.floor;
  if (compare(token, seen) < 0) throw fenced(call, seen);
  if (known !== undefined && compare(token, known) === 0) return table;
  const tokens = { ...table.tokens, [id]: token };
  if (Object.keys(tokens).length <= fencesMax) return { floor: table.floor, tokens };
  const [lowestId, lowest] = Object.entries(tokens).reduce((low, other) =>
    compare(other[1], low[1]) < 0 ? other : low,
  );
  const { [lowestId]: _forgotten, ...kept } = tokens;
  return { floor: compare(lowest, table.floor) > 0 ? lowest : table.floor, tokens: kept };
}

function compare(left: FencingToken, right: FencingToken): number {
  return left.generation - right.generation || left.revision - right.revision;
}

function fenced({ workflow, step, direction, fencingToken }: FencedCall, seen: FencingToken): SteplockError {
  const show = ({ generation, revision }: FencingToken): string => `${generation}/${revision}`;
  return new SteplockError(
    'FENCED',
    `Call of ${workflow}/${step} (${direction}) with token ${show(fencingToken)} comes after one with ${show(seen)}`,
    { metadata: { workflow, step, direction, token: show(fencingToken), seen: show(seen) } },
  );
}
