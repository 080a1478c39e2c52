/** Frozen plans that this node has read or made, by workflow uid. A plan only ever gains steps. */
import type { Revision } from '../base/ids.js';
import { PlanChunk } from '../gen/store/steplock/store/v1/plan.js';
import type { PlanExtent } from '../gen/store/steplock/store/v1/workflow.js';
import { planOfChunks, type Plan } from '../model/plan.js';
import { ranges, type ChunkKind, type WorkflowKey } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';
import type { KeyValue, Store } from '../store/store.js';

interface CachedPlan {
  readonly plan: Plan;
  readonly graphRevision: number;
}

/** Where a plan is to be read. */
export interface StoredPlan {
  /** As of which revision; default: now. */
  readonly revision?: Revision;
  /** Its first chunks as of then, as far as they are known. */
  readonly firstChunks?: readonly KeyValue[];
}

/** See above. */
export class PlanCache {
  readonly #plans = new Map<string, CachedPlan>();
  /** Those of workflows that rest, suspended or ended. Few of them are asked for again, and they may be very many. */
  readonly #resting = new Map<string, CachedPlan>();
  /** Being read, for all who ask meanwhile. */
  readonly #shared = new Map<string, Promise<Plan>>();
  readonly #stepsMax: number;
  #steps = 0;
  #restingSteps = 0;

  /** Keeps plans of so many steps in all, a tenth of it for those that rest; the least recently used ones go first. */
  constructor(stepsMax: number) {
    this.#stepsMax = stepsMax;
  }

  /** The plan, if it is here; it may lack steps that were added since. */
  peek(uid: string): Plan | undefined {
    const resting = this.#resting.get(uid);
    if (resting !== undefined) return resting.plan;
    const entry = this.#plans.get(uid);
    if (entry === undefined) return undefined;
    this.#plans.delete(uid);
    this.#plans.set(uid, entry);
    return entry.plan;
  }

  /** Its workflow rests: it is kept for a while, for those who look at what came of it. */
  rest(uid: string): void {
    const entry = this.#plans.get(uid);
    if (entry === undefined) return;
    this.#drop(uid);
    this.#resting.set(uid, entry);
    this.#restingSteps += entry.plan.steps.length;
    for (const [oldest, { plan }] of this.#resting) {
      if (this.#restingSteps <= this.#stepsMax / 10) break;
      this.#resting.delete(oldest);
      this.#restingSteps -= plan.steps.length;
    }
  }

  /** Keeps a plan, unless a later one is here. */
  put(uid: string, graphRevision: number, plan: Plan): void {
    const known = this.#plans.get(uid) ?? this.#resting.get(uid);
    if ((known?.graphRevision ?? 0) > graphRevision) return;
    this.#drop(uid);
    this.#plans.set(uid, { plan, graphRevision });
    this.#steps += plan.steps.length;
    for (const [oldest, entry] of this.#plans) {
      if (this.#steps <= this.#stepsMax || oldest === uid) break;
      this.#plans.delete(oldest);
      this.#steps -= entry.plan.steps.length;
    }
  }

  /**
   * The plan at that graph revision, read from the store, as it was or as it is, if it is not here.
   *
   * @throws CorruptRecordError when it cannot be read.
   */
  async load(
    store: Store,
    workflow: WorkflowKey,
    uid: string,
    extent: PlanExtent,
    asOf: StoredPlan = {},
  ): Promise<Plan> {
    const here = this.#resting.get(uid) ?? this.#plans.get(uid);
    const isHere = here?.graphRevision === extent.graphRevision;
    const known = isHere ? this.peek(uid) : undefined;
    if (known !== undefined) return known;
    const plan = await readPlan(store, 'plan', workflow, extent.chunks, asOf);
    this.put(uid, extent.graphRevision, plan);
    return plan;
  }

  /** Reads with `read`, once for all who ask for that workflow's plan meanwhile. */
  async share(uid: string, read: () => Promise<Plan>): Promise<Plan> {
    const known = this.#shared.get(uid);
    if (known !== undefined) return await known;
    const plan = read().finally(() => this.#shared.delete(uid));
    this.#shared.set(uid, plan);
    return await plan;
  }

  #drop(uid: string): void {
    this.#steps -= this.#plans.get(uid)?.plan.steps.length ?? 0;
    this.#plans.delete(uid);
    this.#restingSteps -= this.#resting.get(uid)?.plan.steps.length ?? 0;
    this.#resting.delete(uid);
  }
}

/** The plan that the first so many chunks hold; what stands behind them was left by an attempt that came to nothing. */
export async function readPlan(
  store: Store,
  kind: ChunkKind,
  workflow: WorkflowKey,
  chunks: number,
  { revision, firstChunks = [] }: StoredPlan = {},
): Promise<Plan> {
  const options = { limit: Math.max(1, chunks), ...(revision === undefined ? {} : { revision }) };
  const isWhole = chunks > 0 && firstChunks.length >= chunks;
  const { kvs } = isWhole ? { kvs: firstChunks } : await store.list(ranges.chunks(kind, workflow), options);
  return planOfChunks(kvs.slice(0, chunks).map((kv) => decodeRecord(PlanChunk, kv)));
}
