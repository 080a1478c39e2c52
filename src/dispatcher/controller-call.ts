/**
 * One call of a controller: under the session, the step's time and the workflow's wish to stop. What comes back is an
 * answer, or the statement that nobody knows; a handler that does not stop when told is given a short while and then
 * taken for unknown.
 */
import { allowManyListeners, onAbort } from '../base/abort.js';
import { sleep, type Clock } from '../base/clock.js';
import { createDeferred } from '../base/deferred.js';
import { errorText, isReason, type StepReason } from '../errors/index.js';
import type { CallBroken } from '../model/attempt.js';

/** What came of a call. */
export type CallEnd<T> =
  | { readonly kind: 'answered'; readonly answer: T }
  /** Known to have had no effect: nothing was sent. */
  | { readonly kind: 'unsent'; readonly message: string }
  /** Nobody knows. */
  | { readonly kind: 'broken'; readonly broken: CallBroken }
  /** A newer attempt owns the step. */
  | { readonly kind: 'fenced' };

/** What bounds a call. */
export interface CallBounds {
  readonly clock: Clock;
  /** The node's session: when it ends, nothing is waited for any more. */
  readonly session: AbortSignal;
  /** The workflow wants the step to stop; undefined for a call that this does not concern. */
  readonly cancel: AbortSignal | undefined;
  /** By the monotonic clock. */
  readonly deadlineMs: number;
}

/** How long a handler may take to stop. */
const settleGraceMs = 10_000;

class StopCall extends Error {
  readonly reason: StepReason;

  constructor(reason: StepReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Makes the call.
 *
 * @throws the session's reason as soon as the session ends: the caller must not go on.
 */
export async function callController<T>(
  bounds: CallBounds,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<CallEnd<T>> {
  const { clock, session, cancel, deadlineMs } = bounds;
  session.throwIfAborted();
  const controller = new AbortController();
  const { signal } = controller;
  allowManyListeners(signal);
  const stopped = createDeferred<undefined>();
  const stop = (reason: unknown): void => {
    if (signal.aborted) return;
    controller.abort(reason);
    stopped.resolve(undefined);
  };
  const onCancel = (): void => {
    stop(new StopCall('STEP_CANCELLED', 'Stopped with its workflow'));
  };
  if (cancel?.aborted === true) onCancel();
  cancel?.addEventListener('abort', onCancel, { once: true });
  const leaveSession = onAbort(session, () => {
    stop(session.reason);
  });
  const stopTimer = clock.setTimer(Math.max(0, deadlineMs - clock.monotonicMs()), () => {
    stop(new StopCall('STEP_TIMEOUT', 'Its time was up'));
  });
  try {
    const work = invoke(call, signal);
    const giveUp = stopped.promise.then(async () => await giveUpAfterAbort<T>(clock, session, signal));
    return await Promise.race([work, giveUp]);
  } finally {
    stopTimer();
    cancel?.removeEventListener('abort', onCancel);
    leaveSession();
  }
}

async function invoke<T>(
  call: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<CallEnd<T>> {
  try {
    return { kind: 'answered', answer: await call(signal) };
  } catch (error) {
    if (isReason(error, 'FENCED')) return { kind: 'fenced' };
    if (isReason(error, 'CONTROLLER_UNAVAILABLE')) return { kind: 'unsent', message: error.message };
    return { kind: 'broken', broken: brokenBy(signal, errorText(error)) };
  }
}

/** Of a call that was told to stop: throws if that was by the session's end, else ends a while later. */
async function giveUpAfterAbort<T>(
  clock: Clock,
  session: AbortSignal,
  signal: AbortSignal,
): Promise<CallEnd<T>> {
  session.throwIfAborted();
  await sleep(clock, settleGraceMs, session);
  return { kind: 'broken', broken: brokenBy(signal, 'The controller did not stop when told to') };
}

function brokenBy(signal: AbortSignal, message: string): CallBroken {
  const cause: unknown = signal.reason;
  if (signal.aborted && cause instanceof StopCall) {
    return { reason: cause.reason, message: `${cause.message} (${message})` };
  }
  return { reason: 'EFFECT_UNKNOWN', message: `The call ended without an answer: ${message}` };
}
