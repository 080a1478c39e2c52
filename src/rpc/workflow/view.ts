/** What an answer about a workflow is made of. */
import type { StepId } from '../../base/ids.js';
import type { Entry } from '../../engine/run.js';
import type { IncidentRecord, QueueItem, StepRecord } from '../../gen/store/steplock/store/v1/step.js';
import type { WorkflowHead } from '../../gen/store/steplock/store/v1/workflow.js';
import type { Plan } from '../../model/plan.js';

/** A workflow as it stood at a revision. */
export interface WorkflowView {
  readonly head: WorkflowHead;
  readonly headRevision: number;
  readonly plan: Plan;
  readonly records: ReadonlyMap<StepId, Entry<StepRecord>>;
  readonly items: ReadonlyMap<StepId, Entry<QueueItem>>;
  readonly incidents: ReadonlyMap<string, Entry<IncidentRecord>>;
}
