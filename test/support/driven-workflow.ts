/**
 * A workflow driven by hand as its owner does it: decided, committed to a store in memory as the very unit that the
 * owner would send, and read back from there. Calls of controllers are made up by the test.
 */
import { expect } from 'chai';
import type { NodeId, Revision, StepId } from '../../src/base/ids.js';
import { applyEvent } from '../../src/engine/apply-event.js';
import { confirmTurn, liveRecordOf, unitOfTurn } from '../../src/engine/commit.js';
import { decide, type Report } from '../../src/engine/decide.js';
import { incidentFor } from '../../src/engine/incident.js';
import { loadWorkflow } from '../../src/engine/load.js';
import { PlanCache } from '../../src/engine/plan-cache.js';
import { beginAttempt, type Reserve } from '../../src/engine/release.js';
import { Run } from '../../src/engine/run.js';
import { Turn } from '../../src/engine/turn.js';
import { PlanChunk, type PlanGroup, type PlanStep } from '../../src/gen/store/steplock/store/v1/plan.js';
import {
  EffectKind,
  IncidentRecord,
  OutcomeState,
  QueueItem,
  StepRecord,
} from '../../src/gen/store/steplock/store/v1/step.js';
import {
  HeadState,
  LiveRecord,
  RequestRecord,
  VerbRecord,
  WorkflowHead,
} from '../../src/gen/store/steplock/store/v1/workflow.js';
import { createPlan } from '../../src/model/plan.js';
import { stateName } from '../../src/model/workflow-state.js';
import { createEmbeddedStore } from '../../src/store/embedded/index.js';
import { keys } from '../../src/store/keys.js';
import { decodeRecord, encodeRecord } from '../../src/store/records.js';
import type { Op, Store } from '../../src/store/store.js';
import { checkUnit } from '../../src/store/unit.js';
import { FakeClock } from './fake-clock.js';
import {
  planChunk,
  planMethod,
  stepError,
  stepRecord,
  verbRecord,
  workflowHead,
  workflowKey,
} from './records.js';

/** What is driven. */
export interface DrivenOptions {
  readonly groups?: readonly PlanGroup[];
  readonly head?: Partial<WorkflowHead>;
  /** How much `nowMs` is at the beginning. */
  readonly nowMs?: number;
  /** Gives a claim to what is queued; by default none is. */
  readonly reserve?: Reserve;
}

/** How a step ended. */
export interface End {
  readonly state: OutcomeState;
  readonly effect?: EffectKind;
  /** What it adds. */
  readonly added?: PlanChunk;
}

export const succeeded: End = { state: OutcomeState.SUCCEEDED };
export const failed: End = { state: OutcomeState.FAILED };
export const failedWithout: End = { state: OutcomeState.FAILED, effect: EffectKind.NONE };
export const unknown: End = { state: OutcomeState.UNKNOWN };

const nodeId = 'n1' as NodeId;

/** See the head of this file. */
export class DrivenWorkflow {
  run: Run;
  nowMs: number;
  readonly store: Store;
  readonly #plans: PlanCache;
  readonly #reserve: Reserve;
  readonly #removed = new Map<StepId, number>();
  #epoch = 0;
  #units = 0;

  private constructor(store: Store, plans: PlanCache, run: Run, options: DrivenOptions) {
    this.store = store;
    this.run = run;
    this.nowMs = options.nowMs ?? 1_000;
    this.#plans = plans;
    this.#reserve = options.reserve ?? (() => undefined);
  }

  /** Stores a workflow of these steps and reads it. */
  static async create(steps: readonly PlanStep[], options: DrivenOptions = {}): Promise<DrivenWorkflow> {
    const store = createEmbeddedStore({ clock: new FakeClock() });
    const plan = createPlan(steps, options.groups ?? [], [planMethod('make'), planMethod('unmake')]);
    const plans = new PlanCache(100_000);
    const { groups } = plan;
    const extent = { chunks: 1, steps: steps.length, groups: groups.length, bytes: 1, hash: 'hash' };
    const head = workflowHead({ plan: { ...extent, graphRevision: 0 }, ...options.head });
    plans.put(head.uid, 0, plan);
    const chunk = planChunk([...steps], [...plan.methods], [...groups]);
    const { revision: epoch } = await put(store, keys.shard(workflowKey.shard), Buffer.from('owner'));
    await put(store, keys.chunk('plan', workflowKey, 0), encodeRecord(PlanChunk, chunk));
    await put(store, keys.head(workflowKey), encodeRecord(WorkflowHead, head));
    await put(store, keys.live(workflowKey), encodeRecord(LiveRecord, liveRecordOf(head)));
    const driven = new DrivenWorkflow(store, plans, await load(store, plans), options);
    driven.#epoch = epoch;
    return driven;
  }

  /** The workflow's state by name. */
  get state(): string {
    return stateName(this.run.head.state);
  }

  /** The ids in the queue. */
  get queued(): string[] {
    return [...this.run.items.keys()].sort();
  }

  /** The state of a step's outcome by name; undefined if there is none. */
  outcome(step: string): string | undefined {
    const state = this.run.records.get(step as StepId)?.record.state;
    return Object.entries(OutcomeState).find(([, value]) => value === state)?.[0];
  }

  /** One turn; fails if its commit is refused. */
  async turn(...reports: readonly Report[]): Promise<{ readonly turn: Turn; readonly refused: Report[] }> {
    const turn = new Turn();
    const { state, createTimeMs, startTimeMs } = this.run.head;
    const elapsedMs = Math.max(0, this.nowMs - (state === HeadState.DRAFT ? createTimeMs : startTimeMs));
    const inputs = {
      reports,
      nowMs: this.nowMs,
      elapsedMs,
      reserve: this.#reserve,
      lockGuards: () => undefined,
      lateGuards: () => undefined,
      cycleGuards: () => undefined,
    };
    const refused = decide(this.run, inputs, turn);
    if (!turn.isEmpty) {
      const unit = unitOfTurn(this.run, turn, this.#epoch, `unit${(this.#units += 1)}`);
      checkUnit(unit);
      const result = await this.store.txn({ compares: unit.compares, then: unit.ops, otherwise: [] });
      expect(result.succeeded, 'The commit of a turn is refused').to.equal(true);
      confirmTurn(this.run, turn, unit, result.revision);
      for (const change of turn.changes) {
        if (change.kind === 'enqueue' && change.former !== undefined)
          this.#removed.set(change.step, result.revision);
      }
    }
    return { turn, refused };
  }

  /** Turns until nothing changes any more. */
  async turns(): Promise<void> {
    for (let count = 0; count < 500; count++) {
      const { turn } = await this.turn();
      if (turn.isEmpty && !turn.hasMore) return;
    }
    throw new Error('The workflow never comes to rest');
  }

  /** An operator leaves a verb, and the owner takes it up. Gives why it was refused, if it was. */
  async verb(verb: string, patch: Partial<VerbRecord> = {}): Promise<string | undefined> {
    const requestId = `request${(this.#units += 1)}`;
    const record = verbRecord(verb, requestId, patch);
    const key = keys.verb(workflowKey, requestId);
    await put(this.store, key, encodeRecord(VerbRecord, record));
    await this.#see(key);
    await this.turns();
    const request = await this.store.get(keys.request(requestId));
    expect(request, 'A verb is answered').to.not.equal(undefined);
    return decodeRecord(RequestRecord, request!).refusal?.message;
  }

  /** Another workflow of the tree leaves a verb; it is taken up with the next turn. */
  async hears(record: VerbRecord): Promise<void> {
    const key = keys.verb(workflowKey, record.requestId);
    await put(this.store, key, encodeRecord(VerbRecord, record));
    await this.#see(key);
  }

  /** A node claims the step and begins an attempt. */
  async claim(step: string): Promise<void> {
    const item = this.#itemOf(step);
    const claim = { node: nodeId, session: 7, timeMs: this.nowMs };
    await this.#writeItem(
      step,
      beginAttempt(item.record, { claim, permits: item.record.permits }, this.nowMs),
    );
  }

  /** The node lets go of the step after a failure, to try again later. */
  async release(step: string, effect: EffectKind): Promise<void> {
    const { record } = this.#itemOf(step);
    const patch = { inDoubt: false, failures: record.failures + 1, effect, error: stepError() };
    await this.#writeItem(step, { ...record, ...patch, claim: undefined });
  }

  /** What a node reports of a step that has ended. */
  reportOf(step: string, end: End): Report {
    const id = step as StepId;
    const { record: item, revision } = this.#itemOf(step);
    const error = end.state === OutcomeState.SUCCEEDED ? undefined : stepError();
    const bare = stepRecord(id, end.state, {
      attempts: item.attempt,
      series: item.series,
      ...(end.effect === undefined ? {} : { effect: end.effect }),
      ...(error === undefined ? {} : { error }),
      ...(end.added === undefined ? {} : { added: end.added }),
    });
    const needsPerson =
      end.state === OutcomeState.UNKNOWN || (step.startsWith('undo.') && error !== undefined);
    if (!needsPerson || error === undefined)
      return { step: id, itemRevision: revision, record: bare, incident: undefined };
    const cause = { error, effect: bare.effect, task: '', number: item.attempt, nowMs: this.nowMs };
    const incident = incidentFor(workflowKey, id, cause);
    return {
      step: id,
      itemRevision: revision,
      record: { ...bare, incidentId: incident.incidentId },
      incident,
    };
  }

  /** The step ends and its node reports that; then the owner goes on until nothing changes. */
  async end(step: string, end: End = succeeded): Promise<void> {
    if (!this.#itemOf(step).record.inDoubt) await this.claim(step);
    const { refused } = await this.turn(this.reportOf(step, end));
    expect(refused, 'A report of what the owner knows is taken').to.deep.equal([]);
    await this.turns();
  }

  /** As {@link end}, but the node writes the outcome by itself and the owner only sees it. */
  async endUnseen(step: string, end: End): Promise<boolean> {
    if (!this.#itemOf(step).record.inDoubt) await this.claim(step);
    const { record, incident, step: id } = this.reportOf(step, end);
    const recordKey = keys.step(workflowKey, id);
    const itemKey = keys.queue(workflowKey, id);
    const ops: Op[] = [
      { type: 'put', key: recordKey, value: encodeRecord(StepRecord, record) },
      { type: 'delete', at: itemKey },
    ];
    const seen = [recordKey, itemKey];
    if (incident !== undefined) {
      const key = keys.incident(workflowKey, incident.incidentId.slice(workflowKey.id.length + 1));
      ops.push({ type: 'put', key, value: encodeRecord(IncidentRecord, incident) });
      seen.push(key);
    }
    const { revision } = await this.store.txn({ compares: [], then: ops, otherwise: [] });
    let isComplete = true;
    for (const key of seen) isComplete = (await this.#see(key, revision)) && isComplete;
    await this.turns();
    return isComplete;
  }

  /** The workflow as the store says it is. */
  async reload(): Promise<Run> {
    return await load(this.store, this.#plans);
  }

  #itemOf(step: string): { readonly record: QueueItem; readonly revision: number } {
    const item = this.run.items.get(step as StepId);
    if (item === undefined) throw new Error(`${step} is not queued`);
    return item;
  }

  async #writeItem(step: string, item: QueueItem): Promise<void> {
    const key = keys.queue(workflowKey, step as StepId);
    await put(this.store, key, encodeRecord(QueueItem, item));
    await this.#see(key);
  }

  async #see(key: string, revision?: Revision): Promise<boolean> {
    const kv = await this.store.get(key);
    return applyEvent(this.run, { key, kv, revision: revision ?? kv?.modRevision ?? 0 }, this.#removed);
  }
}

async function put(store: Store, key: string, value: Uint8Array): Promise<{ readonly revision: Revision }> {
  return await store.txn({ compares: [], then: [{ type: 'put', key, value }], otherwise: [] });
}

async function load(store: Store, plans: PlanCache): Promise<Run> {
  const loaded = await loadWorkflow(store, plans, workflowKey);
  if (loaded === undefined) throw new Error('The workflow is gone');
  return new Run(loaded);
}
