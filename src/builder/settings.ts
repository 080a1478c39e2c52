/** What a workflow is told beside its plan, in TypeScript and as the wire has it. */
import { msToDuration } from '../base/duration.js';
import { OnFailure, RunningSteps, type WorkflowSettings } from '../gen/wire/steplock/v1/workflow.js';
import { toWireLocks, type Locks } from './steps.js';

/** See steplock.v1.WorkflowSettings for what each means. */
export interface Settings {
  /** @default "default" */
  readonly tenant?: string;
  /** For finding it again. */
  readonly labels?: Readonly<Record<string, string>>;
  /** 0 (first) to 9 (last). @default 5 */
  readonly priority?: number;
  /** Not started before. @default at once */
  readonly startTime?: Date;
  /** How long it may take from its start, 1 s to 90 days. @default for ever */
  readonly deadlineMs?: number;
  /** What happens then. @default 'rollback' */
  readonly deadlineAction?: 'rollback' | 'keep';
  /** What happens when a step fails for good. @default 'rollback' */
  readonly onFailure?: 'rollback' | 'suspend' | 'keep';
  /** What happens to running steps then. @default 'let-end' */
  readonly runningSteps?: 'let-end' | 'cancel';
  /** One line for people. */
  readonly description?: string;
  /** What it locks from its first step to its end, beside the locks of its steps. */
  readonly locks?: Locks;
  /** The registered orchestrator that is told how it ended. */
  readonly callback?: string;
}

const onFailures = {
  rollback: OnFailure.ROLL_BACK,
  suspend: OnFailure.SUSPEND,
  keep: OnFailure.KEEP,
} as const;

/** The settings as the wire has them. */
export function toWireSettings(said: Settings): WorkflowSettings {
  const { deadlineMs, deadlineAction, onFailure, runningSteps } = said;
  return {
    tenant: said.tenant ?? '',
    labels: { ...said.labels },
    priority: said.priority,
    startTime: said.startTime,
    deadline: deadlineMs === undefined ? undefined : msToDuration(deadlineMs),
    deadlineAction: deadlineAction === undefined ? OnFailure.UNSPECIFIED : onFailures[deadlineAction],
    onFailure: onFailure === undefined ? OnFailure.UNSPECIFIED : onFailures[onFailure],
    runningSteps: runningSteps === 'cancel' ? RunningSteps.CANCEL : RunningSteps.UNSPECIFIED,
    description: said.description ?? '',
    locks: toWireLocks(said.locks),
    callback: said.callback ?? '',
  };
}
