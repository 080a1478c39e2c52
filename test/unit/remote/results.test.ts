import type { JsonObject } from '../../../src/base/json.js';
import { expect } from 'chai';
import type { ExecuteResult, PollResult, ProbeResult } from '../../../src/contract/contract.js';
import {
  ExecuteResponse,
  PollResponse,
  ProbeResponse,
} from '../../../src/gen/wire/steplock/v1/controller_service.js';
import {
  fromWirePollResult,
  fromWireProbeResult,
  fromWireResult,
  toWirePollResult,
  toWireProbeResult,
  toWireResult,
} from '../../../src/remote/call-codec.js';

const done: { kind: 'done'; output: JsonObject } = {
  kind: 'done',
  output: { x: [1, null, { y: 'ü' }], empty: {} },
};
const adding = {
  ...done,
  steps: [{ id: 'a-x', call: { controller: 'c', method: 'm', arguments: { n: 1 } }, dependsOn: ['a'] }],
};
const pending = { kind: 'pending', task: 't', pollAfterMs: 1_500 } as const;
const shown = { ...pending, progressPercent: 40, progressMessage: 'half' } as const;
const failures = (['none', 'some', 'unknown'] as const).flatMap((effect) =>
  [true, false].map(
    (retryable) => ({ kind: 'failed', reason: 'R', message: 'm', retryable, effect }) as const,
  ),
);

describe('A controller’s answer over the wire', () => {
  it('to a call is what it was', () => {
    const results: ExecuteResult[] = [done, adding, shown, ...failures];
    for (const result of results) {
      const bytes = ExecuteResponse.encode(toWireResult(result)).finish();
      expect(fromWireResult(ExecuteResponse.decode(bytes))).to.deep.equal(result);
    }
  });

  it('to a poll is what it was', () => {
    const results: PollResult[] = [done, adding, shown, ...failures, { kind: 'unknown', message: '?' }];
    for (const result of results) {
      const bytes = PollResponse.encode(toWirePollResult(result)).finish();
      expect(fromWirePollResult(PollResponse.decode(bytes))).to.deep.equal(result);
    }
  });

  it('to a probe is what it was', () => {
    const notDone = (['none', 'some'] as const).map((effect) => ({ kind: 'not-done', effect }) as const);
    const results: ProbeResult[] = [done, adding, shown, ...notDone, { kind: 'unknown', message: '?' }];
    for (const result of results) {
      const bytes = ProbeResponse.encode(toWireProbeResult(result)).finish();
      expect(fromWireProbeResult(ProbeResponse.decode(bytes))).to.deep.equal(result);
    }
  });

  it('that says nothing is no success', () => {
    expect(fromWireResult({ result: undefined })).to.equal(undefined);
    expect(fromWirePollResult({ result: undefined }).kind).to.equal('unknown');
    expect(fromWireProbeResult({ result: undefined }).kind).to.equal('unknown');
  });
});
