/**
 * Which shards a node should take, and which it should give away: from who is alive, who owns what, and for how long a
 * shard has had no owner. Every node decides for itself; that two never own one is the store's business. Pure but for
 * what it remembers of the past.
 */
import type { NodeId } from '../base/ids.js';
import { placeShards } from '../cluster/rendezvous.js';

/** What is known at a moment. */
export interface ShardPicture {
  readonly node: NodeId;
  /** The nodes that take work, by id. */
  readonly nodes: readonly NodeId[];
  readonly shards: number;
  /** Whether this node owns the shard. */
  readonly isOwn: (shard: number) => boolean;
  /** Whether nobody owns the shard. */
  readonly isFree: (shard: number) => boolean;
  /** By the monotonic clock. */
  readonly nowMs: number;
}

/** What to do. */
export interface ShardMoves {
  readonly take: readonly number[];
  readonly give: readonly number[];
}

/** How long a shard may stay without an owner before a node takes it that is not its best one. */
const patienceMs = 2_000;

/** See the head of this file. */
export class ShardBalance {
  readonly #freeSinceMs = new Map<number, number>();
  /** Shards taken in place of a node that did not, kept until the nodes change: else they would go to and fro. */
  readonly #kept = new Set<number>();
  #placedFor = '';
  #placed: readonly NodeId[] = [];

  /** Decides. */
  next(picture: ShardPicture): ShardMoves {
    this.#place(picture);
    const take: number[] = [];
    const give: number[] = [];
    for (let shard = 0; shard < picture.shards; shard++) {
      const isOurs = this.#placed[shard] === picture.node;
      if (picture.isOwn(shard)) {
        this.#freeSinceMs.delete(shard);
        if (!isOurs && !this.#kept.has(shard)) give.push(shard);
      } else if (!picture.isFree(shard)) {
        this.#freeSinceMs.delete(shard);
      } else if (isOurs || this.#isOverdue(shard, picture.nowMs)) {
        if (!isOurs) this.#kept.add(shard);
        take.push(shard);
      }
    }
    return { take, give };
  }

  #place({ nodes, shards }: ShardPicture): void {
    const key = nodes.join(' ');
    if (key === this.#placedFor) return;
    this.#placedFor = key;
    this.#placed = placeShards(shards, nodes);
    this.#kept.clear();
  }

  #isOverdue(shard: number, nowMs: number): boolean {
    const sinceMs = this.#freeSinceMs.get(shard) ?? nowMs;
    this.#freeSinceMs.set(shard, sinceMs);
    return nowMs - sinceMs >= patienceMs;
  }
}
