/** What an orchestrator is told of a workflow's end. */
import type { JsonObject } from '../../base/json.js';
import type { EndNews } from '../../contract/orchestrator.js';
import { isReason } from '../../errors/index.js';
import type { CallbackRecord } from '../../gen/store/steplock/store/v1/workflow.js';
import { Stop } from '../../gen/wire/steplock/v1/workflow.js';
import { stateName } from '../../model/workflow-state.js';
import type { WorkflowKey } from '../../store/keys.js';
import type { Api } from '../context.js';
import { workflowName } from './names.js';
import { readWorkflow } from './read.js';

/** It; undefined when the workflow is gone. The state is the one that it had come to then, which may have changed since. */
export async function newsOf(
  api: Api,
  key: WorkflowKey,
  { sequence, state, uid }: CallbackRecord,
): Promise<EndNews | undefined> {
  try {
    const { output, stop } = await readWorkflow(api, key);
    return {
      workflow: workflowName(key.id),
      workflowUid: uid,
      sequence,
      state: stateName(state),
      output,
      stop: stop === undefined ? undefined : (Stop.toJSON(stop) as JsonObject),
    };
  } catch (error) {
    if (isReason(error, 'WORKFLOW_NOT_FOUND')) return undefined;
    throw error;
  }
}
