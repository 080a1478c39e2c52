/** Random plans: graphs with groups, steps of every kind, scripted to fail in every way, and children planned likewise. */
import { msToDuration } from '../../src/base/duration.js';
import { randomBelow, type Random } from '../../src/base/random.js';
import type { JsonObject } from '../../src/base/json.js';
import { LockMode, StepSpec, type GroupSpec, type LockSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import { OnFailure, RunningSteps, type WorkflowSettings } from '../../src/gen/wire/steplock/v1/workflow.js';
import { selectors } from './places.js';

const methods = [
  'make-probed',
  'make-probed',
  'make-repeat',
  'make-task',
  'check',
  'make-once',
  'make-forever',
];

/** Levels of children below a root. */
export const levelsMax = 3;
/** Messages that steps wait for. */
export const signalNames = ['sig-0', 'sig-1'] as const;

/** A plan as it is submitted, or as a child's orchestrator makes it. */
export interface DrawnPlan {
  readonly steps: StepSpec[];
  readonly groups: GroupSpec[];
  readonly settings: WorkflowSettings;
  readonly output: JsonObject;
}

/** How likely a step is no call. */
interface Shares {
  readonly child: number;
  readonly waits: number;
  readonly fails: number;
  /** How many times as long its calls take: what is slow leaves an operator time to interfere. */
  readonly pace: number;
  /** Levels of children that may hang below it. */
  readonly levels: number;
  /** Of calls, how many add steps when they are done. */
  readonly adds: number;
  /** How many steps have added each other before. */
  readonly depth: number;
  /** How many may run on some nodes only. */
  readonly placed: number;
}

/** Steps that add steps that add steps. */
const depthMax = 2;

/** Draws a plan of at most so many steps; `levels`: how many levels of children may hang below it. */
export function drawPlan(random: Random, stepsMax: number, levels: number): DrawnPlan {
  const count = 1 + randomBelow(random, stepsMax);
  const groupCount = randomBelow(random, 3);
  const shares: Shares = {
    fails: random.next() < 0.5 ? 0 : 0.15,
    child: levels > 0 && random.next() < 0.6 ? 0.25 : 0,
    waits: random.next() < 0.3 ? 0.2 : 0,
    pace: random.next() < 0.3 ? 6 : 1,
    levels,
    adds: random.next() < 0.5 ? 0.15 : 0,
    depth: 0,
    placed: random.next() < 0.3 ? 0.4 : 0,
  };
  const groups: GroupSpec[] = [];
  const steps: StepSpec[] = [];
  for (let index = 0; index < groupCount; index++) groups.push({ id: `g${index}`, dependsOn: [] });
  for (let index = 0; index < count; index++) {
    // Groups come in bands, so that what waits for one never stands in an earlier one.
    const band = groupCount === 0 ? -1 : Math.floor((index * groupCount) / count);
    const dependsOn = steps.filter(() => random.next() < 2 / count).map((step) => step.id);
    if (band > 0 && random.next() < 0.3) dependsOn.push(`g${band - 1}`);
    const group = band >= 0 && random.next() < 0.5 ? `g${band}` : '';
    const spec: StepSpec = { id: `s${index}`, description: '', locks: [], group, dependsOn };
    steps.push(drawStep(random, spec, steps, shares));
  }
  const settings = drawSettings(random);
  if (random.next() < 0.5) {
    settings.locks = drawLocks(random, 3);
    const [first] = steps;
    if (first !== undefined) first.locks = drawLocks(random, 2);
  }
  const last = steps.findLast(hasObject);
  const output = last === undefined ? {} : { object: { $output: { step: last.id, pointer: '/object' } } };
  return { steps, groups, settings, output };
}

function drawStep(random: Random, spec: StepSpec, before: readonly StepSpec[], shares: Shares): StepSpec {
  const kind = random.next();
  if (kind < shares.child) return asChild(random, spec, shares.levels - 1, shares.fails);
  if (kind < shares.child + shares.waits) return asWait(random, spec);
  const step = asCall(random, spec, before, shares);
  const nodes = selectors[randomBelow(random, selectors.length)];
  return nodes !== undefined && random.next() < shares.placed ? { ...step, nodes } : step;
}

/** Steps that a step adds while it runs. What waits for another step of the plan is refused now and then. */
function drawAdded(random: Random, by: string, shares: Shares): JsonObject[] {
  const ids = Array.from({ length: 1 + randomBelow(random, 3) }, (_, index) => `${by}-x${index}`);
  return ids.map((id, index) => {
    const dependsOn = ids.slice(0, index).filter(() => random.next() < 0.5);
    if (random.next() < 0.1) dependsOn.push('s0');
    const spec: StepSpec = { id, description: '', locks: [], group: '', dependsOn };
    return StepSpec.toJSON(drawStep(random, spec, [], shares)) as JsonObject;
  });
}

/** Whether the step's output tells of an object. A child's does if it has a call that does. */
function hasObject({ action }: StepSpec): boolean {
  return action?.$case === 'call';
}

/** `sys-0` and `sys-1` have limits in some runs. */
function drawSystem(random: Random): string {
  const system = randomBelow(random, 4);
  return system < 3 ? `sys-${system}` : '';
}

function drawLocks(random: Random, most: number): LockSpec[] {
  return Array.from({ length: randomBelow(random, most + 1) }, () => ({
    resource: `array/${randomBelow(random, 3)}`,
    mode: random.next() < 0.5 ? LockMode.EXCLUSIVE : LockMode.SHARED,
  }));
}

function asCall(random: Random, spec: StepSpec, before: readonly StepSpec[], shares: Shares): StepSpec {
  const method = methods[randomBelow(random, methods.length)] ?? 'check';
  const from = before.find((step) => hasObject(step) && spec.dependsOn.includes(step.id));
  const args: JsonObject = {
    ms: shares.pace * randomBelow(random, 300),
    failures: random.next() < 0.2 ? randomBelow(random, 4) : 0,
    fatal: drawFatal(random, shares.fails),
    undoFailures: random.next() < 0.15 ? randomBelow(random, 5) : 0,
    ...(from === undefined ? {} : { from: { $output: { step: from.id, pointer: '/object' } } }),
    ...(shares.depth < depthMax && random.next() < shares.adds
      ? { adds: drawAdded(random, spec.id, { ...shares, depth: shares.depth + 1 }) }
      : {}),
  };
  const controller = random.next() < 0.5 ? 'local' : 'remote';
  return {
    ...spec,
    action: { $case: 'call', value: { controller, method, system: drawSystem(random), arguments: args } },
  };
}

function drawFatal(random: Random, failShare: number): string {
  if (random.next() >= failShare) return '';
  return random.next() < 0.5 ? 'half' : 'before';
}

/** What the child is made of follows from the arguments: asked again, the orchestrator makes the same plan. */
function asChild(random: Random, spec: StepSpec, levels: number, failShare: number): StepSpec {
  const args: JsonObject = {
    seed: randomBelow(random, 1_000_000_000),
    levels,
    steps: 1 + randomBelow(random, 5),
    ms: randomBelow(random, 100),
    failures: random.next() < 0.2 ? randomBelow(random, 4) : 0,
    fatal: drawFatal(random, failShare / 3),
  };
  const value = { orchestrator: 'planner', operation: 'draw', arguments: args };
  const undo = random.next() < 0.1 ? { undo: drawUndo(random) } : {};
  return { ...spec, ...undo, action: { $case: 'child', value } };
}

function drawUndo(random: Random): NonNullable<StepSpec['undo']> {
  return random.next() < 0.5
    ? { way: { $case: 'noneNeeded', value: {} } }
    : { way: { $case: 'irreversible', value: {} } };
}

function asWait(random: Random, spec: StepSpec): StepSpec {
  const timeout = random.next() < 0.3 ? { timeout: msToDuration(1_000 + randomBelow(random, 60_000)) } : {};
  const name = signalNames[randomBelow(random, signalNames.length)] ?? 'sig-0';
  if (random.next() < 0.5) return { ...spec, ...timeout, action: { $case: 'signal', value: { name } } };
  return { ...spec, ...timeout, action: { $case: 'approval', value: { message: 'May it go on?' } } };
}

function drawSettings(random: Random): WorkflowSettings {
  const onFailure = [OnFailure.ROLL_BACK, OnFailure.ROLL_BACK, OnFailure.SUSPEND, OnFailure.KEEP][
    randomBelow(random, 4)
  ];
  const deadline = random.next() < 0.1 ? { deadline: msToDuration(2_000 + randomBelow(random, 60_000)) } : {};
  return {
    ...deadline,
    tenant: `t${randomBelow(random, 2)}`,
    labels: {},
    priority: randomBelow(random, 10),
    deadlineAction: random.next() < 0.5 ? OnFailure.ROLL_BACK : OnFailure.KEEP,
    onFailure: onFailure ?? OnFailure.ROLL_BACK,
    runningSteps: random.next() < 0.5 ? RunningSteps.CANCEL : RunningSteps.LET_END,
    description: '',
    callback: '',
    locks: [],
  };
}
