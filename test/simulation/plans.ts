/** Random plans: graphs with groups, steps of every kind, scripted to fail in every way. */
import { randomBelow, type Random } from '../../src/base/random.js';
import type { JsonObject } from '../../src/base/json.js';
import { LockMode, StepSpec, type GroupSpec, type LockSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import { OnFailure, RunningSteps, type WorkflowSettings } from '../../src/gen/wire/steplock/v1/workflow.js';

const methods = [
  'make-probed',
  'make-probed',
  'make-repeat',
  'make-task',
  'check',
  'make-once',
  'make-forever',
];

/** A plan as it is submitted. */
export interface DrawnPlan {
  readonly steps: StepSpec[];
  readonly groups: GroupSpec[];
  readonly settings: WorkflowSettings;
}

/** Draws a plan of at most so many steps. */
export function drawPlan(random: Random, stepsMax: number): DrawnPlan {
  const count = 1 + randomBelow(random, stepsMax);
  const groupCount = randomBelow(random, 3);
  const failShare = random.next() < 0.5 ? 0 : 0.15;
  const groups: GroupSpec[] = [];
  const steps: StepSpec[] = [];
  for (let index = 0; index < groupCount; index++) groups.push({ id: `g${index}`, dependsOn: [] });
  for (let index = 0; index < count; index++) {
    // Groups come in bands, so that what waits for one never stands in an earlier one.
    const band = groupCount === 0 ? -1 : Math.floor((index * groupCount) / count);
    const dependsOn = steps.filter(() => random.next() < 2 / count).map((step) => step.id);
    if (band > 0 && random.next() < 0.3) dependsOn.push(`g${band - 1}`);
    steps.push(
      drawStep(random, `s${index}`, band >= 0 && random.next() < 0.5 ? `g${band}` : '', dependsOn, {
        failShare,
        depth: 0,
      }),
    );
  }
  const settings = drawSettings(random);
  if (random.next() < 0.5) {
    settings.locks = drawLocks(random, 3);
    const [first] = steps;
    if (first !== undefined) first.locks = drawLocks(random, 2);
  }
  return { steps, groups, settings };
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

/** How steps are drawn. */
interface Tendency {
  /** How many of them fail for good. */
  readonly failShare: number;
  /** How many steps have added each other before. */
  readonly depth: number;
}

function drawStep(
  random: Random,
  id: string,
  group: string,
  dependsOn: string[],
  { failShare, depth }: Tendency,
): StepSpec {
  const method = methods[randomBelow(random, methods.length)] ?? 'check';
  const isFatal = random.next() < failShare;
  const [from] = dependsOn.filter((name) => name.startsWith('s'));
  const args: JsonObject = {
    ms: randomBelow(random, 300),
    failures: random.next() < 0.2 ? randomBelow(random, 4) : 0,
    fatal: isFatal ? (random.next() < 0.5 ? 'half' : 'before') : '',
    undoFailures: random.next() < 0.15 ? randomBelow(random, 5) : 0,
    ...(from === undefined || depth > 0 ? {} : { from: { $output: { step: from, pointer: '/object' } } }),
    ...(depth < 2 && random.next() < 0.15
      ? { adds: drawAdded(random, id, { failShare, depth: depth + 1 }) }
      : {}),
  };
  return {
    id,
    description: '',
    locks: [],
    group,
    dependsOn,
    action: {
      $case: 'call',
      value: {
        controller: random.next() < 0.5 ? 'local' : 'remote',
        method,
        system: drawSystem(random),
        arguments: args,
      },
    },
  };
}

/** Steps that a step adds while it runs. What waits for another step of the plan is refused now and then. */
function drawAdded(random: Random, by: string, tendency: Tendency): JsonObject[] {
  const ids = Array.from({ length: 1 + randomBelow(random, 3) }, (_, index) => `${by}-x${index}`);
  return ids.map((id, index) => {
    const needs = ids.slice(0, index).filter(() => random.next() < 0.5);
    if (random.next() < 0.1) needs.push('s0');
    return StepSpec.toJSON(drawStep(random, id, '', needs, tendency)) as JsonObject;
  });
}

function drawSettings(random: Random): WorkflowSettings {
  const onFailure = [OnFailure.ROLL_BACK, OnFailure.ROLL_BACK, OnFailure.SUSPEND, OnFailure.KEEP][
    randomBelow(random, 4)
  ];
  return {
    tenant: `t${randomBelow(random, 2)}`,
    labels: {},
    priority: randomBelow(random, 10),
    deadlineAction: OnFailure.ROLL_BACK,
    onFailure: onFailure ?? OnFailure.ROLL_BACK,
    runningSteps: random.next() < 0.5 ? RunningSteps.CANCEL : RunningSteps.LET_END,
    description: '',
    callback: '',
    locks: [],
  };
}
