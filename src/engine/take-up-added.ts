/** Steps that a running step has added come into the stored plan. Part of the decision; no I/O. */
import { PlanChunk } from '../gen/store/steplock/store/v1/plan.js';
import type { PlanCache } from './plan-cache.js';
import type { Run } from './run.js';
import type { Turn } from './turn.js';

/** Chunks in one turn: with outcomes of ordinary size they fit into a transaction. */
const chunksMax = 4;

/**
 * Writes them behind the plan, each as a chunk of its own, with what the head says of the plan. False when some are left
 * for the next turn, and nothing else is to be decided before: what is released must be in the plan that others read.
 */
export function takeUpAdded(run: Run, turn: Turn): boolean {
  for (const step of run.unwritten.splice(0, chunksMax)) {
    const chunk = run.records.get(step)?.record.added;
    if (chunk === undefined) continue;
    const {
      chunks = 0,
      steps = 0,
      groups = 0,
      bytes = 0,
      hash = '',
      graphRevision = 0,
    } = run.head.plan ?? {};
    turn.add({ kind: 'extend', index: chunks, chunk });
    run.head = {
      ...run.head,
      plan: {
        chunks: chunks + 1,
        steps: steps + chunk.steps.length,
        groups,
        bytes: bytes + PlanChunk.encode(chunk).finish().length,
        hash,
        graphRevision: graphRevision + 1,
      },
    };
    turn.headChanged = true;
  }
  if (run.unwritten.length === 0) return true;
  turn.hasMore = true;
  return false;
}

/** Once that is committed, the dispatcher of this node need not read the plan anew. */
export function keepPlan({ head, plan, unwritten }: Run, plans: PlanCache): void {
  // Of what is not written yet no graph revision knows.
  if (unwritten.length === 0) plans.put(head.uid, head.plan?.graphRevision ?? 0, plan);
}
