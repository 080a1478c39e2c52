/**
 * Tells of incidents that were opened: posts each to a URL. What is to be told stands in the store as a note, written in
 * the transaction that opens the incident and deleted once the answer was a 2xx. One node at a time delivers (the owner
 * of shard 0), so whichever nodes die, nothing is lost: the next one goes on. What was told just before a death is told
 * again, so that receivers go by the id. Nothing but the incident as stored is sent, and no secret ever stands there.
 */
import { isAborted, AbortScope } from '../base/abort.js';
import { sleep, type Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { errorText } from '../errors/index.js';
import { IncidentRecord } from '../gen/store/steplock/store/v1/step.js';
import type { Logger } from '../log/log.js';
import { backoffMs } from '../model/backoff.js';
import type { StoreCache } from '../store/cache.js';
import { prefixes } from '../store/keys.js';
import { readRecord } from '../store/records.js';
import { isUnchanged, type KeyValue, type Store } from '../store/store.js';
import type { Unit, UnitResult } from '../store/unit.js';

/** Sends a body and gives the status of the answer; throws when there is none. */
export type Post = (body: string, signal: AbortSignal) => Promise<number>;

/** What delivering needs. */
export interface IncidentWebhookOptions {
  readonly store: Store;
  readonly cache: StoreCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly post: Post;
  /** Which node delivers, and of which cluster it is: both are told. */
  readonly nodeId: string;
  readonly cluster: string;
  /** Whether this node is the one that delivers. */
  readonly isKeeper: () => boolean;
  readonly commit: (unit: Unit) => Promise<UnitResult>;
}

/** How often a node looks whether it has become the one that delivers. */
const lookMs = 1_000;
/** How long the receiver may take. */
const answerMs = 10_000;
const retryPolicy = { initialBackoffMs: 1_000, maxBackoffMs: 60_000, multiplier: 2 };

/** See the head of this file. */
export class IncidentWebhook {
  readonly #options: IncidentWebhookOptions;
  readonly #notes = new Map<string, KeyValue>();
  /** What the receiver would not have, how often, and until when it is left alone: others must not wait for it. */
  readonly #refused = new Map<string, { readonly times: number; readonly untilMs: number }>();
  #wake: () => void = () => undefined;

  /** Made before the cache is started, so that it hears of every note. */
  constructor(options: IncidentWebhookOptions) {
    this.#options = options;
    options.cache.subscribe(({ key, kv }) => {
      if (!key.startsWith(prefixes.webhook)) return;
      if (kv === undefined) {
        this.#drop(key);
        return;
      }
      this.#notes.set(key, kv);
      this.#wake();
    });
  }

  /** Delivers what there is, as it comes, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, isKeeper } = this.#options;
    let failures = 0;
    while (!isAborted(signal)) {
      const isAllTold = !isKeeper() || (await this.#deliver(signal));
      failures = isAllTold ? 0 : failures + 1;
      // After a failure a new note changes nothing: the receiver gets its rest.
      if (isAllTold) await this.#rest(signal);
      else await sleep(clock, backoffMs(retryPolicy, failures, random), signal).catch(() => undefined);
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const scope = new AbortScope(signal);
    this.#wake = () => {
      scope.abort(new Error('Something is to be told'));
    };
    await sleep(this.#options.clock, lookMs, scope.signal).catch(() => undefined);
    this.#wake = () => undefined;
    scope.close();
  }

  /** Tells what there is to tell, oldest first; false when nobody answers. */
  async #deliver(signal: AbortSignal): Promise<boolean> {
    const { clock, log, isKeeper } = this.#options;
    const nowMs = clock.monotonicMs();
    const due = [...this.#notes.values()].filter(
      ({ key }) => (this.#refused.get(key)?.untilMs ?? 0) <= nowMs,
    );
    for (const note of due.sort((left, right) => left.createRevision - right.createRevision)) {
      if (isAborted(signal) || !isKeeper()) return false;
      try {
        await this.#deliverOne(note, signal);
      } catch (error) {
        if (isAborted(signal)) return false;
        // Nobody answers, here or there: the others would fare no better now.
        log.warn({ cause: causeText(error) }, 'incident not told to the webhook, trying again');
        return false;
      }
    }
    return true;
  }

  /** Tells of one; throws when nobody answers. */
  async #deliverOne(note: KeyValue, signal: AbortSignal): Promise<void> {
    const { store, log, nodeId, cluster } = this.#options;
    // The cache may not have heard that another node told it.
    const current = await store.get(note.key);
    const incidentKey = `${prefixes.incident}${note.key.slice(prefixes.webhook.length)}`;
    const kv = current === undefined ? undefined : await store.get(incidentKey);
    const incident = kv === undefined ? undefined : readRecord(IncidentRecord, kv);
    if (incident?.resolveTimeMs === 0) {
      const status = await this.#post(JSON.stringify(bodyOf(incident, nodeId, cluster)), signal);
      const fields = { incident: incident.incidentId, status };
      if (status < 200 || status > 299) {
        if (isBusy(status)) throw new Error(`The receiver answered ${status}`);
        log.warn(fields, 'incident refused by the webhook, trying again');
        this.#noteRefused(note.key);
        return;
      }
      log.info(fields, 'incident told to the webhook');
    }
    await this.#forget(current ?? note);
  }

  #noteRefused(key: string): void {
    const { clock, random } = this.#options;
    const times = (this.#refused.get(key)?.times ?? 0) + 1;
    this.#refused.set(key, { times, untilMs: clock.monotonicMs() + backoffMs(retryPolicy, times, random) });
  }

  #drop(key: string): void {
    this.#notes.delete(key);
    this.#refused.delete(key);
  }

  async #post(body: string, signal: AbortSignal): Promise<number> {
    const { clock, post } = this.#options;
    const scope = new AbortScope(signal);
    const cancel = clock.setTimer(answerMs, () => {
      scope.abort(new Error(`No answer within ${answerMs / 1_000} s`));
    });
    try {
      return await post(body, scope.signal);
    } finally {
      cancel();
      scope.close();
    }
  }

  async #forget({ key, modRevision }: KeyValue): Promise<void> {
    const { commit, random } = this.#options;
    await commit({
      id: random.hex(8),
      compares: [isUnchanged(key, modRevision)],
      ops: [{ type: 'delete', at: key }],
      witness: undefined,
    });
    // Deleted now or changed by somebody, of which the cache will hear.
    if (this.#notes.get(key)?.modRevision === modRevision) this.#drop(key);
  }
}

/** What is told of an incident. */
function bodyOf(incident: IncidentRecord, node: string, cluster: string): Readonly<Record<string, string>> {
  const { incidentId, workflowId, stepId, error, openTimeMs } = incident;
  return {
    event: 'incident.opened',
    id: incidentId,
    workflow: workflowId,
    step: stepId,
    reason: error?.reason ?? '',
    message: error?.message ?? '',
    opened: new Date(openTimeMs).toISOString(),
    cluster,
    node,
  };
}

/** Whether the receiver has no time now, rather than no use for this one. */
function isBusy(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}

/** fetch says no more than "fetch failed"; why, its cause says. The URL, which may hold a token, stands in neither. */
function causeText(error: unknown): string {
  return errorText(error instanceof Error && error.cause !== undefined ? error.cause : error);
}

/** Posts JSON to the URL; an answer that sends us elsewhere is no 2xx, so that nothing goes where nobody meant it to. */
export function postTo(url: string): Post {
  return async (body, signal) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
    await response.body?.cancel();
    return response.status;
  };
}
