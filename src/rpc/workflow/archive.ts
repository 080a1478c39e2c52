/** Workflows as lines of JSON, for the time after their records: what the API shows of each, its secrets sealed as there. */
import { PlanCache } from '../../engine/plan-cache.js';
import type { WorkflowSnapshot } from '../../engine/load.js';
import { isReason } from '../../errors/index.js';
import { Incident } from '../../gen/wire/steplock/v1/incident_service.js';
import { Step, Workflow } from '../../gen/wire/steplock/v1/workflow.js';
import type { ArchiveFile } from '../../runtime/archive-file.js';
import type { Archive } from '../../runtime/retention.js';
import type { WorkflowKey } from '../../store/keys.js';
import { CorruptRecordError } from '../../store/records.js';
import type { Api } from '../context.js';
import { renderIncident } from '../incident/render.js';
import { readSnapshotWith } from './read.js';
import { renderStep } from './render-step.js';
import { renderWorkflow, stepIdsOf } from './render.js';

/** An archive in that file. */
export function createArchive(api: Api, file: ArchiveFile): Archive {
  // Plans that are read once must not push out those that are driven.
  const plans = new PlanCache(0);
  return {
    write: async (workflows) => {
      const written: WorkflowKey[] = [];
      await file.append(linesOf(api, plans, workflows, written));
      return written;
    },
  };
}

/** One workflow after the other, so that only one is held in memory. */
async function* linesOf(
  api: Api,
  plans: PlanCache,
  workflows: readonly WorkflowKey[],
  written: WorkflowKey[],
): AsyncGenerator<string> {
  for (const workflow of workflows) {
    const snapshot = await readForArchive(api, plans, workflow);
    if (snapshot === undefined) continue;
    yield* lineOf(snapshot);
    written.push(workflow);
  }
}

async function readForArchive(
  api: Api,
  plans: PlanCache,
  workflow: WorkflowKey,
): Promise<WorkflowSnapshot | undefined> {
  try {
    return await readSnapshotWith(api.store, plans, workflow);
  } catch (error) {
    // Somebody else has deleted it meanwhile.
    if (isReason(error, 'WORKFLOW_NOT_FOUND')) return undefined;
    if (!(error instanceof CorruptRecordError)) throw error;
    api.log.warn(
      { workflow: workflow.id, key: error.key },
      'ended workflow not deleted: a record of it cannot be read, and so not exported',
    );
    return undefined;
  }
}

/** In pieces: the outputs of ten thousand steps do not fit into one string. */
function* lineOf(snapshot: WorkflowSnapshot): Generator<string> {
  yield `{"workflow":${JSON.stringify(Workflow.toJSON(renderWorkflow(snapshot)))},"steps":[`;
  const steps = stepIdsOf(snapshot).flatMap((id) => renderStep(snapshot, id) ?? []);
  for (const [index, step] of steps.entries())
    yield `${index === 0 ? '' : ','}${JSON.stringify(Step.toJSON(step))}`;
  const incidents = [...snapshot.incidents.values()].map(({ record }) => renderIncident(record, []));
  yield `],"incidents":${JSON.stringify(incidents.map((incident) => Incident.toJSON(incident)))}}\n`;
}
