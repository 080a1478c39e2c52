import { expect } from 'chai';
import type { JsonObject, JsonValue } from '../../../src/base/json.js';
import { UndoKind, type PlanStep } from '../../../src/gen/store/steplock/store/v1/plan.js';
import type { RetryPolicy, StepSpec } from '../../../src/gen/wire/steplock/v1/plan.js';
import { limits } from '../../../src/model/limits.js';
import { checkText, parseGroup, parseStep, shorten } from '../../../src/model/parse-plan.js';
import { Violations, type PlanRule } from '../../../src/model/violations.js';
import { briefly } from '../../support/plans.js';
import { stepSpec } from '../../support/records.js';

function parse(spec: StepSpec): { step: PlanStep; refused: string[] } {
  const violations = new Violations();
  const step = parseStep(spec, 'steps[0]', violations);
  return { step, refused: violations.list.map(briefly) };
}

const refused = (spec: StepSpec): string[] => parse(spec).refused;
const call = (patch: { controller?: string; method?: string; system?: string }): Partial<StepSpec> => ({
  action: { $case: 'call', value: { controller: 'c', method: 'make', system: '', ...patch } },
});
const retry = (patch: Partial<RetryPolicy>): Partial<StepSpec> => ({
  retry: { maxAttempts: 0, multiplier: 0, ...patch },
});
const seconds = (count: number): { seconds: string; nanos: number } => ({ seconds: String(count), nanos: 0 });
const nested = (depth: number): JsonObject => {
  let value: JsonValue = 1;
  for (let level = 0; level < depth; level++) value = { a: value };
  return value as unknown as JsonObject;
};

describe('parseStep()', () => {
  it('takes a step over as it is', () => {
    const { step, refused: none } = parse({
      id: 'make-it',
      description: 'Makes it',
      locks: [],
      group: 'g',
      dependsOn: ['a', 'b'],
      action: {
        $case: 'call',
        value: { controller: 'c', method: 'make', system: 'array-1', arguments: { size: 1, name: 'ü' } },
      },
      undo: { way: { $case: 'call', value: { method: 'unmake', arguments: { force: true } } } },
      retry: { maxAttempts: 7, initialBackoff: seconds(2), maxBackoff: seconds(9), multiplier: 1.5 },
      timeout: { seconds: '90', nanos: 500_000_000 },
    });
    expect(none).to.deep.equal([]);
    expect(step).to.deep.include({
      id: 'make-it',
      description: 'Makes it',
      group: 'g',
      dependsOn: ['a', 'b'],
      kind: 'call',
      controller: 'c',
      method: 'make',
      system: 'array-1',
      undoKind: UndoKind.METHOD,
      undoMethod: 'unmake',
      maxAttempts: 7,
      initialBackoffMs: 2_000,
      maxBackoffMs: 9_000,
      multiplier: 1.5,
      timeoutMs: 90_500,
    });
    expect(JSON.parse(step.arguments.toString())).to.deep.equal({ size: 1, name: 'ü' });
    expect(JSON.parse(step.undoArguments.toString())).to.deep.equal({ force: true });
  });

  it('leaves open what the step does not say', () => {
    const { step } = parse(stepSpec('s'));
    expect(step.arguments).to.have.length(0);
    expect(step).to.include({ undoKind: UndoKind.UNSPECIFIED, maxAttempts: 0, timeoutMs: 0, multiplier: 0 });
  });

  it('takes over the two ways of not being undone', () => {
    const kindOf = (way: NonNullable<StepSpec['undo']>['way']): UndoKind =>
      parse(stepSpec('s', {}, { undo: { way } })).step.undoKind;
    expect(kindOf({ $case: 'noneNeeded', value: {} })).to.equal(UndoKind.NONE_NEEDED);
    expect(kindOf({ $case: 'irreversible', value: {} })).to.equal(UndoKind.IRREVERSIBLE);
  });

  it("tells an undo without arguments, which gets the step's, from one with none", () => {
    const argumentsOf = (args: JsonObject | undefined): string => {
      const value = { method: 'unmake', arguments: args };
      const { step } = parse(stepSpec('s', { a: 1 }, { undo: { way: { $case: 'call', value } } }));
      return step.undoArguments.toString();
    };
    expect(argumentsOf(undefined)).to.equal('');
    expect(argumentsOf({})).to.equal('{}');
  });

  it('takes over the kinds of step that later releases run', () => {
    const approval = parse(stepSpec('s', {}, { action: { $case: 'approval', value: { message: 'Go?' } } }));
    expect(approval.step).to.include({ kind: 'approval', prompt: 'Go?', controller: '' });
    const signal = parse(stepSpec('s', {}, { action: { $case: 'signal', value: { name: 'go' } } }));
    expect(signal.step).to.include({ kind: 'signal', prompt: 'go', controller: '' });
    expect([...approval.refused, ...signal.refused]).to.deep.equal([]);
  });

  const long = 'x'.repeat(limits.descriptionBytesMax + 1);
  const cases: readonly [rule: PlanRule, field: string, what: string, spec: StepSpec][] = [
    ['REQUIRED', 'id', 'no id', stepSpec('')],
    ['INVALID_ID', 'id', 'an id in capitals', stepSpec('Make')],
    ['INVALID_ID', 'id', "an undo's id", stepSpec('undo.make')],
    ['TOO_LARGE', 'description', 'a long description', stepSpec('s', {}, { description: long })],
    ['INVALID_ID', 'group', 'a group that is no id', stepSpec('s', {}, { group: 'G' })],
    ['REQUIRED', 'depends_on[1]', 'an empty dependency', stepSpec('s', {}, { dependsOn: ['a', ''] })],
    ['INVALID_ID', 'depends_on[0]', 'a dependency that is no id', stepSpec('s', {}, { dependsOn: ['a b'] })],
    [
      'TOO_MANY',
      'depends_on',
      '20,000 dependencies',
      stepSpec('s', {}, { dependsOn: Array.from({ length: 20_000 }, (_, index) => `s${index}`) }),
    ],
    ['REQUIRED', 'call', 'no action', { id: 's', description: '', group: '', dependsOn: [], locks: [] }],
    ['REQUIRED', 'call.controller', 'no controller', stepSpec('s', {}, call({ controller: '' }))],
    [
      'INVALID_ID',
      'call.controller',
      'a controller that is no id',
      stepSpec('s', {}, call({ controller: 'C' })),
    ],
    ['REQUIRED', 'call.method', 'no method', stepSpec('s', {}, call({ method: '' }))],
    ['INVALID_ID', 'call.method', 'a method that is no id', stepSpec('s', {}, call({ method: 'a.b' }))],
    ['INVALID_ID', 'call.system', 'a system that is no id', stepSpec('s', {}, call({ system: '-' }))],
    ['TOO_LARGE', 'call.arguments', 'arguments of 2 MiB', stepSpec('s', { a: 'x'.repeat(2 * 1024 * 1024) })],
    ['INVALID_VALUE', 'call.arguments', 'a number that is none', stepSpec('s', { a: [{ b: NaN }] })],
    ['INVALID_VALUE', 'call.arguments', 'an infinite number', stepSpec('s', { a: -Infinity })],
    ['INVALID_VALUE', 'call.arguments', 'arguments nested 25 deep', stepSpec('s', nested(25))],
    [
      'INVALID_VALUE',
      'call.arguments',
      'a property __proto__',
      stepSpec('s', JSON.parse('{"a":[{"__proto__":1}]}') as JsonObject),
    ],
    [
      'TOO_LARGE',
      'approval.message',
      'a long question',
      stepSpec('s', {}, { action: { $case: 'approval', value: { message: long } } }),
    ],
    [
      'INVALID_ID',
      'signal.name',
      'a signal that is no id',
      stepSpec('s', {}, { action: { $case: 'signal', value: { name: '?' } } }),
    ],
    ['REQUIRED', 'undo', 'an undo that does not say how', stepSpec('s', {}, { undo: {} })],
    [
      'INVALID_ID',
      'undo.call.method',
      'an undo method that is no id',
      stepSpec('s', {}, { undo: { way: { $case: 'call', value: { method: 'A' } } } }),
    ],
    [
      'INVALID_VALUE',
      'undo.call.arguments',
      "a number that is none in the undo's arguments",
      stepSpec('s', {}, { undo: { way: { $case: 'call', value: { method: 'a', arguments: { a: NaN } } } } }),
    ],
    ['OUT_OF_RANGE', 'retry.max_attempts', '101 attempts', stepSpec('s', {}, retry({ maxAttempts: 101 }))],
    ['OUT_OF_RANGE', 'retry.multiplier', 'a factor below 1', stepSpec('s', {}, retry({ multiplier: 0.5 }))],
    ['OUT_OF_RANGE', 'retry.multiplier', 'a factor above 10', stepSpec('s', {}, retry({ multiplier: 10.5 }))],
    [
      'OUT_OF_RANGE',
      'retry.multiplier',
      'a factor that is no number',
      stepSpec('s', {}, retry({ multiplier: NaN })),
    ],
    [
      'OUT_OF_RANGE',
      'retry.initial_backoff',
      'no wait',
      stepSpec('s', {}, retry({ initialBackoff: seconds(0) })),
    ],
    [
      'OUT_OF_RANGE',
      'retry.initial_backoff',
      'a first wait over 1 h',
      stepSpec('s', {}, retry({ initialBackoff: seconds(3_601) })),
    ],
    [
      'OUT_OF_RANGE',
      'retry.max_backoff',
      'a wait over 24 h',
      stepSpec('s', {}, retry({ maxBackoff: seconds(86_401) })),
    ],
    [
      'OUT_OF_RANGE',
      'timeout',
      'a timeout below 1 s',
      stepSpec('s', {}, { timeout: { seconds: '0', nanos: 999_000_000 } }),
    ],
    ['OUT_OF_RANGE', 'timeout', 'a negative timeout', stepSpec('s', {}, { timeout: seconds(-5) })],
    ['OUT_OF_RANGE', 'timeout', 'a timeout over 7 days', stepSpec('s', {}, { timeout: seconds(604_801) })],
  ];
  for (const [rule, field, what, spec] of cases) {
    it(`refuses ${what} as ${rule} of ${field}`, () => {
      expect(refused(spec)).to.deep.equal([`${rule} steps[0].${field}`]);
    });
  }

  it('accepts what lies just within the limits', () => {
    const specs = [
      stepSpec('s'.repeat(63)),
      stepSpec('s', {}, { description: 'x'.repeat(limits.descriptionBytesMax) }),
      stepSpec('s', {}, { dependsOn: Array.from({ length: limits.dependenciesMax }, () => 'a') }),
      stepSpec('s', { a: 'x'.repeat(limits.argumentsBytesMax - 8) }),
      stepSpec('s', nested(limits.jsonDepthMax)),
      stepSpec('s', {}, retry({ maxAttempts: 100, multiplier: 10, initialBackoff: seconds(3_600) })),
      stepSpec(
        's',
        {},
        retry({ maxAttempts: 1, multiplier: 1, initialBackoff: { seconds: '0', nanos: 1e6 } }),
      ),
      stepSpec('s', {}, { timeout: seconds(1) }),
      stepSpec('s', {}, { timeout: seconds(604_800) }),
    ];
    for (const spec of specs) expect(refused(spec)).to.deep.equal([]);
    expect(parse(specs[3]!).step.arguments).to.have.length(limits.argumentsBytesMax);
  });

  it('names every place that is wrong, not only the first', () => {
    expect(refused(stepSpec('S', {}, { group: 'G', timeout: seconds(0) }))).to.deep.equal([
      'INVALID_ID steps[0].id',
      'INVALID_ID steps[0].group',
      'OUT_OF_RANGE steps[0].timeout',
    ]);
  });

  it('measures text in bytes, not in characters', () => {
    const description = 'ü'.repeat(limits.descriptionBytesMax / 2);
    expect(refused(stepSpec('s', {}, { description }))).to.deep.equal([]);
    expect(refused(stepSpec('s', {}, { description: `${description}x` }))).to.have.length(1);
  });
});

describe('parseGroup()', () => {
  it('checks the id and what the group waits for', () => {
    const violations = new Violations();
    expect(parseGroup({ id: 'g', dependsOn: ['a'] }, 'groups[0]', violations)).to.deep.equal({
      id: 'g',
      dependsOn: ['a'],
    });
    parseGroup({ id: '', dependsOn: ['?'] }, 'groups[1]', violations);
    expect(violations.list.map(briefly)).to.deep.equal([
      'REQUIRED groups[1].id',
      'INVALID_ID groups[1].depends_on[0]',
    ]);
  });
});

describe('Violations', () => {
  it('keeps the first 50 and counts all; the error names the first place and how many more there are', () => {
    const violations = new Violations();
    for (let index = 0; index < 60; index++) checkText('xx', 1, `at[${index}]`, violations);
    expect(violations.count).to.equal(60);
    expect(violations.list).to.have.length(50);
    expect(() => {
      violations.throwIfAny();
    })
      .to.throw(/at\[0\].*59 more/)
      .with.deep.property('metadata', { field: 'at[0]', rule: 'TOO_LARGE', violations: '60' });
  });

  it('throws nothing when nothing is wrong', () => {
    new Violations().throwIfAny();
  });
});

describe('shorten()', () => {
  it('shows at most 80 characters of what was sent', () => {
    expect(shorten('x'.repeat(80))).to.have.length(80);
    expect(shorten('x'.repeat(81))).to.match(/^x{77}…$/);
  });
});
