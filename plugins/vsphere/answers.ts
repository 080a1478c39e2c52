/**
 * Runs a step's work for the contract: what is known becomes an answer, what is not is thrown on. A vCenter has no place
 * for a fencing token, so a step never rests on being called once: it looks for what it wants before it makes it, and
 * takes away only what it can prove to be its own.
 */
import {
  failed,
  type CallContext,
  type Effect,
  type ExecuteResult,
  type JsonObject,
  type MethodDefinition,
} from '../../src/controller.js';
import { Refusal } from './refusal.js';
import { UnsupportedServer } from './session.js';
import { adviceOn, LostAnswer, VimFault } from './soap/faults.js';
import type { VCenter, VCenters } from './vcenter.js';

/** One call of a step. */
export interface Call {
  readonly vcenter: VCenter;
  readonly context: CallContext;
  readonly args: JsonObject;
  /** What the call has left so far; a step says `some` before its first change. */
  readonly trace: { effect: Effect };
}

/** A step's work. */
export type Work = (call: Call) => Promise<ExecuteResult>;

/** The `execute` of a method. */
export function answering(vcenters: VCenters, work: Work): Pick<MethodDefinition, 'execute' | 'idempotent'> {
  return {
    idempotent: true,
    execute: async (context, args) => {
      // An earlier attempt may have changed something before it was lost.
      const trace = { effect: context.attempt === 1 ? ('none' as Effect) : ('unknown' as Effect) };
      try {
        return await work({ vcenter: vcenters.get(context.system), context, args, trace });
      } catch (error) {
        const answer = knownFailure(error, trace.effect);
        if (answer === undefined) throw error;
        return answer;
      }
    },
  };
}

/** What is known of an error, or undefined: then the outcome is unknown. */
export function knownFailure(error: unknown, effect: Effect): ExecuteResult | undefined {
  if (error instanceof Refusal) {
    const { reason, message, retryable } = error;
    return failed(reason, message, { retryable, effect });
  }
  if (error instanceof VimFault) {
    const retryable = adviceOn(error.type) === 'again';
    return failed(error.type === '' ? 'VimFault' : error.type, error.message, { retryable, effect });
  }
  if (error instanceof UnsupportedServer)
    return failed('UnsupportedServer', error.message, { retryable: false, effect });
  if (error instanceof LostAnswer && !error.wasSent)
    return failed('VCenterUnreachable', error.message, { retryable: true, effect });
  return undefined;
}

/** How calls of a step are made: under its signal, and named in the vCenter's log. */
export function callOptions({ context }: Pick<Call, 'context'>): {
  readonly signal: AbortSignal;
  readonly operationId: string;
} {
  return { signal: context.signal, operationId: `steplock-${context.workflow}-${context.step}` };
}
