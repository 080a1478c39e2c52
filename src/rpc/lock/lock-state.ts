/** Where a lock stands, and how it is shown. */
import { HeadState, LiveRecord } from '../../gen/store/steplock/store/v1/workflow.js';
import { LockState } from '../../gen/wire/steplock/v1/lock_service.js';
import { LockMode } from '../../gen/wire/steplock/v1/plan.js';
import { keys, type LockKey } from '../../store/keys.js';
import { readRecord } from '../../store/records.js';
import type { Api } from '../context.js';

/** How a lock is shown. */
export function toLockMode(mode: LockKey['mode']): LockMode {
  return mode === 'shared' ? LockMode.SHARED : LockMode.EXCLUSIVE;
}

/** Where the lock stands: as its workflow does. */
export function lockState(api: Api, { workflow }: LockKey): LockState {
  const kv = api.runtime.cache.get(keys.live(workflow));
  const state = kv === undefined ? undefined : readRecord(LiveRecord, kv)?.state;
  if (state === HeadState.QUEUED) return LockState.WAITING;
  return state === HeadState.ROLLBACK_BLOCKED ? LockState.QUARANTINED : LockState.HELD;
}
