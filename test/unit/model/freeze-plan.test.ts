import { expect } from 'chai';
import { UndoKind } from '../../../src/gen/store/steplock/store/v1/plan.js';
import { frozen, refusals, type Controllers } from '../../support/plans.js';
import { controllerDescription, methodDescription, stepSpec } from '../../support/records.js';

const out = (step: string, pointer = '/id'): { $output: { step: string; pointer: string } } => ({
  $output: { step, pointer },
});
const controllers: Controllers = {
  c: controllerDescription(
    methodDescription('make', {
      undo: { method: 'unmake', arguments: { id: { $result: '/id' } } },
      argumentsSchema: {
        type: 'object',
        properties: { size: { type: 'integer' }, key: { type: 'string', 'x-steplock-secret': true } },
      },
      outputSchema: { type: 'object', properties: { id: { type: 'string' } }, additionalProperties: false },
    }),
    methodDescription('unmake'),
    methodDescription('silent', { undo: undefined }),
    methodDescription('final', { undo: 'irreversible' }),
  ),
};
const refused = (...steps: Parameters<typeof refusals>[0]): string[] => refusals(steps, [], controllers);
const calls = (id: string, method: string): ReturnType<typeof stepSpec> =>
  stepSpec(
    id,
    {},
    { action: { $case: 'call', value: { controller: 'c', method, system: '', arguments: {} } } },
  );

describe('freezePlan()', () => {
  it('keeps with the plan what the methods say of themselves, and fills in their defaults', () => {
    const plan = frozen([stepSpec('a'), calls('b', 'final')], [], controllers);
    expect(plan.methods.map(({ method }) => method)).to.have.members(['make', 'unmake', 'final']);
    expect(plan.steps[0]).to.deep.include({
      undoKind: UndoKind.METHOD,
      undoMethod: 'unmake',
      maxAttempts: 4,
      timeoutMs: 30_000,
    });
    expect(Buffer.from(plan.steps[0]!.undoArguments).toString()).to.equal('{"id":{"$result":"/id"}}');
    expect(plan.steps[1]).to.deep.include({ undoKind: UndoKind.IRREVERSIBLE, undoMethod: '' });
  });

  it('makes a step wait for the steps whose outputs it uses', () => {
    const plan = frozen([stepSpec('a'), stepSpec('b', { name: out('a') })], [], controllers);
    expect(plan.steps[1]?.impliedDependsOn).to.deep.equal(['a']);
    expect(plan.graph.predecessors[1]).to.deep.equal([0]);
  });

  it('refuses a method that does not say how it is undone, unless the step does', () => {
    expect(refused(calls('a', 'silent'))).to.deep.equal(['MISSING_UNDO plan.steps[0].undo']);
    const says = {
      ...calls('a', 'silent'),
      undo: { way: { $case: 'irreversible', value: {} } },
    } as ReturnType<typeof stepSpec>;
    expect(refused(says)).to.deep.equal([]);
  });

  it('refuses references to nothing, to oneself, to what an output never has and to another type', () => {
    const at = 'plan.steps[0].call.arguments';
    expect(refused(stepSpec('a', { x: out('nowhere') }))).to.deep.equal([`INVALID_REFERENCE ${at}/x`]);
    expect(refused(stepSpec('a', { x: out('a') }))).to.include(`INVALID_REFERENCE ${at}/x`);
    expect(refused(stepSpec('a', { x: out('b', '/other') }), stepSpec('b'))).to.deep.equal([
      `INVALID_REFERENCE ${at}/x`,
    ]);
    expect(refused(stepSpec('a', { size: out('b') }), stepSpec('b'))).to.deep.equal([
      `INVALID_REFERENCE ${at}/size`,
    ]);
    expect(refused(stepSpec('a', { x: { $args: '/y' } }))).to.deep.equal([`INVALID_REFERENCE ${at}/x`]);
  });

  it('refuses a secret in clear, one that stands elsewhere, and one that was sealed before', () => {
    const at = 'plan.steps[0].call.arguments';
    expect(refused(stepSpec('a', { key: 'hunter22' }))).to.deep.equal([`SECRET_IN_CLEAR ${at}/key`]);
    expect(refused(stepSpec('a', { size: 1, note: { $secret: { env: 'E' } } }))).to.deep.equal([
      `SECRET_MISPLACED ${at}/note`,
    ]);
    expect(refused(stepSpec('a', { key: { $secret: { sealed: 'v1.x.y' } } }))).to.deep.equal([
      `INVALID_REFERENCE ${at}/key`,
    ]);
    expect(refused(stepSpec('a', { key: { $secret: { value: 'hunter22' } } }))).to.deep.equal([]);
  });

  it('names every place at once', () => {
    const unknown = stepSpec('b', {}, { dependsOn: ['x'], group: 'g' });
    expect(refused(stepSpec('a', { size: 'x' }), unknown, calls('a', 'other'))).to.have.members([
      'INVALID_ARGUMENTS plan.steps[0].call.arguments/size',
      'UNKNOWN_DEPENDENCY plan.steps[1].depends_on[0]',
      'UNKNOWN_GROUP plan.steps[1].group',
      'DUPLICATE_ID plan.steps[2].id',
      'UNKNOWN_METHOD plan.steps[2].call.method',
    ]);
    expect(refused()).to.deep.equal(['REQUIRED plan.steps']);
  });

  it('refuses a cycle that only references make', () => {
    expect(refused(stepSpec('a', { x: out('b') }), stepSpec('b', { x: out('a') }))).to.deep.equal([
      'CYCLE plan.steps[0]',
    ]);
  });
});
