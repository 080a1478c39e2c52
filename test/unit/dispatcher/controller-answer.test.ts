import { expect } from 'chai';
import {
  hideInAnswer,
  readExecuteAnswer,
  readPollAnswer,
  readProbeAnswer,
} from '../../../src/dispatcher/controller-answer.js';
import { limits } from '../../../src/model/limits.js';
import { thrown } from '../../support/rejection.js';

describe('A controller’s answer', () => {
  it('that makes no sense is no answer', () => {
    for (const answer of [
      undefined,
      null,
      'done',
      7,
      {},
      [],
      { kind: 'finished' },
      { kind: 7 },
      () => 'done',
    ]) {
      for (const read of [readExecuteAnswer, readPollAnswer, readProbeAnswer])
        expect(thrown(() => read(answer))).to.be.instanceOf(TypeError);
    }
  });

  it('is taken only where it belongs', () => {
    const notDone = { kind: 'not-done', effect: 'none' };
    const unknown = { kind: 'unknown', message: '?' };
    const failed = { kind: 'failed', reason: 'R', message: 'm', retryable: true, effect: 'none' };
    expect(thrown(() => readExecuteAnswer(notDone))).to.be.instanceOf(TypeError);
    expect(thrown(() => readExecuteAnswer(unknown))).to.be.instanceOf(TypeError);
    expect(thrown(() => readPollAnswer(notDone))).to.be.instanceOf(TypeError);
    expect(thrown(() => readProbeAnswer(failed))).to.be.instanceOf(TypeError);
    expect(readPollAnswer(unknown)).to.deep.equal(unknown);
    expect(readProbeAnswer(notDone)).to.deep.equal(notDone);
    expect(readExecuteAnswer(failed)).to.deep.equal(failed);
  });

  it('that leaves things out is read on the safe side', () => {
    expect(readExecuteAnswer({ kind: 'done' })).to.deep.equal({ kind: 'done', output: {} });
    const failed = { kind: 'failed', reason: 'Failed', message: '', retryable: false, effect: 'unknown' };
    expect(
      readExecuteAnswer({ kind: 'failed', retryable: 'yes', effect: 'nothing', reason: 7 }),
    ).to.deep.equal(failed);
    expect(readProbeAnswer({ kind: 'not-done' })).to.deep.equal({ kind: 'not-done', effect: 'some' });
  });

  it('that goes on names its task, within its limit', () => {
    for (const task of [
      undefined,
      '',
      7,
      'x'.repeat(limits.taskBytesMax + 1),
      'ü'.repeat(limits.taskBytesMax / 2 + 1),
    ])
      expect(thrown(() => readExecuteAnswer({ kind: 'pending', task, pollAfterMs: 1 }))).to.be.instanceOf(
        TypeError,
      );
    const task = 'x'.repeat(limits.taskBytesMax);
    expect(readExecuteAnswer({ kind: 'pending', task, pollAfterMs: NaN })).to.deep.equal({
      kind: 'pending',
      task,
      pollAfterMs: 1_000,
    });
    const shown = { kind: 'pending', task: 't', pollAfterMs: 5, progressPercent: 4, progressMessage: 'm' };
    expect(readPollAnswer({ ...shown, other: 1 })).to.deep.equal(shown);
    expect(readPollAnswer({ ...shown, progressPercent: '4', progressMessage: 4 })).to.deep.equal({
      kind: 'pending',
      task: 't',
      pollAfterMs: 5,
    });
  });

  it('shows no secret of its call to people; its output is cleared later', () => {
    const secrets = new Set(['hunter22']);
    const answer = {
      kind: 'failed',
      reason: 'hunter22',
      message: 'no hunter22',
      progressMessage: 'hunter22',
      output: 'hunter22',
    };
    expect(hideInAnswer(answer, secrets)).to.deep.equal({
      kind: 'failed',
      reason: '[redacted]',
      message: 'no [redacted]',
      progressMessage: '[redacted]',
      output: 'hunter22',
    });
    expect(answer.message).to.equal('no hunter22');
  });
});
