/** See ExplainWorkflow: the workflow itself, and each of its steps that does not move. */
import { msToDate } from '../../base/duration.js';
import { undoOf, type StepId } from '../../base/ids.js';
import type { WorkflowSnapshot } from '../../engine/load.js';
import type { QueueItem } from '../../gen/store/steplock/store/v1/step.js';
import { HeadState } from '../../gen/store/steplock/store/v1/workflow.js';
import {
  WaitKind,
  type ExplainWorkflowRequest,
  type ExplainWorkflowResponse,
  type Wait,
} from '../../gen/wire/steplock/v1/workflow_service.js';
import { fitsSelector } from '../../queue/eligible.js';
import { keys } from '../../store/keys.js';
import type { Api } from '../context.js';
import { explainStep, type Surroundings } from './explain-step.js';
import { lockWaitsOf } from './lock-waits.js';
import { parseStepName, parseWorkflowName, workflowName } from './names.js';
import { readSnapshot, stepNotFound } from './read.js';
import { renderStep } from './render-step.js';

const waitsMax = 200;
const usersMax = 20;

/** See ExplainWorkflow. */
export async function explainWorkflow(
  api: Api,
  { name }: ExplainWorkflowRequest,
): Promise<ExplainWorkflowResponse> {
  const around = (item: QueueItem): Surroundings => surroundingsOf(api, item);
  if (/^workflows\/[^/]*\/steps\//.test(name)) {
    const { workflow, step } = parseStepName(api, name);
    const snapshot = await readSnapshot(api, workflow);
    if (renderStep(snapshot, step) === undefined) throw stepNotFound(workflow.id, step);
    const wait = explainStep(snapshot, step, around);
    return {
      waits: [...explainHead(api, snapshot), ...(wait === undefined ? [] : [wait])],
      truncated: false,
    };
  }
  const snapshot = await readSnapshot(api, parseWorkflowName(api, name));
  const waits = explainHead(api, snapshot);
  for (const step of snapshot.plan.steps) {
    for (const id of [step.id as StepId, undoOf(step.id as StepId)]) {
      if (renderStep(snapshot, id) === undefined) continue;
      const wait = explainStep(snapshot, id, around);
      if (wait !== undefined) waits.push(wait);
    }
    if (waits.length > waitsMax) return { waits: waits.slice(0, waitsMax), truncated: true };
  }
  return { waits, truncated: false };
}

function surroundingsOf(api: Api, item: QueueItem): Surroundings {
  const { admission, members } = api.runtime;
  const block = admission.blockOf(item);
  const fitting = members.taking.filter((member) => fitsSelector(item, member));
  const isRemote = api.runtime.cache.get(keys.controller(item.controller)) !== undefined;
  const able = fitting.filter(({ record }) => isRemote || record.controllers.includes(item.controller));
  return {
    block:
      block === undefined || 'hold' in block
        ? block
        : { limit: block.limit, users: admission.usersOf(block.limit, usersMax) },
    fitting: fitting.map(({ nodeId }) => nodeId),
    able: able.map(({ nodeId }) => nodeId),
  };
}

type Rest = Pick<Wait, 'kind' | 'text'> & Partial<Wait>;

/** What holds all of it back: its state, its locks, its start time. */
function explainHead(api: Api, snapshot: WorkflowSnapshot): Wait[] {
  const { head, incidents } = snapshot;
  const id = head.workflowId;
  const of = ({ holders = [], commands = [], ...rest }: Rest): Wait => ({
    subject: workflowName(id),
    holders,
    commands,
    ...rest,
  });
  switch (head.state) {
    case HeadState.DRAFT:
      return [
        of({
          kind: WaitKind.START,
          text: 'somebody who starts it: it is a draft, and is deleted after 24 h',
          since: msToDate(head.createTimeMs),
          commands: [`steplock workflow delete ${id}`],
        }),
      ];
    case HeadState.SCHEDULED:
      return [of({ kind: WaitKind.TIME, text: 'its start time', until: msToDate(head.notBeforeMs) })];
    case HeadState.QUEUED:
      return lockWaitsOf(api, snapshot).map(({ resource, mode, workflow, since, held }) =>
        of({
          kind: WaitKind.LOCK,
          text: `${resource} (${mode === 2 ? 'shared' : 'exclusive'}), which ${workflow} ${held ? 'has' : 'wants before it'}`,
          holders: [workflow],
          since,
          commands: [
            `steplock explain ${workflow.replace('workflows/', '')}`,
            `steplock lock describe ${resource}`,
          ],
        }),
      );
    case HeadState.SUSPENDING:
    case HeadState.SUSPENDED:
    case HeadState.ROLLBACK_SUSPENDING:
    case HeadState.ROLLBACK_SUSPENDED: {
      const { actor = '', reason = '', timeMs = 0 } = head.suspension ?? {};
      return [
        of({
          kind: WaitKind.RESUME,
          text: `somebody who resumes it; suspended by ${actor}${reason === '' ? '' : `: ${reason}`}`,
          holders: [actor],
          since: msToDate(timeMs),
          commands: [`steplock workflow resume ${id}`],
        }),
      ];
    }
    case HeadState.ROLLBACK_BLOCKED: {
      const open = [...incidents.values()].filter(({ record }) => record.resolution === undefined);
      return [
        of({
          kind: WaitKind.INCIDENT,
          text: `${open.length} incident${open.length === 1 ? '' : 's'}, which its rollback cannot get past; its locks stay`,
          holders: open.map(({ record }) => `incidents/${record.incidentId}`),
          commands: open.map(({ record }) => `steplock incident get ${record.incidentId}`),
        }),
      ];
    }
    default:
      return [];
  }
}
