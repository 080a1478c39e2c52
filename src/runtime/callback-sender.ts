/**
 * Tells orchestrators how their workflows ended. What is to be told stands in the store, written in the transaction that
 * brought the workflow to its end, and goes once the orchestrator has answered: it is told at least once, whichever nodes
 * die. The owner of a workflow's shard tells; the news of one workflow in order, those of others beside them.
 */
import { AbortScope, isAborted } from '../base/abort.js';
import { sleep, type Clock } from '../base/clock.js';
import type { Random } from '../base/random.js';
import type { EndNews, OrchestratorPort } from '../contract/orchestrator.js';
import { webhookNote } from '../engine/incident.js';
import { noteIncident } from '../engine/notes.js';
import type { Telemetry } from '../telemetry/index.js';
import { engineActor } from '../engine/moves.js';
import { errorText } from '../errors/index.js';
import { EffectKind, IncidentRecord } from '../gen/store/steplock/store/v1/step.js';
import { CallbackRecord } from '../gen/store/steplock/store/v1/workflow.js';
import type { Logger } from '../log/log.js';
import { errorRecord } from '../model/attempt.js';
import { callbackMark } from '../model/resolutions.js';
import { backoffMs } from '../model/backoff.js';
import type { StoreCache } from '../store/cache.js';
import { keys, prefixes, workflowOfKey, type WorkflowKey } from '../store/keys.js';
import { decodeRecord, encodeRecord, readRecord } from '../store/records.js';
import { isAbsent, isUnchanged, type KeyValue, type Store } from '../store/store.js';
import type { Unit, UnitOp, UnitResult } from '../store/unit.js';

/** What telling needs. */
export interface CallbackSenderOptions {
  readonly store: Store;
  readonly cache: StoreCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /** Whether this node tells for that shard. */
  readonly ownsShard: (shard: number) => boolean;
  readonly findOrchestrator: (name: string) => OrchestratorPort | undefined;
  /** What there is to tell of a workflow; undefined if it is gone. */
  readonly newsOf: (workflow: WorkflowKey, record: CallbackRecord) => Promise<EndNews | undefined>;
  readonly commit: (unit: Unit) => Promise<UnitResult>;
  /** How often shards that changed hands are looked for. @default 250 ms */
  readonly lookMs?: number;
}

interface Note {
  kv: KeyValue;
  failures: number;
  /** By the monotonic clock. */
  dueMs: number;
  isUnderWay: boolean;
}

const retryPolicy = { initialBackoffMs: 500, maxBackoffMs: 300_000, multiplier: 2 };
const lookMsDefault = 250;
/** Failures after which a person is told. */
const failuresMax = 10;

/** See the head of this file. */
export class CallbackSender {
  readonly #options: CallbackSenderOptions;
  readonly #notes = new Map<string, Note>();
  #wake = (): void => undefined;

  /** Made before the cache is started, so that it hears of every note. */
  constructor(options: CallbackSenderOptions) {
    this.#options = options;
    options.cache.subscribe(({ key, kv }) => {
      if (!key.startsWith(prefixes.callback)) return;
      if (kv === undefined) this.#notes.delete(key);
      else this.#notes.set(key, { failures: 0, dueMs: 0, isUnderWay: false, ...this.#notes.get(key), kv });
      this.#wake();
    });
  }

  /** Tells what there is, as it comes, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!isAborted(signal)) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      for (const key of this.#due()) void this.#tell(key);
      const pause = new AbortScope(signal);
      await Promise.race([woken, sleep(clock, this.#pauseMs(), pause.signal).catch(() => undefined)]);
      pause.abort(new Error('There is news'));
    }
  }

  /** Until it has to look again. */
  #pauseMs(): number {
    const { clock, lookMs = lookMsDefault } = this.#options;
    const nowMs = clock.monotonicMs();
    const waits = [...this.#notes.values()].map(({ isUnderWay, dueMs }) =>
      isUnderWay ? Infinity : dueMs - nowMs,
    );
    return Math.min(lookMs, ...waits.filter((waitMs) => waitMs > 0));
  }

  /** The oldest note of each workflow of ours, if its time has come. */
  #due(): string[] {
    const first = new Map<string, string>();
    for (const key of [...this.#notes.keys()].sort()) {
      const place = workflowOfKey(key)?.workflow;
      if (place === undefined || !this.#options.ownsShard(place.shard) || first.has(place.id)) continue;
      first.set(place.id, key);
    }
    const nowMs = this.#options.clock.monotonicMs();
    return [...first.values()].filter((key) => {
      const note = this.#notes.get(key);
      return note !== undefined && !note.isUnderWay && note.dueMs <= nowMs;
    });
  }

  async #tell(key: string): Promise<void> {
    const { clock, random, log } = this.#options;
    const note = this.#notes.get(key);
    const place = workflowOfKey(key)?.workflow;
    if (note === undefined || place === undefined) return;
    note.isUnderWay = true;
    try {
      await this.#tellOne(place, note.kv);
    } catch (error) {
      note.failures += 1;
      note.dueMs = clock.monotonicMs() + backoffMs(retryPolicy, note.failures, random);
      const fields = { workflow: place.id, failures: note.failures, cause: errorText(error) };
      log.warn(fields, 'orchestrator not told, trying again');
      if (note.failures === failuresMax) await this.#openIncident(place, note.kv, error);
    } finally {
      note.isUnderWay = false;
      this.#wake();
    }
  }

  async #tellOne(workflow: WorkflowKey, kv: KeyValue): Promise<void> {
    const { store, log, findOrchestrator, newsOf } = this.#options;
    // The cache may not have heard that another node told it.
    const current = await store.get(kv.key);
    if (current === undefined) {
      this.#notes.delete(kv.key);
      return;
    }
    const record = decodeRecord(CallbackRecord, current);
    const news = await newsOf(workflow, record);
    if (news !== undefined) {
      const port = findOrchestrator(record.orchestrator);
      if (port === undefined) throw new Error(`No orchestrator "${record.orchestrator}" is registered`);
      await port.ended(news);
      log.info(
        { workflow: workflow.id, orchestrator: record.orchestrator, state: news.state },
        'orchestrator told',
      );
    }
    await this.#forget(workflow, current, record);
  }

  /** It was told: the note goes, and what a person was told of it is settled. */
  async #forget(workflow: WorkflowKey, kv: KeyValue, { sequence }: CallbackRecord): Promise<void> {
    const { store, commit, random, clock } = this.#options;
    const unitId = random.hex(8);
    const at = keys.incident(workflow, incidentName(sequence));
    const found = await store.get(at);
    const incident = found === undefined ? undefined : readRecord(IncidentRecord, found);
    const ops: UnitOp[] = [{ type: 'delete', at: kv.key }];
    const compares = [isUnchanged(kv.key, kv.modRevision)];
    if (found !== undefined && incident?.resolveTimeMs === 0) {
      const timeMs = clock.nowMs();
      const resolution = { verb: 'callback', actor: engineActor, reason: 'it was told', timeMs, step: '' };
      const record = { ...incident, unitId, resolveTimeMs: timeMs, resolution };
      compares.push(isUnchanged(at, found.modRevision));
      ops.push({ type: 'put', key: at, value: encodeRecord(IncidentRecord, record) });
    }
    await commit({ id: unitId, compares, ops, witness: undefined });
  }

  async #openIncident(workflow: WorkflowKey, kv: KeyValue, cause: unknown): Promise<void> {
    const { commit, random, clock, log } = this.#options;
    const { orchestrator, sequence } = decodeRecord(CallbackRecord, kv);
    const name = incidentName(sequence);
    const message = `Orchestrator ${orchestrator} could not be told how the workflow ended: ${errorText(cause)}`;
    const record: IncidentRecord = {
      unitId: random.hex(8),
      incidentId: `${workflow.id}.${name}`,
      workflowId: workflow.id,
      stepId: '',
      error: errorRecord('CALLBACK_FAILED', message, true),
      effect: EffectKind.NONE,
      task: '',
      openTimeMs: clock.nowMs(),
      resolveTimeMs: 0,
    };
    const at = keys.incident(workflow, name);
    try {
      const result = await commit({
        id: record.unitId,
        compares: [isUnchanged(kv.key, kv.modRevision), isAbsent(at)],
        ops: [
          { type: 'put', key: at, value: encodeRecord(IncidentRecord, record) },
          ...webhookNote(workflow, record),
        ],
        witness: at,
      });
      if (result.applied) noteIncident(record, this.#options);
    } catch (error) {
      log.warn({ workflow: workflow.id, cause: errorText(error) }, 'incident not opened');
    }
  }
}

function incidentName(sequence: number): string {
  return `${callbackMark}.${sequence}`;
}
