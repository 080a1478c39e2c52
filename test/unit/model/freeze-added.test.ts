import { expect } from 'chai';
import { LockKind, type LockNeed, type PlanStep } from '../../../src/gen/store/steplock/store/v1/plan.js';
import { LockMode, type GroupSpec, type StepSpec } from '../../../src/gen/wire/steplock/v1/plan.js';
import { freezeAdded, type AddedSteps } from '../../../src/model/freeze-added.js';
import { limits } from '../../../src/model/limits.js';
import { parseStep } from '../../../src/model/parse-plan.js';
import { createPlan, findStep, stepOf, type Plan } from '../../../src/model/plan.js';
import { Violations } from '../../../src/model/violations.js';
import { controllerDescription, methodDescription, planStep, stepSpec } from '../../support/records.js';
import { briefly, freezeSources, frozen, makeAndUnmake, type Controllers } from '../../support/plans.js';

const group = (id: string, ...dependsOn: string[]): GroupSpec => ({ id, dependsOn });
const inGroup = (id: string, of: string, ...dependsOn: string[]): StepSpec =>
  stepSpec(id, {}, { group: of, dependsOn });
const after = (id: string, ...dependsOn: string[]): StepSpec => stepSpec(id, {}, { dependsOn });

/** `a` stands alone; `m` and `n` in groups that nobody waits for; `z` after group `late`, `m` after group `early`. */
const base = frozen(
  [
    stepSpec('a'),
    stepSpec('a-b'),
    inGroup('e', 'early'),
    inGroup('m', 'main', 'early'),
    inGroup('n', 'other'),
    after('free'),
    inGroup('z', 'late', 'main'),
  ],
  [group('early'), group('main'), group('other'), group('late')],
);

interface Given {
  readonly plan?: Plan;
  readonly locks?: readonly LockNeed[];
  readonly controllers?: Controllers;
}

function freeze(
  by: string,
  specs: readonly StepSpec[],
  { plan = base, locks = [], controllers = makeAndUnmake }: Given = {},
): AddedSteps & { readonly problems: string[] } {
  const violations = new Violations();
  const steps = specs.map((spec, index) => parseStep(spec, `added_steps[${index}]`, violations));
  const addition = { by: stepOf(plan, by as never), plan, locks };
  const added = freezeAdded(steps, 'added_steps', addition, freezeSources(controllers), violations);
  return { ...added, problems: violations.list.map(briefly) };
}
const problems = (by: string, specs: readonly StepSpec[], given?: Given): string[] =>
  freeze(by, specs, given).problems;

describe('freezeAdded()', () => {
  it('fills in defaults, and the adding step: as what is waited for, as who added it, and its group', () => {
    const { steps, problems: wrong } = freeze('m', [stepSpec('m-x'), after('m-y', 'm-x', 'm')]);
    expect(wrong).to.deep.equal([]);
    const seen = steps.map(
      ({ id, group: of, addedBy, dependsOn, impliedDependsOn, undoMethod }: PlanStep) => ({
        id,
        of,
        addedBy,
        waitsFor: [...dependsOn, ...impliedDependsOn],
        undoMethod,
      }),
    );
    const common = { of: 'main', addedBy: 'm', undoMethod: 'unmake' };
    expect(seen).to.deep.equal([
      { id: 'm-x', ...common, waitsFor: ['m'] },
      { id: 'm-y', ...common, waitsFor: ['m-x', 'm'] },
    ]);
  });

  it('takes methods as the plan has them, and brings along only those that it lacks', () => {
    const extra = methodDescription('check');
    const controllers = {
      c: controllerDescription(
        methodDescription('make', { undo: { method: 'unmake' }, argumentsSchema: { required: ['size'] } }),
        methodDescription('unmake'),
        extra,
      ),
    };
    const check = stepSpec(
      'a-c',
      {},
      {
        action: { $case: 'call', value: { controller: 'c', method: 'check', system: '', arguments: {} } },
      },
    );
    const { methods, problems: wrong } = freeze('a', [stepSpec('a-x'), check], { controllers });
    expect(wrong).to.deep.equal([]);
    expect(methods.map(({ method }) => method)).to.deep.equal(['check']);
    expect(findStep(base, 'a-c' as never)).to.equal(undefined);
  });

  it('refuses ids that are not the adding step’s own, or are there already', () => {
    expect(problems('a', [stepSpec('b-x')])).to.deep.equal(['INVALID_ID added_steps[0].id']);
    expect(problems('a', [stepSpec('ax')])).to.deep.equal(['INVALID_ID added_steps[0].id']);
    expect(problems('a', [stepSpec('a-b-c')])).to.deep.equal(['INVALID_ID added_steps[0].id']);
    expect(problems('a-b', [stepSpec('a-b-c')])).to.deep.equal([]);
    expect(problems('a', [stepSpec('a-b')])).to.deep.equal(['DUPLICATE_ID added_steps[0].id']);
    expect(problems('a', [stepSpec('a-x'), stepSpec('a-x')])).to.deep.equal([
      'DUPLICATE_ID added_steps[1].id',
    ]);
  });

  it('refuses what is not there: dependencies, groups, references, controllers', () => {
    expect(problems('a', [after('a-x', 'nobody')])).to.deep.equal([
      'UNKNOWN_DEPENDENCY added_steps[0].depends_on[0]',
    ]);
    expect(problems('a', [inGroup('a-x', 'main')])).to.deep.equal(['INVALID_VALUE added_steps[0].group']);
    expect(problems('m', [inGroup('m-x', 'late')])).to.deep.equal(['INVALID_VALUE added_steps[0].group']);
    expect(problems('m', [inGroup('m-x', 'main')])).to.deep.equal([]);
    const reference = { got: { $output: { step: 'nobody', pointer: '' } } };
    expect(problems('a', [stepSpec('a-x', reference)])).to.deep.equal([
      'INVALID_REFERENCE added_steps[0].call.arguments/got',
    ]);
    expect(
      problems('a', [stepSpec('a-x')], { plan: createPlan(base.steps, base.groups, []), controllers: {} }),
    ).to.include('UNKNOWN_CONTROLLER added_steps[0].call.controller');
  });

  it('lets arguments refer to the adding step, to each other, and to any step of the plan', () => {
    const of = (step: string) => ({ got: { $output: { step, pointer: '/id' } } });
    const { steps, problems: wrong } = freeze('a', [
      stepSpec('a-x', of('a')),
      stepSpec('a-y', of('a-x')),
      stepSpec('a-z', of('z')),
    ]);
    expect(wrong).to.deep.equal([]);
    expect(steps.map(({ impliedDependsOn }) => impliedDependsOn)).to.deep.equal([
      ['a'],
      ['a-x', 'a'],
      ['z', 'a'],
    ]);
  });

  it('refuses locks that the workflow does not have', () => {
    const locking = (mode: LockMode): StepSpec =>
      stepSpec('a-x', {}, { locks: [{ resource: 'pool/1', mode }] });
    const place = 'INVALID_VALUE added_steps[0].locks[0]';
    const shared = { locks: [{ resource: 'pool/1', kind: LockKind.SHARED }] };
    const exclusive = { locks: [{ resource: 'pool/1', kind: LockKind.EXCLUSIVE }] };
    expect(problems('a', [locking(LockMode.SHARED)])).to.deep.equal([place]);
    expect(problems('a', [locking(LockMode.EXCLUSIVE)], shared)).to.deep.equal([place]);
    expect(problems('a', [locking(LockMode.SHARED)], shared)).to.deep.equal([]);
    expect(problems('a', [locking(LockMode.SHARED)], exclusive)).to.deep.equal([]);
    expect(problems('a', [locking(LockMode.EXCLUSIVE)], exclusive)).to.deep.equal([]);
  });

  it('refuses cycles', () => {
    expect(problems('a', [after('a-x', 'a-y'), after('a-y', 'a-x')])).to.deep.equal(['CYCLE added_steps[0]']);
    expect(problems('a', [after('a-x', 'a-x')])).to.deep.equal(['CYCLE added_steps[0]']);
    expect(problems('m', [after('m-x', 'main')])).to.include('CYCLE added_steps[0]');
    expect(problems('m', [after('m-x', 'z')])).to.include('CYCLE added_steps[0]');
  });

  it('refuses, in a group, to wait for a group that may be growing, which might come to wait for it', () => {
    expect(problems('m', [after('m-x', 'other')])).to.deep.equal(['INVALID_VALUE added_steps[0].depends_on']);
    expect(problems('n', [after('n-x', 'z')])).to.deep.equal(['INVALID_VALUE added_steps[0].depends_on']);
    // What the adding step has waited for is over; what stands in a group is not the group.
    expect(problems('m', [after('m-x', 'early', 'e')])).to.deep.equal([]);
    expect(problems('m', [after('m-x', 'n', 'free')])).to.deep.equal([]);
    // Nobody waits for what stands in no group.
    expect(problems('a', [after('a-x', 'main', 'z')])).to.deep.equal([]);
  });

  it('refuses more steps than a workflow may have', () => {
    const many = Array.from({ length: limits.stepsMax }, (_, index) => planStep(`s${index}`));
    const plan = createPlan(many, [], base.methods);
    expect(problems('s0', [stepSpec('s0-x')], { plan })).to.deep.equal(['TOO_MANY added_steps']);
  });
});
