/** The builder of plans: what it makes of what is said, and what it refuses when it runs. */
import { expect } from 'chai';
import { basic, controller, newPlan, orchestrator, outputAt, secret } from '../../../src/client/index.js';
import { LockMode, Plan } from '../../../src/gen/wire/steplock/v1/plan.js';
import { OnFailure, RunningSteps, WorkflowSettings } from '../../../src/gen/wire/steplock/v1/workflow.js';
import { toWireSettings } from '../../../src/builder/index.js';
import { SteplockError } from '../../../src/errors/index.js';

interface Volume {
  readonly args: { size: number; note?: string };
  readonly output: { id: string; paths: string[] };
}
const array = controller<{ create: Volume; remove: { args: { id?: string }; output: object } }>('array');
const desk = orchestrator<{ provision: { args: { size: number }; output: { id: string } } }>('desk');

function refusal(work: () => unknown): SteplockError {
  try {
    work();
  } catch (error) {
    if (error instanceof SteplockError) return error;
  }
  throw new Error('It was not refused');
}

describe('newPlan', () => {
  it('makes the plan that the wire has', () => {
    const plan = newPlan();
    const made = plan.call('made', array('create'), {
      with: { size: 1 },
      system: 'array-1',
      retry: { maxAttempts: 2, initialBackoffMs: 1_500 },
      undo: { method: 'remove', with: { id: outputAt<string>({ id: 'made' } as never, '/id') } },
      locks: { 'pool/a': 'shared', 'pool/b': 'exclusive' },
      nodes: { neighborhood: 'east' },
      timeoutMs: 90_000,
      description: 'a volume',
    });
    const group = plan.group('exports', { needs: [made] });
    const text = plan.call('text', basic('echo'), {
      with: {
        id: made.output.id,
        all: [made.output],
        key: secret({ env: 'KEY' }),
        'a/b': outputAt(made, '/paths/0'),
      },
      group,
    });
    plan.approval('asked', 'Go on?', { needs: [group, text], timeoutMs: 60_000 });
    plan.signal('told', 'word', { needs: [made] });
    plan.child('sub', desk('provision'), { with: { size: 3 }, retry: { maxAttempts: 1 } });
    plan.call('final', array('remove'), { undo: 'irreversible' });
    const { plan: wire } = plan.build({ id: made.output.id, fixed: 1 });
    expect(Plan.toJSON(wire)).to.deep.equal({
      steps: [
        {
          id: 'made',
          description: 'a volume',
          call: { controller: 'array', method: 'create', system: 'array-1', arguments: { size: 1 } },
          undo: {
            call: { method: 'remove', arguments: { id: { $output: { step: 'made', pointer: '/id' } } } },
          },
          retry: { maxAttempts: 2, initialBackoff: { seconds: '1', nanos: 500_000_000 } },
          timeout: { seconds: '90' },
          nodes: { neighborhood: 'east' },
          locks: [
            { resource: 'pool/a', mode: 'LOCK_MODE_SHARED' },
            { resource: 'pool/b', mode: 'LOCK_MODE_EXCLUSIVE' },
          ],
        },
        {
          id: 'text',
          group: 'exports',
          call: {
            controller: 'basic',
            method: 'echo',
            arguments: {
              id: { $output: { step: 'made', pointer: '/id' } },
              all: [{ $output: { step: 'made', pointer: '' } }],
              key: { $secret: { env: 'KEY' } },
              'a/b': { $output: { step: 'made', pointer: '/paths/0' } },
            },
          },
        },
        {
          id: 'asked',
          dependsOn: ['exports', 'text'],
          approval: { message: 'Go on?' },
          timeout: { seconds: '60' },
        },
        { id: 'told', dependsOn: ['made'], signal: { name: 'word' } },
        {
          id: 'sub',
          child: { orchestrator: 'desk', operation: 'provision', arguments: { size: 3 } },
          retry: { maxAttempts: 1 },
        },
        {
          id: 'final',
          call: { controller: 'array', method: 'remove', arguments: {} },
          undo: { irreversible: {} },
        },
      ],
      groups: [{ id: 'exports', dependsOn: ['made'] }],
      output: { id: { $output: { step: 'made', pointer: '/id' } }, fixed: 1 },
    });
    expect(LockMode.SHARED).to.equal(2);
  });

  it('escapes names in pointers, and a reference is no promise', async () => {
    const plan = newPlan();
    const odd = controller<{ get: { args: object; output: { 'a/b': { '~': string }; then: string } } }>(
      'odd',
    );
    const got = plan.call('got', odd('get'));
    expect(await Promise.resolve(got)).to.equal(got);
    plan.call('used', basic('echo'), { with: { x: got.output['a/b']['~'] } });
    const [, used] = plan.build().plan.steps;
    expect(used?.action).to.have.nested.property('value.arguments.x.$output.pointer', '/a~1b/~0');
  });

  it('refuses an id that is malformed or taken, and steps and outputs of another plan', () => {
    const plan = newPlan();
    const other = newPlan().call('other', array('create'), { with: { size: 1 } });
    plan.call('a', basic('fail'));
    const places = [
      () => plan.call('A', basic('fail')),
      () => plan.call('a', basic('fail')),
      () => plan.group('a'),
      () => plan.call('b', basic('fail'), { needs: [other] }),
      () => plan.call('c', basic('echo'), { with: { x: other.output.id } }),
      () => plan.build({ id: other.output.id }),
    ].map((work) =>
      refusal(work)
        .violations.map(({ field }) => field)
        .join(),
    );
    expect(places).to.deep.equal([
      'steps.A',
      'steps.a',
      'steps.a',
      'steps.b.needs',
      'steps.c.with',
      'steps.output.with',
    ]);
    expect(plan.build().plan.steps.map(({ id }) => id)).to.deep.equal(['a']);
  });

  it('makes settings that the wire has', () => {
    expect(WorkflowSettings.toJSON(toWireSettings({}))).to.deep.equal({});
    const startTime = new Date(1_800_000_000_000);
    expect(
      toWireSettings({
        tenant: 'acme',
        labels: { a: 'b' },
        priority: 0,
        startTime,
        deadlineMs: 60_000,
        deadlineAction: 'keep',
        onFailure: 'suspend',
        runningSteps: 'cancel',
        description: 'x',
        locks: { p: 'exclusive' },
        callback: 'desk',
      }),
    ).to.deep.equal({
      tenant: 'acme',
      labels: { a: 'b' },
      priority: 0,
      startTime,
      deadline: { seconds: '60', nanos: 0 },
      deadlineAction: OnFailure.KEEP,
      onFailure: OnFailure.SUSPEND,
      runningSteps: RunningSteps.CANCEL,
      description: 'x',
      locks: [{ resource: 'p', mode: LockMode.EXCLUSIVE }],
      callback: 'desk',
    });
  });
});
