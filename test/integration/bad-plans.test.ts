/**
 * Plans that must not run are refused at the door, each with its place named, and leave nothing behind: what gets past
 * here would fail in the middle of changing an array.
 */
import { expect } from 'chai';
import type { GroupSpec, Plan, StepSpec } from '../../src/gen/wire/steplock/v1/plan.js';
import { WorkflowServiceService as Service } from '../../src/gen/wire/steplock/v1/workflow_service.js';
import { approval, chain, child, output, planOf, signal, step } from './support/plans.js';
import { metadataOf, placesOf, refused } from './support/refusal.js';
import { submission } from './support/requests.js';
import { startRig, stateOf, type Rig } from './support/rig.js';
import { bareController } from './support/scripted-controller.js';

const plansRefused: readonly (readonly [title: string, place: string, plan: Plan])[] = [
  ['no steps', 'REQUIRED plan.steps', planOf()],
  [
    'a cycle',
    'CYCLE plan.steps[0]',
    planOf(
      step('a', 'make', { needs: ['c'] }),
      step('b', 'make', { needs: ['a'] }),
      step('c', 'make', { needs: ['b'] }),
    ),
  ],
  ['a step that waits for itself', 'CYCLE plan.steps[0]', planOf(step('a', 'make', { needs: ['a'] }))],
  [
    'a cycle that only an output makes',
    'CYCLE plan.steps[0]',
    planOf(step('a', 'free', { with: { from: output('b') } }), step('b', 'free', { needs: ['a'] })),
  ],
  [
    'an unknown step',
    'UNKNOWN_DEPENDENCY plan.steps[1].depends_on[1]',
    planOf(step('a'), step('b', 'make', { needs: ['a', 'nobody'] })),
  ],
  ['an unknown group', 'UNKNOWN_GROUP plan.steps[0].group', planOf(step('a', 'make', { group: 'none' }))],
  [
    'a group that waits for what is not there',
    'UNKNOWN_DEPENDENCY plan.groups[0].depends_on[0]',
    withGroups(planOf(step('a', 'make', { group: 'g' })), { id: 'g', dependsOn: ['nobody'] }),
  ],
  [
    'an unknown controller',
    'UNKNOWN_CONTROLLER plan.steps[0].call.controller',
    planOf(step('a', 'make', { controller: 'nobody' })),
  ],
  ['an unknown method', 'UNKNOWN_METHOD plan.steps[0].call.method', planOf(step('a', 'fly'))],
  ['no call', 'REQUIRED plan.steps[0].call', planOf({ ...step('a'), action: undefined })],
  [
    'a missing argument',
    'INVALID_ARGUMENTS plan.steps[0].call.arguments',
    planOf(step('a', 'typed', { with: { size: 1 } })),
  ],
  [
    'an argument of another type',
    'INVALID_ARGUMENTS plan.steps[0].call.arguments/size',
    planOf(step('a', 'typed', { with: { name: 'x', size: 'large' } })),
  ],
  [
    'an argument that the method does not have',
    'INVALID_ARGUMENTS plan.steps[0].call.arguments',
    planOf(step('a', 'typed', { with: { name: 'x', colour: 'red' } })),
  ],
  ['a name twice', 'DUPLICATE_ID plan.steps[1].id', planOf(step('a'), step('a'))],
  [
    'a group named as a step',
    'DUPLICATE_ID plan.groups[0].id',
    withGroups(planOf(step('a')), { id: 'a', dependsOn: [] }),
  ],
  ['a name that is none', 'INVALID_ID plan.steps[0].id', planOf(step('Not a name'))],
  ['no name', 'REQUIRED plan.steps[0].id', planOf(step(''))],
  [
    'no undo, declared by nobody',
    'MISSING_UNDO plan.steps[0].undo',
    planOf(step('a', 'make', { controller: 'bare' })),
  ],
  [
    'an unknown method as undo',
    'UNKNOWN_METHOD plan.steps[0].undo.call.method',
    planOf(
      step('a', 'make', { undo: { way: { $case: 'call', value: { method: 'unfly', arguments: {} } } } }),
    ),
  ],
  [
    'an output of a step that is not there',
    'INVALID_REFERENCE plan.steps[0].call.arguments/from',
    planOf(step('a', 'free', { with: { from: output('nobody') } })),
  ],
  [
    'an output that the method does not have',
    'INVALID_REFERENCE plan.steps[1].call.arguments/from',
    planOf(
      step('a', 'typed', { with: { name: 'x' } }),
      step('b', 'free', { with: { from: output('a', '/no') } }),
    ),
  ],
  [
    'a secret in clear',
    'SECRET_IN_CLEAR plan.steps[0].call.arguments/password',
    planOf(step('a', 'typed', { with: { name: 'x', password: 'open' } })),
  ],
  [
    'a secret where none is expected',
    'SECRET_MISPLACED plan.steps[0].call.arguments/name',
    planOf(step('a', 'typed', { with: { name: { $secret: { env: 'NAME' } } } })),
  ],
  [
    'too many attempts',
    'OUT_OF_RANGE plan.steps[0].retry.max_attempts',
    planOf(step('a', 'make', { attempts: 101 })),
  ],
  ['a timeout too short', 'OUT_OF_RANGE plan.steps[0].timeout', planOf(step('a', 'make', { timeoutMs: 10 }))],
  [
    '2 MiB of arguments',
    'TOO_LARGE plan.steps[0].call.arguments',
    withArgument('big', 'x'.repeat(2 * 1024 * 1024)),
  ],
  [
    '20,000 dependencies',
    'TOO_MANY plan.steps[0].depends_on',
    planOf(step('a', 'make', { needs: Array.from({ length: 20_000 }, (_, index) => `s${index}`) })),
  ],
  [
    '10,001 steps',
    'TOO_MANY plan.steps',
    planOf(...Array.from({ length: 10_001 }, (_, index) => step(`s${index}`, 'free'))),
  ],
  ['a number that is none', 'INVALID_VALUE plan.steps[0].call.arguments', withArgument('size', Number.NaN)],
];

function withGroups(plan: Plan, ...groups: GroupSpec[]): Plan {
  return { ...plan, groups };
}

function withArgument(name: string, value: string | number): Plan {
  return planOf(step('a', 'free', { with: { [name]: value } }));
}

describe('A plan that must not run', function () {
  this.timeout(20_000);
  let rig: Rig;

  before(async () => {
    rig = await startRig({ controllers: { bare: bareController() }, logLevel: 'info' });
  });

  after(async () => {
    await rig.close();
  });

  for (const [title, place, plan] of plansRefused) {
    it(`is refused with its place named: ${title}`, async () => {
      const before = await rig.keys();
      const refusal = await refused(rig, Service.submitWorkflow, submission(plan), 'INVALID_PLAN');
      expect(placesOf(refusal)).to.include(place);
      const [rule, field] = (placesOf(refusal)[0] ?? '').split(' ');
      expect(metadataOf(refusal)).to.include({ rule, field });
      expect(await rig.keys()).to.deep.equal(before);
    });
  }

  it('has its cycle shown step by step', async () => {
    const ring = chain('a', 'b', 'c');
    ring.steps[0] = step('a', 'make', { needs: ['c'] });
    const { violations } = await refused(rig, Service.submitWorkflow, submission(ring), 'INVALID_PLAN');
    const [cycle] = violations.map(({ description }) => description);
    for (const id of ['a', 'b', 'c']) expect(cycle).to.include(id);
    expect(cycle).to.include('→');
  });

  it('hears of everything that is wrong with it, up to fifty places, and of how many there are', async () => {
    const plan = planOf(...Array.from({ length: 60 }, (_, index) => step(`s${index}`, 'fly')));
    const refusal = await refused(rig, Service.submitWorkflow, submission(plan), 'INVALID_PLAN');
    expect(metadataOf(refusal)).to.include({ violations: '60' });
    expect(placesOf(refusal)).to.have.length.within(5, 50);
  });

  it('is refused for an undo or a retry of a step that only waits, and for an orchestrator that nobody knows', async () => {
    const undo: StepSpec['undo'] = { way: { $case: 'irreversible', value: {} } };
    const plan = planOf(
      approval('ask', { undo }),
      signal('told', 'go', { attempts: 2 }),
      child('sub', 'one'),
    );
    const refusal = await refused(rig, Service.submitWorkflow, submission(plan), 'INVALID_PLAN');
    expect(placesOf(refusal)).to.have.members([
      'INVALID_VALUE plan.steps[0].undo',
      'INVALID_VALUE plan.steps[1].retry',
      'UNKNOWN_CONTROLLER plan.steps[2].child.orchestrator',
    ]);
  });

  it('calls nobody, and keeps nobody from running a good one', async () => {
    expect(rig.script.calls).to.deep.equal([]);
    expect(stateOf(await rig.run(chain('a', 'b')))).to.equal('SUCCEEDED');
    expect(rig.log.errors).to.deep.equal([]);
  });
});
