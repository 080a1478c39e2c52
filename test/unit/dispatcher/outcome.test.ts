import { expect } from 'chai';
import type { JsonObject } from '../../../src/base/json.js';
import {
  toOutcome,
  withAttempt,
  type Outcome,
  type OutcomeContext,
} from '../../../src/dispatcher/outcome.js';
import { EffectKind, OutcomeState } from '../../../src/gen/store/steplock/store/v1/step.js';
import type { Settlement } from '../../../src/model/attempt.js';
import { limits } from '../../../src/model/limits.js';
import { createSchemaChecker } from '../../../src/model/schema.js';
import { queueItem, stepCall, stepError, workflowKey } from '../../support/records.js';

const { SUCCEEDED, FAILED, UNKNOWN } = OutcomeState;
const checker = createSchemaChecker();
const schema = JSON.stringify({
  type: 'object',
  properties: { lun: { type: 'integer' }, password: { type: 'string', 'x-steplock-secret': true }, note: {} },
});

function settlement(patch: Partial<Settlement>): Settlement {
  return {
    state: SUCCEEDED,
    effect: EffectKind.SOME,
    output: undefined,
    steps: undefined,
    error: undefined,
    needsPerson: false,
    ...patch,
  };
}

function outcome(given: Settlement, patch: Partial<OutcomeContext> = {}): Outcome {
  return toOutcome(given, {
    workflow: workflowKey,
    item: queueItem({ attempt: 2, task: 't', claim: { node: 'n1', session: 7, timeMs: 3 } }),
    call: stepCall({ outputSchema: schema }),
    checker,
    vault: { open: async () => await Promise.resolve(''), seal: (text, uid) => `sealed(${text},${uid})` },
    secrets: new Set(['hunter22']),
    nowMs: 9,
    added: undefined,
    ...patch,
  });
}

/** So many objects within each other. */
const nested = (levels: number): JsonObject => {
  let value: JsonObject = { at: 'the bottom' };
  for (let level = 1; level < levels; level++) value = { value };
  return value;
};
const ended = (output: unknown, patch: Partial<OutcomeContext> = {}): Outcome =>
  outcome(settlement({ output: output as JsonObject }), patch);
const text = ({ record }: Outcome): string => Buffer.from(record.output).toString();

describe('toOutcome()', () => {
  it('stores what was done, by whom and when', () => {
    const { record, incident } = ended({ lun: 3 });
    expect(text({ record, incident })).to.equal('{"lun":3}');
    expect(record).to.deep.include({ state: SUCCEEDED, attempts: 2, task: '', endTimeMs: 9, incidentId: '' });
    expect(record.lastAttempts).to.have.length(1);
    expect(record.lastAttempts[0]).to.deep.include({ number: 2, node: 'n1', result: 'done', endTimeMs: 9 });
    expect(incident).to.equal(undefined);
  });

  it('seals what the schema calls a secret, and takes the call’s secrets out of everything else', () => {
    const stored = text(ended({ password: 'hunter22', note: ['is hunter22', { hunter22: 1 }] }));
    expect(JSON.parse(stored)).to.deep.equal({
      password: { $secret: { sealed: 'sealed(hunter22,uid)' } },
      note: ['is [redacted]', { '[redacted]': 1 }],
    });
  });

  it('fails the step, as one that left something, whose output does not fit', () => {
    const bigint = { big: 1n };
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const noKey = { vault: { open: async () => await Promise.resolve(''), seal: () => undefined } };
    for (const [given, message] of [
      [ended({ lun: 'x' }), /the output\/lun must be integer/],
      [ended([1]), /no JSON object/],
      [ended('x'), /no JSON object/],
      [ended(bigint), /no JSON object/],
      [ended(circle), /no JSON object/],
      [ended({ note: 'x'.repeat(limits.outputBytesMax) }), /at most 1048576 are allowed/],
      [ended({ password: 'x' }, noKey), /no key to seal it/],
      [ended(nested(limits.jsonDepthMax + 1)), /deeper than 24 levels/],
      [ended(nested(3_000)), /deeper than 24 levels/],
      [ended(nested(100_000)), /no JSON object/],
    ] as const) {
      expect(given.record).to.deep.include({ state: FAILED, effect: EffectKind.SOME });
      expect(given.record.output).to.have.length(0);
      expect(given.record.error?.reason).to.equal('INVALID_OUTPUT');
      expect(given.record.error?.message).to.match(message);
    }
    expect(ended(nested(limits.jsonDepthMax)).record.state).to.equal(SUCCEEDED);
    const fits = ended({ note: 'x'.repeat(limits.outputBytesMax - 11) });
    expect(fits.record.state).to.equal(SUCCEEDED);
    expect(fits.record.output).to.have.length(limits.outputBytesMax);
  });

  it('opens an incident where a person is needed, and for every undo that fails', () => {
    const error = stepError({ message: 'no hunter22' });
    const unknown = outcome(
      settlement({ state: UNKNOWN, effect: EffectKind.UNKNOWN, error, needsPerson: true }),
    );
    expect(unknown.incident).to.deep.include({ incidentId: 'wf.s.2', task: 't', openTimeMs: 9 });
    expect(unknown.incident?.error?.message).to.equal('no [redacted]');
    expect(unknown.record).to.deep.include({ incidentId: 'wf.s.2', task: 't' });
    expect(outcome(settlement({ state: FAILED, error })).incident).to.equal(undefined);
    const item = queueItem({ stepId: 'undo.s', attempt: 1 });
    expect(outcome(settlement({ state: FAILED, error }), { item }).incident?.incidentId).to.equal(
      'wf.undo.s.1',
    );
    expect(ended({}, { item }).incident).to.equal(undefined);
    // An undo whose output does not fit has failed as well.
    expect(ended({ lun: 'x' }, { item }).incident?.error?.reason).to.equal('INVALID_OUTPUT');
  });

  it('remembers the last attempts only', () => {
    let item = queueItem();
    for (let attempt = 1; attempt <= 15; attempt++)
      item = { ...item, attempt, lastAttempts: withAttempt({ ...item, attempt }, 'failed', undefined, 1) };
    expect(item.lastAttempts.map(({ number }) => number)).to.deep.equal([6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });
});
