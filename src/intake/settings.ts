/** A workflow's settings between the wire and its head. */
import { msToDate, msToDuration, durationToMs } from '../base/duration.js';
import { idPattern, idRule } from '../base/ids.js';
import { invalidField } from '../errors/index.js';
import { FailureAction, type WorkflowHead } from '../gen/store/steplock/store/v1/workflow.js';
import { OnFailure, RunningSteps, type WorkflowSettings } from '../gen/wire/steplock/v1/workflow.js';
import { problemOfLabels, sortLabels } from '../model/labels.js';
import { limits } from '../model/limits.js';
import { uniteLocks } from '../model/locks.js';
import { parseLocks, renderLocks } from '../model/parse-locks.js';
import type { LockNeed } from '../gen/store/steplock/store/v1/plan.js';

/** The fields of a head that the settings fill. */
export type SettingFields = Pick<
  WorkflowHead,
  | 'tenant'
  | 'labels'
  | 'locks'
  | 'priority'
  | 'notBeforeMs'
  | 'deadlineMs'
  | 'deadlineAction'
  | 'onFailure'
  | 'cancelRunningOnFailure'
  | 'description'
  | 'callback'
>;

const defaultPriority = 5;
const noSettings: WorkflowSettings = {
  tenant: '',
  labels: {},
  locks: [],
  deadlineAction: OnFailure.UNSPECIFIED,
  onFailure: OnFailure.UNSPECIFIED,
  runningSteps: RunningSteps.UNSPECIFIED,
  description: '',
  callback: '',
};

/**
 * The settings with their defaults filled in.
 *
 * @throws SteplockError INVALID_FIELD naming the field.
 */
export function parseSettings(given: WorkflowSettings | undefined): SettingFields {
  const settings = given ?? noSettings;
  const { tenant, description, callback } = settings;
  if (tenant !== '' && !idPattern.test(tenant)) throw invalidField('settings.tenant', idRule);
  if (callback !== '' && !idPattern.test(callback)) throw invalidField('settings.callback', idRule);
  const priority = settings.priority ?? defaultPriority;
  if (priority > limits.priorityMax)
    throw invalidField('settings.priority', `must be 0 to ${limits.priorityMax}`);
  if (Buffer.byteLength(description) > limits.descriptionBytesMax) {
    throw invalidField('settings.description', `must have at most ${limits.descriptionBytesMax} bytes`);
  }
  const deadlineAction = failureAction(settings.deadlineAction);
  if (deadlineAction === FailureAction.SUSPEND) {
    throw invalidField('settings.deadline_action', 'must be ROLL_BACK or KEEP');
  }
  return {
    tenant: tenant === '' ? 'default' : tenant,
    labels: parseLabels(settings.labels),
    priority,
    notBeforeMs: parseStartTime(settings),
    deadlineMs: parseDeadline(settings),
    deadlineAction,
    onFailure: failureAction(settings.onFailure),
    cancelRunningOnFailure: settings.runningSteps === RunningSteps.CANCEL,
    description,
    callback,
    locks: parseWorkflowLocks(settings),
  };
}

function parseWorkflowLocks({ locks }: WorkflowSettings): LockNeed[] {
  const parsed = parseLocks(locks);
  if (Array.isArray(parsed)) return uniteLocks([parsed]);
  throw invalidField(`settings.locks${parsed.at}`, parsed.rule);
}

function parseLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  const problem = problemOfLabels(labels, limits.labelsMax);
  if (problem !== undefined) throw invalidField(`settings.labels${problem.at}`, problem.rule);
  return sortLabels(labels);
}

/** The last moment that a Timestamp can name. */
const timeMsMax = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

function parseStartTime({ startTime }: WorkflowSettings): number {
  if (startTime === undefined) return 0;
  const ms = startTime.getTime();
  // A time beyond what a Date can hold is not a number.
  if (!(ms >= 0 && ms <= timeMsMax)) throw invalidField('settings.start_time', 'must be from 1970 to 9999');
  return ms;
}

function parseDeadline(settings: WorkflowSettings): number {
  if (settings.deadline === undefined) return 0;
  const ms = durationToMs(settings.deadline);
  if (!(ms >= limits.deadlineMsMin && ms <= limits.deadlineMsMax)) {
    throw invalidField('settings.deadline', 'must be 1 s to 90 days');
  }
  return ms;
}

function failureAction(onFailure: OnFailure): FailureAction {
  switch (onFailure) {
    case OnFailure.SUSPEND:
      return FailureAction.SUSPEND;
    case OnFailure.KEEP:
      return FailureAction.KEEP;
    default:
      return FailureAction.ROLL_BACK;
  }
}

/** The settings as they are shown. */
export function renderSettings(head: WorkflowHead): WorkflowSettings {
  return {
    tenant: head.tenant,
    labels: head.labels,
    priority: head.priority,
    startTime: msToDate(head.notBeforeMs),
    deadline: head.deadlineMs === 0 ? undefined : msToDuration(head.deadlineMs),
    deadlineAction: renderAction(head.deadlineAction),
    onFailure: renderAction(head.onFailure),
    runningSteps: head.cancelRunningOnFailure ? RunningSteps.CANCEL : RunningSteps.LET_END,
    description: head.description,
    locks: renderLocks(head.locks),
    callback: head.callback,
  };
}

function renderAction(action: FailureAction): OnFailure {
  switch (action) {
    case FailureAction.SUSPEND:
      return OnFailure.SUSPEND;
    case FailureAction.KEEP:
      return OnFailure.KEEP;
    default:
      return OnFailure.ROLL_BACK;
  }
}
