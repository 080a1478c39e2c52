/** Whom a workflow that is QUEUED waits for. */
import { msToDate } from '../../base/duration.js';
import { HeadState } from '../../gen/store/steplock/store/v1/workflow.js';
import { LockState } from '../../gen/wire/steplock/v1/lock_service.js';
import type { LockWait } from '../../gen/wire/steplock/v1/workflow.js';
import type { WorkflowSnapshot } from '../../engine/load.js';
import { lockOf } from '../../model/locks.js';
import type { Api } from '../context.js';
import { lockState, toLockMode } from '../lock/lock-state.js';
import { workflowName } from './names.js';

const shownMax = 20;

/** See above; from the cache, so a moment old. */
export function lockWaitsOf(api: Api, { key, head, ticket }: WorkflowSnapshot): LockWait[] {
  if (head.state !== HeadState.QUEUED) return [];
  return api.runtime.locks
    .blockersOf(key.id, ticket, head.locks.map(lockOf))
    .slice(0, shownMax)
    .map((blocker) => {
      const wanted = head.locks.map(lockOf).find(({ resource }) => resource === blocker.resource);
      return {
        resource: blocker.resource,
        mode: toLockMode(wanted?.mode ?? 'exclusive'),
        workflow: workflowName(blocker.workflow.id),
        since: msToDate(blocker.timeMs),
        held: lockState(api, blocker) !== LockState.WAITING,
      };
    });
}
