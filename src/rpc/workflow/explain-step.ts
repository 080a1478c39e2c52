/** What a step waits for, from its records and what the node knows of the cluster. Pure. */
import { msToDate } from '../../base/duration.js';
import type { StepId } from '../../base/ids.js';
import type { HoldRecord, LimitRecord } from '../../gen/store/steplock/store/v1/cluster.js';
import type { QueueItem } from '../../gen/store/steplock/store/v1/step.js';
import { StepState } from '../../gen/wire/steplock/v1/workflow.js';
import { WaitKind, type Wait } from '../../gen/wire/steplock/v1/workflow_service.js';
import { stepOf } from '../../model/plan.js';
import { stepName, workflowName } from './names.js';
import { stateOf } from './render-step.js';
import type { WorkflowView } from './view.js';

/** What only the node knows of a queued step. */
export interface Surroundings {
  /** The hold, or the full limit with the steps that use it. */
  readonly block:
    | { readonly hold: HoldRecord }
    | { readonly limit: LimitRecord; readonly users: readonly string[] }
    | undefined;
  /** Nodes that fit its neighborhood and labels. */
  readonly fitting: readonly string[];
  /** Those of them that have its controller, in their process or behind gRPC. */
  readonly able: readonly string[];
}

const shownMax = 20;
const quoted = (reason: string): string => ` --reason '${reason}'`;

/** See above; `surroundings` is asked for queued steps only. Undefined: it has ended, or is not begun in a rest. */
export function explainStep(
  view: WorkflowView,
  id: StepId,
  surroundings: (item: QueueItem) => Surroundings,
): Wait | undefined {
  const item = view.items.get(id)?.record;
  switch (stateOf(view, id)) {
    case StepState.PENDING:
      return ofPending(view, id);
    case StepState.WAITING:
      return item === undefined ? undefined : ofAwaited(view, id, item);
    case StepState.RUNNING:
      return item === undefined ? undefined : ofRunning(view, id, item);
    case StepState.BACKING_OFF:
    case StepState.QUEUED:
      return item === undefined ? undefined : ofQueued(view, id, item, surroundings(item));
    default:
      return ofIncident(view, id);
  }
}

type Rest = Pick<Wait, 'kind' | 'text'> & Partial<Wait>;

function waitOf(view: WorkflowView, id: StepId, rest: Rest): Wait {
  const { holders = [], commands = [], ...others } = rest;
  return {
    subject: stepName(view.head.workflowId, id),
    holders: holders.slice(0, shownMax),
    commands: [...commands],
    ...others,
  };
}

/** As the command line writes it: `workflow/step`. */
function shortName({ head }: WorkflowView, id: string): string {
  return `${head.workflowId}/${id}`;
}

function ofPending(view: WorkflowView, id: StepId): Wait {
  const spec = stepOf(view.plan, id);
  const groups = new Map(view.plan.groups.map((group) => [group.id, group]));
  const own = groups.get(spec.group);
  const before = [...spec.dependsOn, ...spec.impliedDependsOn, ...(own?.dependsOn ?? [])];
  const isOpen = (step: string): boolean =>
    stateOf(view, step as StepId) !== StepState.SUCCEEDED &&
    stateOf(view, step as StepId) !== StepState.SKIPPED;
  const open = [...new Set(before)]
    .flatMap((name) =>
      groups.has(name)
        ? view.plan.steps.filter(({ group }) => group === name).map((step) => step.id)
        : [name],
    )
    .filter(isOpen);
  if (open.length === 0)
    return waitOf(view, id, {
      kind: WaitKind.OWNER,
      text: 'all it rests on is done: it is about to be queued',
    });
  return waitOf(view, id, {
    kind: WaitKind.STEPS,
    text: `${open.length} step${open.length === 1 ? '' : 's'} before it: ${open.slice(0, shownMax).join(', ')}`,
    holders: open.map((step) => stepName(view.head.workflowId, step as StepId)),
  });
}

function ofAwaited(view: WorkflowView, id: StepId, item: QueueItem): Wait {
  const since = msToDate(item.queueTimeMs);
  const name = shortName(view, id);
  if (item.child !== '') {
    const child = workflowName(item.child);
    return waitOf(view, id, {
      kind: WaitKind.CHILD,
      text: `its child ${child}`,
      holders: [child],
      since,
      commands: [`steplock explain ${item.child}`],
    });
  }
  if (item.kind === 'approval')
    return waitOf(view, id, {
      kind: WaitKind.APPROVAL,
      text: 'somebody who approves or rejects it',
      since,
      commands: [`steplock step approve ${name}`, `steplock step reject ${name}${quoted('why')}`],
    });
  const signal = signalOf(view, id);
  return waitOf(view, id, {
    kind: WaitKind.SIGNAL,
    text: `the signal ${signal}`,
    holders: [signal],
    since,
    commands: [`steplock workflow signal ${view.head.workflowId} ${signal}`],
  });
}

function signalOf(view: WorkflowView, id: StepId): string {
  return stepOf(view.plan, id).prompt;
}

function ofRunning(view: WorkflowView, id: StepId, item: QueueItem): Wait {
  const node = item.claim?.node ?? '';
  const what = item.task === '' ? `call ${item.attempt}` : `the external task ${item.task}`;
  const progress = item.progressPercent > 0 ? `, ${item.progressPercent} %` : '';
  const where = node === '' ? ', which no node has at the moment' : ` on node ${node}`;
  return waitOf(view, id, {
    kind: WaitKind.CALL,
    text: `${what} of ${item.controller}/${item.method}${where}${progress}`,
    holders: node === '' ? [] : [`nodes/${node}`],
    since: msToDate(item.attemptTimeMs > 0 ? item.attemptTimeMs : item.queueTimeMs),
  });
}

function ofQueued(
  view: WorkflowView,
  id: StepId,
  item: QueueItem,
  { block, fitting, able }: Surroundings,
): Wait {
  const since = msToDate(item.queueTimeMs);
  const of = (rest: Rest): Wait => waitOf(view, id, { since, ...rest });
  if (block !== undefined && 'hold' in block) return of(ofHold(block.hold));
  if (item.notBeforeMs > 0) {
    const error = item.error === undefined ? '' : `, after ${item.error.reason}: ${item.error.message}`;
    return of({
      kind: WaitKind.TIME,
      text: `attempt ${item.attempt + 1}${error}`,
      until: msToDate(item.notBeforeMs),
    });
  }
  if (block !== undefined) return of(ofLimit(block.limit, block.users));
  if (fitting.length === 0) {
    const labels = Object.entries(item.nodeLabels).map(([key, value]) => `${key}=${value}`);
    const wanted = [item.neighborhood === '' ? '' : `neighborhood ${item.neighborhood}`, ...labels].filter(
      Boolean,
    );
    return of({
      kind: WaitKind.NODE,
      text: wanted.length === 0 ? 'a node: none takes work' : `a node of ${wanted.join(', ')}: there is none`,
      commands: ['steplock node list'],
    });
  }
  if (able.length === 0)
    return of({
      kind: WaitKind.CONTROLLER,
      text: `controller ${item.controller}: no node has it, and none is registered`,
      commands: [`steplock controller register ${item.controller} HOST:PORT`],
    });
  return of({
    kind: WaitKind.SLOT,
    text: `a free slot on ${able.length === 1 ? `node ${able[0] ?? ''}` : `one of ${able.length} nodes`}`,
    holders: able.map((node) => `nodes/${node}`),
    commands: ['steplock claim list'],
  });
}

function ofHold({ kind, name, actor, reason, timeMs }: HoldRecord): Rest {
  const what = kind === 'cluster' ? 'cluster' : `${kind} ${name}`;
  return {
    kind: WaitKind.HOLD,
    text: `${what} is held by ${actor}: ${reason}`,
    holders: [actor],
    since: msToDate(timeMs),
    commands: [`steplock hold release ${what}${quoted('why')}`],
  };
}

function ofLimit({ system, limitClass, max }: LimitRecord, users: readonly string[]): Rest {
  const of = limitClass === '' ? '' : ` --class ${limitClass}`;
  return {
    kind: WaitKind.LIMIT,
    text: `one of the ${max} slots of ${system}${limitClass === '' ? '' : ` for ${limitClass}`}`,
    holders: users.map(nameOfQueueKey),
    commands: [`steplock limit set ${system} ${max + 1}${of}`],
  };
}

/** `queue/{shard}/{workflow}/{step}` as a step's name. */
function nameOfQueueKey(key: string): string {
  const [, , workflow = '', step = ''] = key.split('/');
  return stepName(workflow, step);
}

function ofIncident(view: WorkflowView, id: StepId): Wait | undefined {
  const found = [...view.incidents.values()]
    .map(({ record }) => record)
    .find(({ stepId, resolution }) => stepId === id && resolution === undefined);
  if (found === undefined) return undefined;
  return waitOf(view, id, {
    kind: WaitKind.INCIDENT,
    text: `somebody who looks at incident ${found.incidentId}: ${found.error?.message ?? ''}`,
    holders: [`incidents/${found.incidentId}`],
    since: msToDate(found.openTimeMs),
    commands: [
      `steplock incident get ${found.incidentId}`,
      // Which step or undo that concerns, the owner knows.
      `steplock incident resolve ${found.incidentId} --as retry${quoted('why')}`,
      `steplock incident resolve ${found.incidentId} --as skip${quoted('why')}`,
    ],
  });
}
