/** Plan files: what people write becomes what is sent, and what is wrong is shown where it stands in the file. */
import { expect } from 'chai';
import { parsePlanFile, PlanFileError, type PlanFile } from '../../../src/cli/plan-file.js';
import { LockMode, type StepSpec } from '../../../src/gen/wire/steplock/v1/plan.js';
import { OnFailure, RunningSteps } from '../../../src/gen/wire/steplock/v1/workflow.js';
import { thrown } from '../../support/rejection.js';

const read = (text: string): PlanFile => parsePlanFile(text, 'p.yaml');
const stepOf = (text: string): StepSpec => read(`steps:\n  a:\n    call: c/make\n${text}`).plan.steps[0]!;

function problems(text: string): string[] {
  const error = thrown(() => read(text));
  expect(error).to.be.instanceOf(PlanFileError);
  return error.message.split('\n');
}

describe('parsePlanFile()', () => {
  it('reads the least that a plan is: steps in the order of the file', () => {
    const { workflowId, plan, settings } = read(
      'steps: { b: { call: c/make }, a: { call: linux/create-volume } }',
    );
    expect(workflowId).to.equal('');
    expect(plan.steps.map(({ id }) => id)).to.deep.equal(['b', 'a']);
    expect(plan.steps[1]?.action?.value).to.deep.include({ controller: 'linux', method: 'create-volume' });
    expect(plan.groups).to.deep.equal([]);
    expect(plan.steps[0]).to.include({
      retry: undefined,
      timeout: undefined,
      undo: undefined,
      nodes: undefined,
    });
    expect(settings).to.include({
      tenant: '',
      priority: undefined,
      startTime: undefined,
      deadline: undefined,
    });
    expect(settings.locks).to.deep.equal([]);
  });

  it('reads JSON as well, which is YAML', () => {
    expect(read('{"steps": {"a": {"call": "c/make"}}}').plan.steps).to.have.length(1);
  });

  it('reads what the workflow says of itself', () => {
    const { workflowId, settings } = read(`
workflow:
  id: w-1
  description: why
  tenant: lab
  labels: { ticket: s-1 }
  priority: 0
  start_time: 2030-01-01T06:00:00Z
  deadline: 2h
  deadline_action: keep
  on_failure: suspend
  running_steps: cancel
  callback: desk
  locks: { array/a: shared, b: exclusive }
steps: { a: { call: c/make } }`);
    expect(workflowId).to.equal('w-1');
    expect(settings).to.deep.equal({
      tenant: 'lab',
      labels: { ticket: 's-1' },
      priority: 0,
      startTime: new Date('2030-01-01T06:00:00Z'),
      deadline: { seconds: '7200', nanos: 0 },
      deadlineAction: OnFailure.KEEP,
      onFailure: OnFailure.SUSPEND,
      runningSteps: RunningSteps.CANCEL,
      description: 'why',
      callback: 'desk',
      locks: [
        { resource: 'array/a', mode: LockMode.SHARED },
        { resource: 'b', mode: LockMode.EXCLUSIVE },
      ],
    });
  });

  it('reads what a step says, and leaves references and secrets as they stand', () => {
    const step = stepOf(`
    description: first
    system: rack-a
    group: g
    needs: [x, y]
    with:
      id: { $output: { step: x, pointer: /id } }
      secret: { $secret: { env: STEPLOCK_SECRET_A } }
      list: [1, null, true, 2.5]
    timeout: 1500ms
    locks: { volume/a: exclusive }
    nodes: { neighborhood: hall-1, labels: { san: red } }
    retry: { max_attempts: 5, initial_backoff: 1s, max_backoff: 1m, multiplier: 1.5 }
`);
    expect(step).to.deep.include({ description: 'first', group: 'g', dependsOn: ['x', 'y'] });
    expect(step.action?.value).to.deep.equal({
      controller: 'c',
      method: 'make',
      system: 'rack-a',
      arguments: {
        id: { $output: { step: 'x', pointer: '/id' } },
        secret: { $secret: { env: 'STEPLOCK_SECRET_A' } },
        list: [1, null, true, 2.5],
      },
    });
    expect(step.timeout).to.deep.equal({ seconds: '1', nanos: 500_000_000 });
    expect(step.locks).to.deep.equal([{ resource: 'volume/a', mode: LockMode.EXCLUSIVE }]);
    expect(step.nodes).to.deep.equal({ neighborhood: 'hall-1', labels: { san: 'red' } });
    expect(step.retry).to.deep.equal({
      maxAttempts: 5,
      initialBackoff: { seconds: '1', nanos: 0 },
      maxBackoff: { seconds: '60', nanos: 0 },
      multiplier: 1.5,
    });
  });

  it('reads each way to undo; no arguments are something else than none given', () => {
    const undo = (text: string): unknown => stepOf(`    undo: ${text}\n`).undo?.way;
    expect(undo('none')).to.deep.equal({ $case: 'noneNeeded', value: {} });
    expect(undo('irreversible')).to.deep.equal({ $case: 'irreversible', value: {} });
    expect(undo('{ method: m }')).to.deep.equal({
      $case: 'call',
      value: { method: 'm', arguments: undefined },
    });
    expect(undo('{ method: m, with: {} }')).to.deep.equal({
      $case: 'call',
      value: { method: 'm', arguments: {} },
    });
  });

  it('reads groups, also those that say nothing', () => {
    const { plan } = read('groups: { g: , h: { needs: [g] } }\nsteps: { a: { call: c/make } }');
    expect(plan.groups).to.deep.equal([
      { id: 'g', dependsOn: [] },
      { id: 'h', dependsOn: ['g'] },
    ]);
  });
});

describe('What is wrong with a plan file', () => {
  it('is shown with line and column: the YAML itself', () => {
    expect(problems('steps:\n  a: {call: c/make\n')[0]).to.match(/^p\.yaml:\d+:\d+: /);
    expect(problems('steps:\n  a: { call: c/make }\n  a: { call: c/make }\n')[0]).to.match(
      /^p\.yaml:3:3: .*unique/,
    );
  });

  it('is shown with line and column: its form, all of it at once', () => {
    const text =
      'workflow:\n  priority: 11\nsteps:\n  a:\n    call: make\n    colour: red\n  b:\n    timeout: soon\n';
    const found = problems(text);
    const places = found.map((line) => /^p\.yaml:(\d+:\d+): (\S+)/.exec(line)?.slice(1).join(' '));
    expect(places).to.include.members(['2:3 workflow.priority', '5:5 steps.a.call', '8:5 steps.b.timeout']);
    expect(found.join('\n')).to.include('colour').and.include('call');
  });

  it('is what is no plan at all', () => {
    for (const text of ['', 'just text', '[]', '42', 'workflow: {}', 'steps: {}', 'steps: []', 'step: {}']) {
      expect(problems(text)[0], text).to.match(/^p\.yaml:\d+:\d+: /);
    }
  });

  it('is a lock or a way to undo that there is not', () => {
    for (const wrong of ['locks: { a: both }', 'undo: maybe', 'undo: { with: {} }', 'nodes: { host: n1 }']) {
      expect(problems(`steps:\n  a:\n    call: c/make\n    ${wrong}\n`)[0], wrong).to.match(
        /^p\.yaml:4:\d+: steps\.a/,
      );
    }
  });

  it('stands, if the server finds it, where the field of the request was written', () => {
    const { placeOf } = read(`workflow: { id: w, priority: 3, locks: { a: shared, '?': shared } }
groups:
  g: { needs: [nobody] }
steps:
  first: { call: c/make }
  second:
    call: c/make
    system: rack
    needs:
      - first
      - nobody
    with:
      a/b: { deep: [1, { x: 2 }] }
    timeout: 1h
    undo: { method: m, with: { id: 7 } }
    locks: { lun/7: shared, 'not one!': exclusive }
    retry: { max_attempts: 900 }
    nodes: { labels: { a: b } }
`);
    const places: [string, string | undefined][] = [
      ['plan.steps[0]', '5:3'],
      ['plan.steps[0].id', '5:3'],
      ['plan.steps[1].call.method', '7:5'],
      ['plan.steps[1].call.system', '8:5'],
      ['plan.steps[1].depends_on[1]', '11:9'],
      ['plan.steps[1].call.arguments', '12:5'],
      ['plan.steps[1].call.arguments/a~1b', '13:7'],
      ['plan.steps[1].call.arguments/a~1b/deep/1/x', '13:26'],
      // What is missing stands where it should be.
      ['plan.steps[1].call.arguments/a~1b/gone', '13:7'],
      ['plan.steps[1].timeout', '14:5'],
      ['plan.steps[1].undo.call.arguments/id', '15:32'],
      ['plan.groups[0].depends_on[0]', '3:16'],
      ['plan', '1:1'],
      ['plan.steps[9]', undefined],
      ['plan.steps[1].undo.call.method', '15:13'],
      ['plan.steps[1].locks[1].resource', '16:29'],
      ['plan.steps[1].locks', '16:5'],
      ['plan.steps[1].retry.max_attempts', '17:14'],
      ['plan.steps[1].nodes.labels["a"]', '18:14'],
      ['plan.steps[1].depends_on', '9:5'],
      ['workflow_id', '1:13'],
      ['settings.priority', '1:20'],
      ['settings.locks[1].resource', '1:53'],
      // Not said in this file: where it would stand.
      ['settings.tenant', '1:1'],
      ['request_id', undefined],
    ];
    expect(places.map(([field]) => [field, placeOf(field)])).to.deep.equal(places);
  });
});

describe('parsePlanFile() of aliases', () => {
  const bomb = Array.from(
    { length: 30 },
    (_, n) => `  x${n + 1}: &x${n + 1} [*x${n}, *x${n}, *x${n}, *x${n}]`,
  );
  const hostile: [string, string][] = [
    ['that stand within what they stand for', 'steps:\n  a: { call: basic/echo, with: &x { a: *x } }\n'],
    ['that multiply', ['steps:', '  x0: &x0 [1]', ...bomb].join('\n')],
  ];
  for (const [what, text] of hostile) {
    it(`refuses aliases ${what}, with a place`, () => {
      expect(() => parsePlanFile(text, 'p.yaml')).to.throw(PlanFileError, /^p\.yaml:[23]:\d+: .*alias/i);
    });
  }
});
