/** What a workflow's actor is made with, and the face that the dispatcher of its node shows it. */
import type { Clock } from '../base/clock.js';
import type { StepId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import type { QueueItem } from '../gen/store/steplock/store/v1/step.js';
import type { LockTable } from '../lock/lock-table.js';
import type { Logger } from '../log/log.js';
import type { Batcher } from '../store/batcher.js';
import type { WorkflowKey } from '../store/keys.js';
import type { Store } from '../store/store.js';
import type { Telemetry } from '../telemetry/index.js';
import type { PlanCache } from './plan-cache.js';
import type { Reservation } from './release.js';
import type { WorkflowReader } from './workflow-reader.js';

/** How the owner hands steps to the dispatcher of its own node. */
export interface LocalDispatch {
  /** Takes a free slot for a step that is about to be queued; undefined when none is free or others wait. */
  reserve(item: QueueItem): Reservation | undefined;
  /** The reserved step was queued and claimed by the commit at this revision: run it. */
  start(workflow: WorkflowKey, item: QueueItem, revision: number): void;
  /** The commit was refused or is in doubt: give the slot back. */
  cancelReservation(workflow: WorkflowKey, step: StepId): void;
}

/** What an actor needs. */
export interface ActorOptions {
  readonly store: Store;
  readonly batcher: Batcher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly plans: PlanCache;
  readonly dispatch: LocalDispatch;
  readonly locks: LockTable;
  readonly reader: WorkflowReader;
  /** Create revision of the shard's record. */
  readonly epoch: number;
  /** Aborts when the shard or the session is lost. */
  readonly signal: AbortSignal;
  /** The workflow needs no actor until something happens to it. */
  readonly onIdle: () => void;
}
