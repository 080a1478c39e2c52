/** The nodes that are alive, as the cache shows them: what each is, what it can do, and whether it takes work. */
import { idPattern, type NodeId } from '../base/ids.js';
import { errorText } from '../errors/index.js';
import { NodeRecord } from '../gen/store/steplock/store/v1/cluster.js';
import type { Logger } from '../log/log.js';
import type { CacheEvent, StoreCache } from '../store/cache.js';
import { prefixes } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';

/** A node that is alive. */
export interface Member {
  readonly nodeId: NodeId;
  /** Create revision of its record. */
  readonly session: number;
  readonly record: NodeRecord;
}

/** See the head of this file. */
export class Members {
  readonly #log: Logger;
  readonly #members = new Map<NodeId, Member>();
  #sorted: readonly Member[] | undefined;

  constructor(cache: StoreCache, log: Logger) {
    this.#log = log;
    for (const kv of cache.entries(prefixes.node)) {
      this.#onEvent({ key: kv.key, kv, revision: kv.modRevision });
    }
    cache.subscribe((event) => {
      if (event.key.startsWith(prefixes.node)) this.#onEvent(event);
    });
  }

  /** All of them, by id. The same array as long as nothing changes. */
  get all(): readonly Member[] {
    this.#sorted ??= [...this.#members.values()].sort((left, right) => (left.nodeId < right.nodeId ? -1 : 1));
    return this.#sorted;
  }

  /** Those that take work: all but the draining ones; all if every one is draining. */
  get taking(): readonly Member[] {
    const taking = this.all.filter(({ record }) => !record.draining);
    return taking.length > 0 ? taking : this.all;
  }

  /** The node of that id, if it is alive. */
  get(node: NodeId): Member | undefined {
    return this.#members.get(node);
  }

  #onEvent({ key, kv }: CacheEvent): void {
    const nodeId = key.slice(prefixes.node.length) as NodeId;
    // Another cluster whose prefix lies within ours: none of our business.
    if (!idPattern.test(nodeId)) return;
    this.#sorted = undefined;
    this.#members.delete(nodeId);
    if (kv === undefined) return;
    try {
      const record = decodeRecord(NodeRecord, kv);
      this.#members.set(nodeId, { nodeId, session: kv.createRevision, record });
    } catch (error) {
      // Its claims hold all the same; it just gets nothing new.
      this.#log.error({ key, cause: errorText(error) }, 'node record cannot be read');
    }
  }
}
