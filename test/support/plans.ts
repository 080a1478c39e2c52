/** From steps as they come over the wire to a frozen plan, or to what is wrong with them. */
import type { ControllerDescription } from '../../src/contract/contract.js';
import type { Violation } from '../../src/errors/index.js';
import type { GroupSpec, StepSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import { freezePlan, type FreezeSources } from '../../src/model/freeze-plan.js';
import { parseGroup, parseStep } from '../../src/model/parse-plan.js';
import type { Plan } from '../../src/model/plan.js';
import { createSchemaChecker } from '../../src/model/schema.js';
import { Violations } from '../../src/model/violations.js';
import { controllerDescription, methodDescription } from './records.js';

/** What a plan may call. */
export type Controllers = Readonly<Record<string, ControllerDescription>>;

/** `c/make`, which `c/unmake` undoes. */
export const makeAndUnmake: Controllers = {
  c: controllerDescription(
    methodDescription('make', { undo: { method: 'unmake' } }),
    methodDescription('unmake'),
  ),
};

const checker = createSchemaChecker();

/** The controllers as freezing asks after them. */
export function freezeSources(controllers: Controllers): FreezeSources {
  return {
    controller: (name) => (Object.hasOwn(controllers, name) ? controllers[name] : undefined),
    orchestrator: () => undefined,
    checker,
  };
}

/** Parses and freezes, in spite of what is wrong with the parts. */
export function freezeSpecs(
  steps: readonly StepSpec[],
  groups: readonly GroupSpec[] = [],
  controllers: Controllers = makeAndUnmake,
): { readonly plan: Plan; readonly violations: Violations } {
  const violations = new Violations();
  const plan = freezePlan(
    {
      steps: steps.map((step, index) => parseStep(step, `plan.steps[${index}]`, violations)),
      groups: groups.map((group, index) => parseGroup(group, `plan.groups[${index}]`, violations)),
      output: Buffer.alloc(0),
    },
    { steps: 'plan.steps', groups: 'plan.groups' },
    freezeSources(controllers),
    violations,
  );
  return { plan, violations };
}

/** What is wrong, as `RULE field`. */
export function refusals(
  steps: readonly StepSpec[],
  groups: readonly GroupSpec[] = [],
  controllers: Controllers = makeAndUnmake,
): string[] {
  return freezeSpecs(steps, groups, controllers).violations.list.map(briefly);
}

/** The rule and its place. */
export function briefly({ rule, field }: Violation): string {
  return `${rule} ${field}`;
}

/** The frozen plan; fails when something is wrong with it. */
export function frozen(
  steps: readonly StepSpec[],
  groups: readonly GroupSpec[] = [],
  controllers: Controllers = makeAndUnmake,
): Plan {
  const { plan, violations } = freezeSpecs(steps, groups, controllers);
  violations.throwIfAny();
  return plan;
}
