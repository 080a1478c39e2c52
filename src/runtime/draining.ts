/**
 * How a node gives its work away: it takes nothing new, tells the others, and waits for its calls to end. What was begun
 * outlives a session: a node that lost its lease while it was draining goes on doing so.
 */
import { sleep, type Clock } from '../base/clock.js';
import type { NodeId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import { setNodeDraining } from '../cluster/drain.js';
import { errorText } from '../errors/index.js';
import { NodeRecord } from '../gen/store/steplock/store/v1/cluster.js';
import type { Logger } from '../log/log.js';
import type { StoreCache } from '../store/cache.js';
import { keys } from '../store/keys.js';
import { readRecord } from '../store/records.js';
import type { Membership } from './membership.js';

/** What draining needs. */
export interface DrainingOptions {
  readonly cache: StoreCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly nodeId: NodeId;
  /** Undefined while the node is not a member. */
  readonly membership: () => Membership | undefined;
}

const lookMs = 20;

/** See the head of this file. */
export class Draining {
  readonly #options: DrainingOptions;
  #hasBegun = false;

  constructor(options: DrainingOptions) {
    this.#options = options;
  }

  /** Whether the node takes no new work. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Begins, and waits until the node's calls have ended or the time is up. */
  async drain(timeoutMs: number): Promise<void> {
    const { clock, membership } = this.#options;
    const untilMs = clock.monotonicMs() + timeoutMs;
    this.begin();
    while ((membership()?.dispatcher.busyCount ?? 0) > 0 && clock.monotonicMs() < untilMs) {
      await sleep(clock, lookMs);
    }
  }

  /** Takes nothing new from now on; does nothing the second time. */
  begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const { log, nodeId, membership } = this.#options;
    log.info({ node: nodeId }, 'node gives its work away');
    membership()?.dispatcher.drain();
    // Not waited for: if the store does not answer, the end of the session tells the others as well.
    this.#tellOthers().catch((error: unknown) => {
      log.warn({ cause: errorText(error) }, 'others not told that this node is draining');
    });
  }

  async #tellOthers(): Promise<void> {
    const { cache, clock, nodeId, random } = this.#options;
    for (;;) {
      const membership = this.#options.membership();
      const kv = cache.get(keys.node(nodeId));
      const record = kv === undefined ? undefined : readRecord(NodeRecord, kv);
      if (membership === undefined || kv?.lease === undefined || record === undefined) return;
      const { lease, modRevision } = kv;
      if (record.draining || kv.createRevision !== membership.session.revision) return;
      if (await setNodeDraining({ record, lease, revision: modRevision }, membership.batcher, random)) return;
      await sleep(clock, lookMs, membership.session.signal);
    }
  }
}
