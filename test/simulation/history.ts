/** What the store says of workflows, read from outside: never from what a node remembers. */
import type { StepId } from '../../src/base/ids.js';
import { QueueItem, StepRecord } from '../../src/gen/store/steplock/store/v1/step.js';
import { WorkflowHead } from '../../src/gen/store/steplock/store/v1/workflow.js';
import type { Plan } from '../../src/model/plan.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { keys, shardOf, type WorkflowKey } from '../../src/store/keys.js';
import { decodeRecord, type RecordType } from '../../src/store/records.js';
import { planInStore } from './plan-in-store.js';

/** See above. */
export class History {
  readonly server: Mvcc;
  readonly #shards: number;
  readonly #plans = new Map<string, Plan>();
  /** Of a workflow, the children that it ever had. */
  readonly #seen = new Set<string>();
  readonly #children = new Map<string, Set<string>>();
  /** What a key held when it was read last. */
  readonly #decoded = new Map<string, { readonly revision: number; readonly record: unknown }>();

  constructor(server: Mvcc, shards: number) {
    this.server = server;
    this.#shards = shards;
  }

  /** The workflow's place. */
  keyOf(id: string): WorkflowKey {
    return { shard: shardOf(id as never, this.#shards), id: id as never };
  }

  /** The workflow's head as it stands. */
  headOf(id: string): WorkflowHead | undefined {
    return this.#read(WorkflowHead, keys.head(this.keyOf(id)));
  }

  /** The outcome of a step, or an undo. */
  recordOf(id: string, step: StepId): StepRecord | undefined {
    return this.#read(StepRecord, keys.step(this.keyOf(id), step));
  }

  /** The queue item of a step, or an undo. */
  itemOf(id: string, step: StepId): QueueItem | undefined {
    return this.#read(QueueItem, keys.queue(this.keyOf(id), step));
  }

  /** The workflow's plan; known also when it has been deleted. */
  planOf(id: string): Plan {
    const known = this.#plans.get(id);
    if (known !== undefined) return known;
    const plan = planInStore(this.server, this.keyOf(id), this.headOf(id)?.plan?.chunks);
    this.#plans.set(id, plan);
    return plan;
  }

  /** Takes note of an outcome that was written: its step may have added some. */
  noteRecord(id: string, { added }: StepRecord): void {
    if (added !== undefined) this.#plans.delete(id);
  }

  /** Of all workflows that there ever were. */
  get seen(): string[] {
    return [...this.#seen];
  }

  /** Takes note of a head that was written. */
  noteHead(id: string, { parent }: WorkflowHead): void {
    this.#seen.add(id);
    if (parent === undefined) return;
    const children = this.#children.get(parent.workflowId) ?? new Set();
    this.#children.set(parent.workflowId, children.add(id));
  }

  /** The children that the workflow ever had; `step`: of that step only. */
  childrenOf(id: string, step?: string): string[] {
    const children = [...(this.#children.get(id) ?? [])];
    return step === undefined
      ? children
      : children.filter((child) => this.headOf(child)?.parent?.step === step);
  }

  /** Where each step stands, for the trace. */
  describe(id: string): string {
    const ids = this.planOf(id).steps.flatMap(({ id: step }) => [step, `undo.${step}`] as StepId[]);
    const steps = ids.map((step) => ({ step, item: this.itemOf(id, step), record: this.recordOf(id, step) }));
    const known = steps.filter(({ item, record }) => item !== undefined || record !== undefined);
    return JSON.stringify({ head: this.headOf(id), known });
  }

  #read<T>(type: RecordType<T>, key: string): T | undefined {
    const kv = this.server.get(key);
    if (kv === undefined) return undefined;
    const known = this.#decoded.get(key);
    if (known?.revision === kv.modRevision) return known.record as T;
    const record = decodeRecord(type, kv);
    this.#decoded.set(key, { revision: kv.modRevision, record });
    return record;
  }
}

/** The steps directly before or after one, groups looked through. */
export function stepsNextTo(plan: Plan, step: string, way: 'predecessors' | 'successors'): StepId[] {
  const found = new Set<StepId>();
  const stack = [...(plan.graph[way][plan.indexOf.get(step as StepId) ?? -1] ?? [])];
  const seen = new Set<number>();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (next < plan.graph.stepCount) found.add(plan.steps[next]!.id as StepId);
    else stack.push(...(plan.graph[way][next] ?? []));
  }
  return [...found];
}
