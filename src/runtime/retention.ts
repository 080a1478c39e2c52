/**
 * Deletes workflows that ended long ago, on one node at a time (the owner of shard 0): finds them by their keys below
 * `ended/`, has them written to the archive if there is one, and leaves a verb for the owner of each, who decides. How
 * long ago is measured (model/retention.ts): a wall clock that is ahead deletes nothing too early.
 */
import { isAborted } from '../base/abort.js';
import { sleep, type Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import { engineActor } from '../engine/moves.js';
import { errorText, isReason } from '../errors/index.js';
import { RetentionRecord } from '../gen/store/steplock/store/v1/cluster.js';
import { IncidentRecord } from '../gen/store/steplock/store/v1/step.js';
import { VerbRecord, WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';
import type { Logger } from '../log/log.js';
import { backoffMs } from '../model/backoff.js';
import { addMeasured, dueRevision, mayRetire, nothingMeasured } from '../model/retention.js';
import type { StoreCache } from '../store/cache.js';
import { endedOfKey, keys, prefixes, ranges, type EndedKey, type WorkflowKey } from '../store/keys.js';
import { encodeRecord, readRecord } from '../store/records.js';
import { isAbsent, isUnchanged, prefixRange, type Store } from '../store/store.js';
import type { Unit, UnitResult } from '../store/unit.js';

/** Where workflows are written down before they are deleted. */
export interface Archive {
  /**
   * Writes them, for good when this ends; gives those that were written. One that cannot be read is left out, and says
   * so in the log.
   *
   * @throws Error when nothing can be written, or not all of it.
   */
  write(workflows: readonly WorkflowKey[]): Promise<readonly WorkflowKey[]>;
}

/** What deleting needs. */
export interface RetentionOptions {
  readonly store: Store;
  readonly cache: StoreCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Whether this node is the one that deletes. */
  readonly isKeeper: () => boolean;
  readonly commit: (unit: Unit) => Promise<UnitResult>;
  /** How long a workflow is kept after its end. */
  readonly retentionMs: number;
  /** Undefined: they are deleted without being written down. */
  readonly archive: Archive | undefined;
}

interface Candidate {
  readonly workflow: WorkflowKey;
  readonly headRevision: number;
}

/** A name in the place of a request's: nobody sends it, so that a workflow has at most one such verb. */
const requestId = 'retention';
const pageSize = 50;
const looksPerRetention = 8;
const lookMsMin = 250;
const lookMsMax = 600_000;
/** How long owners get for a page before the next one comes on top of it. */
const ownersMsMax = 30_000;
const ownersLookMs = 50;
const afterFailure = { initialBackoffMs: 1_000, maxBackoffMs: lookMsMax, multiplier: 2 };

/** See the head of this file. */
export class Retention {
  readonly #options: RetentionOptions;
  /** The revision of the record of measured time, and since when this keeper has seen it stand there. */
  #base: { readonly revision: number; readonly atMs: number } | undefined;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Deletes what is due now and then, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log, isKeeper, retentionMs } = this.#options;
    const lookMs = Math.min(Math.max(lookMsMin, retentionMs / looksPerRetention), lookMsMax);
    let failures = 0;
    while (!isAborted(signal)) {
      try {
        if (isKeeper()) await this.look(signal);
        failures = 0;
      } catch (error) {
        // Who has ceased to be a member leaves it to the next keeper.
        if (!isAborted(signal) && !isReason(error, 'SHUTTING_DOWN', 'LEASE_LOST')) {
          failures += 1;
          log.warn({ cause: errorText(error) }, 'ended workflows not deleted, trying again later');
        }
      }
      const waitMs = failures === 0 ? lookMs : backoffMs(afterFailure, failures, random);
      await sleep(clock, waitMs, signal).catch(() => undefined);
    }
  }

  /** Measures, and leaves a verb for each workflow that is due; gives for how many. */
  async look(signal: AbortSignal): Promise<number> {
    const { store, log, isKeeper, archive } = this.#options;
    const { kvs } = await store.list(prefixRange(prefixes.ended), { limit: 1, keysOnly: true });
    // An idle cluster writes nothing.
    if (kvs.length === 0) return 0;
    const due = await this.#measure();
    let retired = 0;
    for await (const page of this.#pagesUpTo(due)) {
      if (isAborted(signal) || !isKeeper()) break;
      const judged = await Promise.all(page.map(async (ended) => await this.#judge(ended)));
      const candidates = judged.filter((candidate) => candidate !== undefined);
      if (candidates.length === 0) continue;
      const written = await archive?.write(candidates.map(({ workflow }) => workflow));
      const ready = candidates.filter(({ workflow }) => written?.includes(workflow) !== false);
      await Promise.all(
        ready.map(async (candidate) => {
          await this.#leaveVerb(candidate);
        }),
      );
      await this.#untilTakenUp(ready, signal);
      retired += ready.length;
    }
    if (retired > 0) log.info({ workflows: retired }, 'ended workflows deleted, their time is over');
    return retired;
  }

  /**
   * Adds what this keeper has measured to the record; gives the revision up to which all is due. Only time during which
   * nobody else wrote the record counts, so that no time is counted twice.
   */
  async #measure(): Promise<number> {
    const { store, clock, random, commit, retentionMs } = this.#options;
    const at = keys.retention;
    const { kvs, revision } = await store.list({ start: at, end: `${at}\0` });
    // After the answer: what it counts was there by then.
    const nowMs = clock.monotonicMs();
    const found = kvs[0]?.modRevision ?? 0;
    const known = kvs[0] === undefined ? undefined : readRecord(RetentionRecord, kvs[0]);
    const sinceMs = this.#base?.revision === found ? this.#base.atMs : nowMs;
    const unitId = random.hex(8);
    const record = addMeasured(known ?? nothingMeasured, nowMs - sinceMs, revision, retentionMs);
    const result = await commit({
      id: unitId,
      compares: [isUnchanged(at, found)],
      ops: [{ type: 'put', key: at, value: encodeRecord(RetentionRecord, { ...record, unitId }) }],
      witness: at,
    });
    this.#base = result.applied ? { revision: result.revision, atMs: nowMs } : undefined;
    return result.applied ? dueRevision(record, retentionMs) : 0;
  }

  /** What had ended at that revision, those first that ended first. */
  async *#pagesUpTo(revision: number): AsyncGenerator<EndedKey[]> {
    if (revision === 0) return;
    const { end, ...range } = ranges.endedUpTo(revision);
    for (let { start } = range; ;) {
      const page = await this.#options.store.list({ start, end }, { limit: pageSize, keysOnly: true });
      yield page.kvs
        .filter((kv) => kv.modRevision <= revision)
        .map((kv) => endedOfKey(kv.key))
        .filter((ended) => ended !== undefined);
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return;
      start = `${last.key}\0`;
    }
  }

  /** Spares the owner what it would refuse, and the archive what stays. */
  async #judge({ workflow, lastLiveRevision }: EndedKey): Promise<Candidate | undefined> {
    const { results } = await this.#options.store.txn({
      compares: [],
      then: [
        { type: 'get', at: keys.head(workflow) },
        { type: 'get', at: ranges.incidents(workflow) },
      ],
      otherwise: [],
    });
    const [heads = [], incidents = []] = results.map((result) => (result.type === 'get' ? result.kvs : []));
    const [headKv] = heads;
    const head = headKv === undefined ? undefined : readRecord(WorkflowHead, headKv);
    // The key must speak of this very end, not of one that another workflow of that id came to.
    if (head?.lastLiveRevision !== lastLiveRevision || headKv === undefined || !mayRetire(head))
      return undefined;
    const isSettled = incidents.every((kv) => (readRecord(IncidentRecord, kv)?.resolveTimeMs ?? 0) > 0);
    return isSettled ? { workflow, headRevision: headKv.modRevision } : undefined;
  }

  /** Its owner deletes it unless it has changed, as what was written to the archive would have then. */
  async #leaveVerb({ workflow, headRevision }: Candidate): Promise<void> {
    const { random, clock, commit } = this.#options;
    const unitId = random.hex(8);
    const key = keys.verb(workflow, requestId);
    const record: VerbRecord = {
      ...VerbRecord.create({ unitId, requestId, verb: 'delete', actor: engineActor, reason: 'retention' }),
      timeMs: clock.nowMs(),
    };
    await commit({
      id: unitId,
      compares: [isAbsent(key), isUnchanged(keys.head(workflow), headRevision)],
      ops: [{ type: 'put', key, value: encodeRecord(VerbRecord, record) }],
      witness: key,
    });
  }

  /** Waits until the owners have dealt with them, so that a hundred thousand do not come at once. */
  async #untilTakenUp(candidates: readonly Candidate[], signal: AbortSignal): Promise<void> {
    const { cache, clock } = this.#options;
    const untilMs = clock.monotonicMs() + ownersMsMax;
    const isPending = ({ workflow }: Candidate): boolean =>
      cache.get(keys.verb(workflow, requestId)) !== undefined || cache.get(keys.live(workflow)) !== undefined;
    while (candidates.some(isPending) && clock.monotonicMs() < untilMs)
      await sleep(clock, ownersLookMs, signal);
  }
}
