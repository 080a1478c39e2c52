/** A workflow's plan as the store has it, from outside: whether its owner has taken note of all of it or not. */
import type { StepId } from '../../src/base/ids.js';
import { PlanChunk } from '../../src/gen/store/steplock/store/v1/plan.js';
import { StepRecord } from '../../src/gen/store/steplock/store/v1/step.js';
import { extendPlan, planOfChunks, type Plan } from '../../src/model/plan.js';
import type { Mvcc } from '../../src/store/embedded/index.js';
import { ranges, type WorkflowKey } from '../../src/store/keys.js';
import { decodeRecord } from '../../src/store/records.js';

/** The first so many chunks, and what steps have added: that holds from their outcome on. */
export function planInStore(server: Mvcc, key: WorkflowKey, chunks: number | undefined): Plan {
  const { kvs } = server.list(ranges.chunks('plan', key));
  let plan = planOfChunks(kvs.slice(0, chunks).map((kv) => decodeRecord(PlanChunk, kv)));
  for (const kv of server.list(ranges.steps(key)).kvs) {
    const { added } = decodeRecord(StepRecord, kv);
    const first = added?.steps[0]?.id as StepId | undefined;
    if (added !== undefined && first !== undefined && !plan.indexOf.has(first))
      plan = extendPlan(plan, added);
  }
  return plan;
}
