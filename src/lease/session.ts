/**
 * A node's session: its record in the store under a lease, and its own word on how long that surely lives.
 *
 * The session ends by this node's monotonic clock, counted from when the last renewal was sent, before the store can
 * expire the lease: from then on another node may take its work, so nothing may start here any more. A session that
 * has ended is never revived; the node opens a new one. Not guaranteed: that a call which was under way at that
 * moment has no effect afterwards. That is what fencing tokens are for.
 */
import { allowManyListeners } from '../base/abort.js';
import { sleep, type Clock } from '../base/clock.js';
import type { LeaseId, NodeId, Revision } from '../base/ids.js';
import type { Random } from '../base/random.js';
import { assert } from '../base/assert.js';
import { errorText, isReason } from '../errors/index.js';
import { NodeRecord } from '../gen/store/steplock/store/v1/cluster.js';
import type { Logger } from '../log/log.js';
import { backoffMs } from '../model/backoff.js';
import { keys } from '../store/keys.js';
import { decodeRecord, encodeRecord, wasWrittenBy } from '../store/records.js';
import { sendUntilAnswered } from '../store/send.js';
import { isAbsent, isSameCreation, TxnRefusedError, type Compare, type Store } from '../store/store.js';

/** What a session needs. */
export interface SessionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How long the node's work stays its own without renewal; at least 1 s. The store may grant more. */
  readonly ttlMs: number;
  /** What the node's record says; `unitId` is filled in. */
  readonly node: Omit<NodeRecord, 'unitId'>;
  /** Gives up opening. */
  readonly signal: AbortSignal;
}

/** Share of the time to live that is kept as a margin against the store's own clock and the network. */
const marginShare = 0.1;
const renewalShare = 1 / 3;
const formerSessionPollMs = 200;
/** Between tries at a store that refuses or does not answer: a full disk stays full for a while. */
const retryPolicy = { initialBackoffMs: 200, maxBackoffMs: 2_000, multiplier: 2 };

/** See the head of this file. */
export class Session {
  /** Which node. */
  readonly nodeId: NodeId;
  /** The create revision of the node's record. */
  readonly revision: Revision;
  readonly #options: SessionOptions;
  readonly #lease: LeaseId;
  readonly #ttlMs: number;
  readonly #controller = new AbortController();
  #deadlineMs: number;
  #cancelDeadline: () => void = () => undefined;

  constructor(options: SessionOptions, lease: LeaseId, revision: Revision, ttlMs: number, sentMs: number) {
    allowManyListeners(this.#controller.signal);
    this.#options = options;
    this.#lease = lease;
    this.#ttlMs = ttlMs;
    this.nodeId = options.node.nodeId as NodeId;
    this.revision = revision;
    this.#deadlineMs = this.#deadlineFrom(sentMs);
    this.#watchDeadline();
    void this.#renewForEver();
  }

  /** Aborts when the session ends. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The lease, for keys that are to go with the session. */
  get lease(): LeaseId {
    return this.#lease;
  }

  /** Milliseconds that are left of it if no renewal succeeds. */
  get marginMs(): number {
    return this.#deadlineMs - this.#options.clock.monotonicMs();
  }

  /**
   * Whether it still holds, asked of the clock and not of a timer: after a stall of the event loop promises run
   * before timers do.
   */
  isAlive(): boolean {
    if (!this.signal.aborted && this.marginMs <= 0) this.end('its deadline passed');
    return !this.signal.aborted;
  }

  /** What every transaction of the node compares. */
  guard(): Compare[] {
    return [isSameCreation(keys.node(this.nodeId), this.revision)];
  }

  /** Ends it at once, without telling the store. Ending it twice does nothing. */
  end(reason: string): void {
    if (this.signal.aborted) return;
    this.#cancelDeadline();
    this.#options.log.warn({ node: this.nodeId, session: this.revision, reason }, 'session ended');
    this.#controller.abort(new Error(`Session ended: ${reason}`));
  }

  /** Ends it and gives the lease back, so that others need not wait for it to expire. */
  async close(): Promise<void> {
    if (!this.signal.aborted) {
      this.#cancelDeadline();
      this.#controller.abort(new Error('Session closed'));
    }
    try {
      await this.#options.store.revokeLease(this.#lease);
    } catch (error) {
      this.#options.log.info({ cause: errorText(error) }, 'lease not revoked, it will expire');
    }
  }

  #deadlineFrom(sentMs: number): number {
    return sentMs + this.#ttlMs * (1 - marginShare);
  }

  #watchDeadline(): void {
    this.#cancelDeadline = this.#options.clock.setTimer(Math.max(0, this.marginMs), () => {
      if (this.isAlive()) this.#watchDeadline();
    });
  }

  async #renewForEver(): Promise<void> {
    const { clock, store, log } = this.#options;
    let waitMs = this.#ttlMs * renewalShare;
    while (this.isAlive()) {
      try {
        await sleep(clock, waitMs, this.signal);
      } catch {
        // The session ended while it waited.
        return;
      }
      const sentMs = clock.monotonicMs();
      try {
        await store.renewLease(this.#lease);
        // A renewal that succeeds after the deadline revives nothing: isAlive() decides first.
        if (!this.isAlive()) return;
        this.#deadlineMs = this.#deadlineFrom(sentMs);
        waitMs = this.#ttlMs * renewalShare;
      } catch (error) {
        if (isReason(error, 'LEASE_LOST')) {
          this.end('the store no longer has its lease');
          return;
        }
        log.warn(
          { cause: errorText(error), marginMs: Math.round(this.marginMs) },
          'lease not renewed, trying again',
        );
        waitMs = Math.min(200, this.#ttlMs / 10);
      }
    }
  }
}

/**
 * Opens a session. Waits for a former session of the same node id to expire: it may belong to a process that is
 * still alive, and only its end makes its claims void.
 *
 * @throws the signal's reason when it aborts first.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  assert(options.ttlMs >= 1_000, 'A session lives at least 1 s');
  const { clock, log, random, signal, store } = options;
  let failures = 0;
  for (let isTold = false; ;) {
    signal.throwIfAborted();
    const opened = await tryOpen(options);
    if (opened instanceof Session) return opened;
    if (opened === 'failed') {
      failures += 1;
      await sleep(clock, backoffMs(retryPolicy, failures, random), signal);
      continue;
    }
    failures = 0;
    if (!isTold) {
      isTold = true;
      const former = await store.get(keys.node(options.node.nodeId as NodeId)).catch(() => undefined);
      const instance = former === undefined ? 'unknown' : decodeRecord(NodeRecord, former).instance;
      const fields = { node: options.node.nodeId, instance };
      log.info(fields, 'waiting for the former session of this node id to end');
    }
    await sleep(clock, formerSessionPollMs, signal);
  }
}

/** The session; or that another one of the node id is there, or that the store was of no help. */
async function tryOpen(options: SessionOptions): Promise<Session | 'taken' | 'failed'> {
  const { store, clock, random, ttlMs, node, signal, log } = options;
  const key = keys.node(node.nodeId as NodeId);
  const unitId = random.hex(8);
  const value = encodeRecord(NodeRecord, { ...node, unitId });
  const sentMs = clock.monotonicMs();
  let lease: LeaseId | undefined;
  let why: 'taken' | 'failed' = 'failed';
  try {
    const grant = await store.grantLease(ttlMs);
    lease = grant.id;
    const { result, wasResent } = await sendUntilAnswered(
      {
        compares: [isAbsent(key)],
        then: [{ type: 'put', key, value, lease: grant.id }],
        otherwise: [{ type: 'get', at: key }],
      },
      { store, clock, log, signal },
    );
    const read = result.results[0];
    const found = read?.type === 'get' ? read.kvs[0] : undefined;
    const wasOurs = wasResent && found !== undefined && wasWrittenBy(found.value, unitId);
    if (result.succeeded || wasOurs) {
      const revision = found?.createRevision ?? result.revision;
      const session = new Session(options, grant.id, revision, Math.min(grant.ttlMs, ttlMs), sentMs);
      // Granting may have taken longer than the lease lives.
      if (session.isAlive()) return session;
    } else {
      why = 'taken';
    }
  } catch (error) {
    if (signal.aborted) throw error;
    if (
      !(error instanceof TxnRefusedError) &&
      !isReason(error, 'STORE_UNAVAILABLE', 'STORE_FULL', 'OUTCOME_UNKNOWN')
    ) {
      throw error;
    }
    log.warn({ cause: errorText(error) }, 'session not opened, trying again');
  }
  if (lease !== undefined) await store.revokeLease(lease).catch(() => undefined);
  return why;
}
