/**
 * The workflows of the crash sweep: one for each thing that a plan can do, small enough that a node can be stopped at each
 * of its writes and calls. However often it is, each has one end: what an operator does hangs on what the store says.
 */
import type { StepId } from '../../../src/base/ids.js';
import type { JsonObject } from '../../../src/base/json.js';
import { HeadState } from '../../../src/gen/store/steplock/store/v1/workflow.js';
import { StepSpec, type GroupSpec, type LockSpec } from '../../../src/gen/wire/steplock/v1/plan.js';
import { OnFailure, WorkflowSettings } from '../../../src/gen/wire/steplock/v1/workflow.js';
import type { Checker } from '../checker.js';
import type { Operator } from '../operator.js';
import type { WrittenPlan } from '../planner.js';
import type { DrawnPlan } from '../plans.js';

/** What an operator does whenever the store says that it is time. */
export type Reaction = (checker: Checker, operator: Operator) => void;

/** A workflow, or several, of the sweep. */
export interface Golden {
  readonly name: string;
  /** Their ids are `w0`, `w1`, … */
  readonly plans: readonly DrawnPlan[];
  /** Plans of children, by operation. */
  readonly children?: Readonly<Record<string, WrittenPlan>>;
  readonly reactions?: readonly Reaction[];
  readonly hasLimits?: boolean;
}

interface More {
  readonly method?: string;
  readonly controller?: string;
  readonly system?: string;
  readonly group?: string;
  readonly locks?: LockSpec[];
  readonly args?: JsonObject;
}

function step(id: string, dependsOn: string[] = [], more: More = {}): StepSpec {
  const {
    method = 'make-probed',
    controller = 'local',
    system = '',
    group = '',
    locks = [],
    args = {},
  } = more;
  const script = { ms: 20, failures: 0, fatal: '', undoFailures: 0, ...args };
  const value = { controller, method, system, arguments: script };
  return { id, description: '', locks, group, dependsOn, action: { $case: 'call', value } };
}

function child(id: string, operation: string, dependsOn: string[] = []): StepSpec {
  const value = { orchestrator: 'planner', operation, arguments: {} };
  return { id, description: '', locks: [], group: '', dependsOn, action: { $case: 'child', value } };
}

function waits(id: string, action: StepSpec['action'], dependsOn: string[]): StepSpec {
  return { id, description: '', locks: [], group: '', dependsOn, action };
}

const approval = (id: string, dependsOn: string[]): StepSpec =>
  waits(id, { $case: 'approval', value: { message: 'May it?' } }, dependsOn);
const signal = (id: string, dependsOn: string[]): StepSpec =>
  waits(id, { $case: 'signal', value: { name: 'go' } }, dependsOn);

const rollsBack = { ...WorkflowSettings.fromPartial({}), onFailure: OnFailure.ROLL_BACK };

function planOf(
  steps: StepSpec[],
  said: Partial<WorkflowSettings> = {},
  groups: GroupSpec[] = [],
): DrawnPlan {
  return { steps, groups, settings: { ...rollsBack, ...said }, output: {} };
}

function childOf(steps: StepSpec[], said: Partial<WorkflowSettings> = {}): WrittenPlan {
  const { settings, ...plan } = planOf(steps, said);
  return { plan, settings };
}

const breaks = { fatal: 'half' };
const added = (id: string, dependsOn: string[] = [], more: More = {}): JsonObject =>
  StepSpec.toJSON(step(id, dependsOn, more)) as JsonObject;
const exclusive = (resource: string): LockSpec[] => [{ resource, mode: 1 }];
const many = (count: number, make: (index: number) => StepSpec): StepSpec[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** While the step of w0 waits. */
function whileWaiting(id: string, react: (operator: Operator) => void): Reaction {
  return (checker, operator) => {
    if (checker.itemOf('w0', id as StepId) !== undefined) react(operator);
  };
}

/** While w0 is in that state. */
function whileIn(state: HeadState, react: (operator: Operator, checker: Checker) => void): Reaction {
  return (checker, operator) => {
    if (checker.headOf('w0')?.state === state) react(operator, checker);
  };
}

const approves = whileWaiting('ask', (operator) => {
  operator.ask('w0', 'approve', { step: 'ask' as StepId }, false);
});
const skipsUndo = whileIn(HeadState.ROLLBACK_BLOCKED, (operator) => {
  operator.ask('w0', 'skip', { step: 'undo.b' as StepId }, false);
});
const resumes = whileIn(HeadState.ROLLBACK_SUSPENDED, (operator) => {
  operator.ask('w0', 'resume', {}, false);
});
const suspendsOnce = whileIn(HeadState.ROLLING_BACK, (operator, checker) => {
  const hasDone = checker.headOf('w0')?.history.some(({ verb }) => verb === 'suspend') === true;
  if (!hasDone) operator.ask('w0', 'suspend', {}, false);
});
/** Once all of the tree wait for a person. */
const cancels =
  (keep: boolean): Reaction =>
  (checker, operator) => {
    const isWaiting = (id: string): boolean => checker.itemOf(id, 'ask' as StepId) !== undefined;
    if (checker.ids.length > 1 && checker.ids.every(isWaiting)) operator.ask('w0', 'cancel', {}, keep);
  };
const sendsEarly: Reaction = (checker, operator) => {
  if (checker.headOf('w0')?.state === HeadState.RUNNING)
    operator.ask('w0', 'signal', { signal: 'go' }, false);
};

const twoLevels = {
  outer: childOf([step('x'), child('in', 'inner', ['x']), step('y', ['in'])]),
  inner: childOf([step('p', [], { controller: 'remote' }), step('q', ['p'])]),
};

/** Tries the child's step once more, and gives up when that fails as well. */
const retriesOnce = whileIn(HeadState.SUSPENDED, (operator, checker) => {
  const step = 'sub' as StepId;
  if (checker.itemOf('w0', step) !== undefined) operator.ask('w0', 'resume', {}, false);
  else if (checker.headOf('w0')?.formerChildren.length === 0) operator.ask('w0', 'retry', { step }, false);
  else operator.ask('w0', 'rollback', {}, false);
});
const asking = { asking: childOf([step('x'), approval('ask', ['x'])]) };

/** See the head of this file. */
export const goldens: readonly Golden[] = [
  { name: 'chain', plans: [planOf([step('a'), step('b', ['a']), step('c', ['b'])])] },
  {
    name: 'diamond',
    plans: [
      planOf([
        step('a'),
        step('b', ['a']),
        step('c', ['a'], { controller: 'remote' }),
        step('d', ['b', 'c']),
      ]),
    ],
  },
  {
    name: 'fan-out of 20',
    plans: [planOf([step('a'), ...many(20, (index) => step(`f${index}`, ['a']))])],
  },
  {
    name: 'groups',
    plans: [
      planOf([step('a', [], { group: 'g' }), step('b', ['a'], { group: 'g' }), step('c', ['g'])], {}, [
        { id: 'g', dependsOn: [] },
      ]),
    ],
  },
  { name: 'retry', plans: [planOf([step('a', [], { args: { failures: 2 } }), step('b', ['a'])])] },
  { name: 'Pending', plans: [planOf([step('a', [], { method: 'make-task' }), step('b', ['a'])])] },
  { name: 'unknown with probe', plans: [planOf([step('a', [], { args: { lost: 1 } }), step('b', ['a'])])] },
  {
    name: 'failed with half an effect',
    plans: [planOf([step('a'), step('b', ['a']), step('c', ['b'], { args: breaks })])],
  },
  {
    name: 'blocked rollback',
    plans: [
      planOf([step('a'), step('b', ['a'], { method: 'make-forever' }), step('c', ['b'], { args: breaks })]),
    ],
    reactions: [skipsUndo],
  },
  {
    name: 'two levels of children',
    plans: [planOf([step('a'), child('sub', 'outer', ['a']), step('b', ['sub'])])],
    children: twoLevels,
  },
  {
    name: 'two levels of children rolled back',
    plans: [planOf([step('a'), child('sub', 'outer', ['a']), step('b', ['sub'], { args: breaks })])],
    children: twoLevels,
  },
  {
    name: 'a child that fails',
    plans: [planOf([step('a'), child('sub', 'bad', ['a']), step('b', ['sub'])])],
    children: {
      bad: childOf([step('x'), step('y', ['x'], { args: breaks })], { onFailure: OnFailure.KEEP }),
    },
  },
  {
    name: 'a child that is tried again',
    plans: [planOf([step('a'), child('sub', 'bad', ['a'])], { onFailure: OnFailure.SUSPEND })],
    children: {
      bad: childOf([step('x'), step('y', ['x'], { args: breaks })], { onFailure: OnFailure.KEEP }),
    },
    reactions: [retriesOnce],
  },
  {
    name: 'lock contention',
    plans: ['w0', 'w1', 'w2'].map(() =>
      planOf([step('a'), step('b', ['a'])], { locks: exclusive('array/0') }),
    ),
  },
  {
    name: 'locks of a child',
    plans: [
      planOf([child('sub', 'locking'), step('b', ['sub'])]),
      planOf([step('a')], { locks: exclusive('array/0') }),
    ],
    children: { locking: childOf([step('x')], { locks: exclusive('array/0') }) },
  },
  {
    name: 'limit 1',
    plans: [planOf(many(4, (index) => step(`f${index}`, [], { system: 'sys-0' })))],
    hasLimits: true,
  },
  {
    name: 'approval',
    plans: [planOf([step('a'), approval('ask', ['a']), step('b', ['ask'])])],
    reactions: [approves],
  },
  {
    name: 'signal',
    plans: [planOf([step('a'), signal('go', ['a']), step('b', ['go'])])],
    reactions: [sendsEarly],
  },
  {
    name: 'dynamic step',
    plans: [
      planOf(
        [
          step('a', [], {
            group: 'g',
            args: { adds: [added('a-x', [], { controller: 'remote' }), added('a-y', ['a-x'])] },
          }),
          step('b', ['g']),
        ],
        {},
        [{ id: 'g', dependsOn: [] }],
      ),
    ],
  },
  {
    name: 'dynamic step rolled back',
    plans: [
      planOf(
        [step('a', [], { group: 'g', args: { adds: [added('a-x')] } }), step('b', ['g'], { args: breaks })],
        {},
        [{ id: 'g', dependsOn: [] }],
      ),
    ],
  },
  {
    name: 'cancel, keeping',
    plans: [planOf([step('a'), child('sub', 'asking', ['a']), approval('ask', ['a'])])],
    children: asking,
    reactions: [cancels(true)],
  },
  {
    name: 'cancel, undoing',
    plans: [planOf([step('a'), child('sub', 'asking', ['a']), approval('ask', ['a'])])],
    children: asking,
    reactions: [cancels(false)],
  },
  {
    name: 'suspend during rollback',
    plans: [planOf([step('a'), child('sub', 'outer', ['a']), step('b', ['sub'], { args: breaks })])],
    children: twoLevels,
    reactions: [suspendsOnce, resumes],
  },
];
