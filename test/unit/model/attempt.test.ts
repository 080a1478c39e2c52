import { expect } from 'chai';
import type { Random } from '../../../src/base/random.js';
import { EffectKind, OutcomeState, type QueueItem } from '../../../src/gen/store/steplock/store/v1/step.js';
import {
  afterAnswer,
  afterFailure,
  afterFenced,
  afterPoll,
  afterProbe,
  afterUnknown,
  afterUnsent,
  clampPercent,
  cut,
  firstAction,
  joinEffects,
  needsUndo,
  probeAgain,
  type AttemptContext,
  type CallBroken,
  type Next,
} from '../../../src/model/attempt.js';
import { backoffMs } from '../../../src/model/backoff.js';
import { limits } from '../../../src/model/limits.js';
import { queueItem, stepCall, stepError } from '../../support/records.js';

const { NONE, SOME, UNKNOWN } = EffectKind;
const high: Random = { next: () => 1 - 1e-9, hex: () => '' };
const low: Random = { next: () => 0, hex: () => '' };
const timeUp: CallBroken = { reason: 'STEP_TIMEOUT', message: 'Its time was up' };
const told: CallBroken = { reason: 'STEP_CANCELLED', message: 'Stopped with its workflow' };
const probing = stepCall({ canProbe: true });
const idempotent = stepCall({ idempotent: true });

function context(item: Partial<QueueItem> = {}, patch: Partial<AttemptContext> = {}): AttemptContext {
  return {
    item: queueItem({ inDoubt: true, attempt: 1, ...item }),
    call: stepCall(),
    isStopping: false,
    random: high,
    ...patch,
  };
}

/** The next thing in short. */
function brief(next: Next): string {
  switch (next.kind) {
    case 'settle': {
      const { state, effect, error, needsPerson } = next.settlement;
      const names = Object.keys(OutcomeState);
      return `${names[state]} ${Object.keys(EffectKind)[effect]}${error === undefined ? '' : ` ${error.reason}`}${needsPerson ? ' person' : ''}`;
    }
    case 'release':
      return `release ${next.patch.inDoubt ? 'in doubt' : 'known'} ${Object.keys(EffectKind)[next.patch.effect]} failures ${next.patch.failures}`;
    case 'execute':
      return `execute${next.isRepeat ? ' again' : ''}`;
    default:
      return next.kind;
  }
}

describe('firstAction()', () => {
  it('calls what has no call in doubt, and finds out about what has: by its task, by a probe, by repeating, or by a person', () => {
    expect(brief(firstAction(queueItem(), stepCall()))).to.equal('execute');
    const doubtful = queueItem({ inDoubt: true, attempt: 1 });
    expect(firstAction({ ...doubtful, task: 't' }, probing)).to.deep.include({
      kind: 'poll',
      task: 't',
      afterMs: 0,
    });
    expect(brief(firstAction(doubtful, probing))).to.equal('probe');
    expect(brief(firstAction(doubtful, idempotent))).to.equal('execute again');
    expect(brief(firstAction(doubtful, stepCall()))).to.equal('UNKNOWN UNKNOWN EFFECT_UNKNOWN person');
  });

  it('asks a person after too many nodes were lost with the step', () => {
    const item = queueItem({ inDoubt: true, attempt: 9, task: 't', lostClaims: limits.lostClaimsMax });
    expect(brief(firstAction(item, probing))).to.equal('poll');
    const once = { ...item, lostClaims: limits.lostClaimsMax + 1 };
    expect(brief(firstAction(once, probing))).to.equal('UNKNOWN UNKNOWN CLAIM_LOST_TOO_OFTEN person');
  });
});

describe('afterAnswer()', () => {
  it('takes what is done for done, with its output', () => {
    const next = afterAnswer({ kind: 'done', output: { x: 1 } }, context({ effect: UNKNOWN }));
    expect(brief(next)).to.equal('SUCCEEDED SOME');
    expect(next).to.have.nested.property('settlement.output.x', 1);
  });

  it('polls what goes on, never without a pause, and shows how far it is', () => {
    const pending = { kind: 'pending', task: 't', pollAfterMs: 0, progressPercent: 140 } as const;
    expect(afterAnswer(pending, context())).to.deep.equal({
      kind: 'poll',
      task: 't',
      afterMs: 1,
      progress: { percent: 100, message: '' },
    });
  });

  it('tries a failure again while it may, and joins what all calls left', () => {
    const failed = { kind: 'failed', reason: 'R', message: 'm', retryable: true, effect: 'none' } as const;
    expect(brief(afterAnswer(failed, context({ effect: SOME })))).to.equal('release known SOME failures 1');
    expect(brief(afterAnswer(failed, context({ failures: 1 })))).to.equal('release known NONE failures 2');
    expect(brief(afterAnswer(failed, context({ failures: 2 })))).to.equal('FAILED NONE CONTROLLER_FAILED');
    expect(brief(afterAnswer({ ...failed, retryable: false }, context()))).to.equal(
      'FAILED NONE CONTROLLER_FAILED',
    );
    expect(brief(afterAnswer(failed, context({}, { isStopping: true })))).to.equal(
      'FAILED NONE CONTROLLER_FAILED',
    );
    const next = afterAnswer(failed, context());
    expect(next).to.have.nested.property('patch.error.message', 'R: m');
  });
});

describe('What nobody knows', () => {
  it('is probed if the method can, left in doubt if it can be repeated, and else given to a person', () => {
    expect(brief(afterUnknown(timeUp, context({}, { call: probing })))).to.equal('probe');
    expect(brief(afterUnknown(timeUp, context({}, { call: idempotent })))).to.equal(
      'release in doubt UNKNOWN failures 1',
    );
    expect(brief(afterUnknown(timeUp, context({ failures: 2 }, { call: idempotent })))).to.equal(
      'UNKNOWN UNKNOWN STEP_TIMEOUT person',
    );
    expect(brief(afterUnknown(timeUp, context()))).to.equal('UNKNOWN UNKNOWN STEP_TIMEOUT person');
  });

  it('stays in doubt when a repeat could not be sent, whereas a first call that was not sent left nothing', () => {
    const error = stepError({ reason: 'CONTROLLER_UNAVAILABLE' });
    expect(brief(afterUnsent(error, true, context()))).to.equal('release in doubt UNKNOWN failures 1');
    expect(brief(afterUnsent(error, false, context()))).to.equal('release known NONE failures 1');
    expect(brief(afterUnsent(error, false, context({ failures: 2 })))).to.equal(
      'FAILED NONE CONTROLLER_UNAVAILABLE',
    );
  });

  it('keeps its task while it stays in doubt after it was fenced', () => {
    const next = afterFenced(context({ task: 't' }));
    expect(brief(next)).to.equal('release in doubt UNKNOWN failures 1');
    expect(next).to.have.nested.property('patch.task', 't');
  });
});

describe('afterProbe()', () => {
  const notDone = { kind: 'not-done', effect: 'some' } as const;

  it('takes what is done for done, polls what goes on, and asks again what cannot tell', () => {
    expect(brief(afterProbe({ kind: 'done', output: {} }, timeUp, context()))).to.equal('SUCCEEDED SOME');
    expect(brief(afterProbe({ kind: 'pending', task: 't', pollAfterMs: 5 }, timeUp, context()))).to.equal(
      'poll',
    );
    expect(brief(afterProbe({ kind: 'unknown', message: '?' }, timeUp, context()))).to.equal('probe');
  });

  it('counts a call that did not take effect as failed, unless its node was lost: then it is made again', () => {
    expect(brief(afterProbe(notDone, timeUp, context()))).to.equal('release known SOME failures 1');
    const again = afterProbe(notDone, undefined, context());
    expect(again).to.deep.equal({ kind: 'execute', isRepeat: false, effect: SOME });
  });

  it('ends as cancelled what did not take effect in a workflow that stops', () => {
    expect(
      brief(afterProbe({ ...notDone, effect: 'none' }, told, context({}, { isStopping: true }))),
    ).to.equal('CANCELLED NONE STEP_CANCELLED');
    expect(brief(afterProbe(notDone, undefined, context({}, { isStopping: true })))).to.equal(
      'CANCELLED SOME STEP_CANCELLED',
    );
  });

  it('waits longer from probe to probe, up to a limit, and then asks a person', () => {
    const waits: number[] = [];
    let next = probeAgain('?', queueItem());
    while (next.kind === 'probe') {
      waits.push(next.afterMs);
      next = probeAgain('?', queueItem({ unknownProbes: next.unknownProbes }));
    }
    expect(waits).to.deep.equal([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
    expect(brief(next)).to.equal('UNKNOWN UNKNOWN EFFECT_UNKNOWN person');
  });
});

describe('afterPoll()', () => {
  const last = { kind: 'poll', task: 't', afterMs: 100, progress: undefined } as const;
  const tooLate = 300_001;

  it('goes on polling, less and less often, when a poll is not answered', () => {
    expect(afterPoll(undefined, last, undefined, undefined, context())).to.deep.include({
      kind: 'poll',
      afterMs: 1_000,
    });
    const slow = { ...last, afterMs: 20_000 };
    expect(afterPoll(undefined, slow, undefined, undefined, context())).to.have.property('afterMs', 30_000);
  });

  it('probes, if it can, a task that was told to stop and no longer answers; else asks a person in the end', () => {
    expect(brief(afterPoll(undefined, last, 1, told, context({}, { call: probing })))).to.equal('probe');
    expect(brief(afterPoll(undefined, last, 1, told, context()))).to.equal('poll');
    expect(brief(afterPoll(undefined, last, tooLate, told, context()))).to.equal(
      'UNKNOWN UNKNOWN EFFECT_UNKNOWN person',
    );
  });

  it('asks a person about a task that goes on long after it was told to stop', () => {
    const pending = { kind: 'pending', task: 't', pollAfterMs: 5 } as const;
    expect(brief(afterPoll(pending, last, tooLate - 1, told, context()))).to.equal('poll');
    expect(brief(afterPoll(pending, last, tooLate, told, context()))).to.equal(
      'UNKNOWN UNKNOWN STEP_TIMEOUT person',
    );
  });

  it('says of a task that we stopped why we stopped it, and what it left', () => {
    const failed = {
      kind: 'failed',
      reason: 'Aborted',
      message: 'm',
      retryable: false,
      effect: 'some',
    } as const;
    const next = afterPoll(failed, last, 5, timeUp, context());
    expect(brief(next)).to.equal('release known SOME failures 1');
    expect(next).to.have.nested.property('patch.error.reason', 'STEP_TIMEOUT');
    expect(brief(afterPoll({ kind: 'done', output: {} }, last, 5, timeUp, context()))).to.equal(
      'SUCCEEDED SOME',
    );
  });
});

describe('Effects', () => {
  it('of two calls are unknown if one is, and something if one is', () => {
    expect(joinEffects(NONE, NONE)).to.equal(NONE);
    expect(joinEffects(SOME, NONE)).to.equal(SOME);
    expect(joinEffects(NONE, SOME)).to.equal(SOME);
    expect(joinEffects(UNKNOWN, NONE)).to.equal(UNKNOWN);
    expect(joinEffects(SOME, UNKNOWN)).to.equal(UNKNOWN);
  });

  it('have to be undone unless there are none or the step was skipped', () => {
    for (const [name, state] of Object.entries(OutcomeState)) {
      expect(needsUndo(state, NONE), name).to.equal(false);
      expect(needsUndo(state, SOME), name).to.equal(name !== 'SKIPPED');
      expect(needsUndo(state, UNKNOWN), name).to.equal(name !== 'SKIPPED');
    }
  });
});

describe('backoffMs()', () => {
  const policy = { initialBackoffMs: 100, maxBackoffMs: 1_000, multiplier: 3 };

  it('grows by the multiplier to its maximum, and is drawn from the upper half', () => {
    expect([1, 2, 3, 4, 90].map((failures) => backoffMs(policy, failures, high))).to.deep.equal([
      100, 300, 900, 1_000, 1_000,
    ]);
    expect([1, 2, 3, 4, 90].map((failures) => backoffMs(policy, failures, low))).to.deep.equal([
      50, 150, 450, 500, 500,
    ]);
  });

  it('stays within its bounds where the numbers would overflow', () => {
    expect(backoffMs({ ...policy, multiplier: 10 }, 1_000, high)).to.equal(1_000);
    expect(backoffMs(policy, 0, high)).to.equal(100);
  });

  it('is what a release waits', () => {
    const next = afterFailure(stepError(), NONE, context({ failures: 1 }));
    expect(next).to.have.property('afterMs', 2_000);
  });
});

describe('What controllers say', () => {
  it('is cut to its limit without tearing a character', () => {
    const long = cut('ü'.repeat(limits.messageBytesMax));
    expect(Buffer.byteLength(long)).to.be.at.most(limits.messageBytesMax);
    expect(long).to.match(/^ü+…$/);
    expect(cut('short')).to.equal('short');
  });

  it('is 0 to 100 per cent, whatever it is', () => {
    expect([-1, 0, 33.4, 100, 1e9, NaN, Infinity].map(clampPercent)).to.deep.equal([
      0, 0, 33, 100, 100, 0, 0,
    ]);
  });
});
