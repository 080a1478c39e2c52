/** The workflows of the chaos run: three to eight steps on the model array, some of which fail on purpose. */
import { randomBelow, type Random } from '../../src/base/random.js';
import { LockMode, type StepSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import { OnFailure, RunningSteps, type WorkflowSettings } from '../../src/gen/wire/steplock/v1/workflow.js';
import type { Script } from './controller.js';
import { limitedSystem } from './stage.js';

/** A workflow as it is asked for. */
export interface ChaosPlan {
  readonly steps: StepSpec[];
  readonly settings: WorkflowSettings;
  /** How it has to end if nobody cancels it. */
  readonly expected: 'SUCCEEDED' | 'ROLLED_BACK' | 'FAILED';
  /** Cancelled so long after its submission; undefined: not at all. */
  readonly cancelAfterMs: number | undefined;
  /** Whether that keeps what was done. */
  readonly cancelKeeps: boolean;
}

/** How plans are drawn. */
export interface PlanTastes {
  /** Each half of a step's work takes up to so long. */
  readonly workMsMax: number;
  /** Share of workflows of which a step fails for good. */
  readonly failShare: number;
  /** Share of steps that run in the nodes themselves. */
  readonly localShare: number;
}

/** What the run in CI does. */
export const usualTastes: PlanTastes = { workMsMax: 150, failShare: 0.2, localShare: 0.4 };

const makers = ['create-volume', 'create-volume', 'export-volume', 'copy-volume'];
/** Steps that make something. */
export const isMaker = (method: string): boolean => makers.includes(method);
const remotes = ['remote-1', 'remote-2'];
const lockNames = 12;

/** Draws one. */
export function drawPlan(random: Random, tastes: PlanTastes): ChaosPlan {
  const count = 3 + randomBelow(random, 6);
  const failing = random.next() < tastes.failShare ? randomBelow(random, count) : -1;
  const steps: StepSpec[] = [];
  for (let index = 0; index < count; index++) {
    const dependsOn = steps.filter(() => random.next() < 1.5 / count).map(({ id }) => id);
    const fatal = index !== failing ? '' : random.next() < 0.5 ? 'before' : 'half';
    steps.push(drawStep(random, `s${index}`, dependsOn, fatal, tastes));
  }
  const keeps = random.next() < 0.2;
  const cancels = random.next() < 0.12;
  return {
    steps,
    settings: drawSettings(random, keeps),
    expected: failing < 0 ? 'SUCCEEDED' : keeps ? 'FAILED' : 'ROLLED_BACK',
    cancelAfterMs: cancels ? randomBelow(random, 2_000) : undefined,
    cancelKeeps: random.next() < 0.25,
  };
}

function drawStep(
  random: Random,
  id: string,
  dependsOn: string[],
  fatal: Script['fatal'],
  tastes: PlanTastes,
): StepSpec {
  const method = random.next() < 0.2 ? 'check' : (makers[randomBelow(random, makers.length)] ?? 'check');
  const controller =
    random.next() < tastes.localShare ? 'local' : (remotes[randomBelow(random, 2)] ?? 'local');
  const script: Script = {
    ms: randomBelow(random, tastes.workMsMax),
    failures: random.next() < 0.1 ? 1 + randomBelow(random, 2) : 0,
    fatal,
  };
  const [from] = dependsOn;
  const input = from === undefined ? {} : { from: { $output: { step: from, pointer: '/object' } } };
  const system = random.next() < 0.1 ? limitedSystem.system : `rack-${randomBelow(random, 4)}`;
  return {
    id,
    description: '',
    group: '',
    locks: [],
    dependsOn,
    action: { $case: 'call', value: { controller, method, system, arguments: { ...script, ...input } } },
  };
}

function drawSettings(random: Random, keeps: boolean): WorkflowSettings {
  const locks = Array.from({ length: random.next() < 0.3 ? 1 + randomBelow(random, 2) : 0 }, () => ({
    resource: `array/volume-${randomBelow(random, lockNames)}`,
    mode: random.next() < 0.5 ? LockMode.EXCLUSIVE : LockMode.SHARED,
  }));
  return {
    tenant: `t${randomBelow(random, 3)}`,
    labels: {},
    priority: randomBelow(random, 10),
    deadlineAction: OnFailure.ROLL_BACK,
    onFailure: keeps ? OnFailure.KEEP : OnFailure.ROLL_BACK,
    runningSteps: random.next() < 0.5 ? RunningSteps.CANCEL : RunningSteps.LET_END,
    description: '',
    locks,
    callback: '',
  };
}
