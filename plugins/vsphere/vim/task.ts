/** Tasks: what a `…_Task` method leaves going on. Source: vSphere Web Services API, `Task`, `TaskInfo`, `ListView`. */
import { action, command } from '../soap/method.js';
import { any, complex, int, many, one, optional, ref, string, type Value } from '../soap/types.js';

/** A fault inside of a result: its class stands in `fault.$type`. */
export const LocalizedMethodFault = complex('LocalizedMethodFault', {
  fault: one(any),
  localizedMessage: optional(string),
});

/** How a task stands. */
export const TaskInfo = complex('TaskInfo', {
  key: one(string),
  task: one(ref),
  descriptionId: optional(string),
  entity: optional(ref),
  entityName: optional(string),
  /** `queued`, `running`, `success` or `error`. */
  state: one(string),
  error: optional(LocalizedMethodFault),
  result: optional(any),
  /** Percent, while it runs. */
  progress: optional(int),
});
/** See the description. */
export type TaskInfo = Value<typeof TaskInfo>;

/** Methods of `Task` and `ListView`. */
export const task = {
  cancel: command('CancelTask', {}),
  createListView: action('CreateListView', { obj: many(ref) }, ref),
  modifyListView: action('ModifyListView', { add: many(ref), remove: many(ref) }, ref),
} as const;
