/**
 * An external task: what a controller said goes on without it. It is asked after until it has ended; when its time is up
 * or its workflow was stopped, the controller is told to stop it, and it is asked after until it has.
 */
import { AbortScope } from '../base/abort.js';
import { sleep } from '../base/clock.js';
import type { PollResult } from '../contract/contract.js';
import { afterPoll, type Next } from '../model/attempt.js';
import { readPollAnswer } from './controller-answer.js';
import type { RunningStep } from './running-step.js';

type PollNext = Extract<Next, { kind: 'poll' }>;

/** Asks once, when it is time to; undefined with the step let go, when it was left to another node. */
export async function pollTask(step: RunningStep, next: PollNext): Promise<Next | undefined> {
  const { clock } = step.options;
  if (step.held.item.task !== next.task) await step.held.write({ task: next.task });
  if (next.progress !== undefined) {
    step.progress.note(next.progress.percent, next.progress.message, step.known.secrets);
  }
  await waitToPoll(step, next.afterMs);
  if (step.handOver.signal.aborted) {
    step.progress.stop();
    await step.held.write({ claim: undefined });
    step.log.info({ task: next.task }, 'external task left to another node');
    return undefined;
  }
  if (mustStop(step) && step.stoppedMs === undefined) await stopTask(step, next.task);
  const { args } = step.known;
  const { method, lostClaims } = step.held.item;
  const end = await step.caller.ask('poll', step.known, async (port, context) =>
    readPollAnswer(await port.poll(context, method, next.task, args)),
  );
  if (end.kind === 'fenced') return step.fenced();
  const answer: PollResult | undefined = end.kind === 'answered' ? end.answer : undefined;
  if (answer !== undefined && lostClaims > 0) await step.held.write({ lostClaims: 0 });
  const overdueMs = step.stoppedMs === undefined ? undefined : clock.monotonicMs() - step.stoppedMs;
  return afterPoll(answer, next, overdueMs, step.broken, step.context());
}

/** Waits for the time to ask; cut short when the step is to be stopped. */
async function waitToPoll(step: RunningStep, afterMs: number): Promise<void> {
  const { clock, session } = step.options;
  const leftMs = step.deadlineMs - clock.monotonicMs();
  const waitMs = step.stoppedMs === undefined ? Math.max(0, Math.min(afterMs, leftMs)) : afterMs;
  const scope = new AbortScope(
    session.signal,
    step.handOver.signal,
    ...(step.stoppedMs === undefined ? [step.cancel.signal] : []),
  );
  await sleep(clock, waitMs, scope.signal).catch(() => undefined);
  scope.close();
  session.signal.throwIfAborted();
}

function mustStop(step: RunningStep): boolean {
  return step.cancel.signal.aborted || step.options.clock.monotonicMs() >= step.deadlineMs;
}

async function stopTask(step: RunningStep, task: string): Promise<void> {
  step.stoppedMs = step.options.clock.monotonicMs();
  step.broken = step.cancel.signal.aborted
    ? { reason: 'STEP_CANCELLED', message: 'Stopped with its workflow' }
    : { reason: 'STEP_TIMEOUT', message: 'Its time was up' };
  step.log.info({ task, reason: step.broken.reason }, 'stopping external task');
  const { method } = step.held.item;
  // Whether it could be told or not: the polls that follow say what came of it.
  await step.caller.ask('cancel', step.known, async (port, context) => {
    await port.cancel(context, method, task);
  });
}
