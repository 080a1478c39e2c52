/** Runs a method's work for the contract: what is known becomes an answer, what is not is thrown on. */
import {
  failed,
  unknown,
  type CallContext,
  type Effect,
  type ExecuteResult,
  type JsonObject,
  type MethodDefinition,
  type ProbeResult,
} from '../../src/controller.js';
import { effectSoFar, withVolume, type Call } from './call.js';
import type { LinuxSettings } from './options.js';
import { knownFailure } from './refusal.js';

/** A method's work, given its checked arguments. */
export interface VolumeMethod<Arguments extends { readonly volume: string }> {
  /**
   * Checks the arguments.
   *
   * @throws Refusal InvalidArguments or InvalidSize.
   */
  readonly parse: (args: JsonObject) => Arguments;
  /** Does it, under the volume's lock and behind the fence. */
  readonly execute: (call: Call, args: Arguments) => Promise<ExecuteResult>;
  /** Tells what came of it, under the volume's lock and behind the fence, which it raised. */
  readonly probe: (call: Call, args: Arguments) => Promise<ProbeResult>;
}

/** The two functions of a method's definition. */
export function answering<Arguments extends { readonly volume: string }>(
  settings: LinuxSettings,
  method: VolumeMethod<Arguments>,
): Required<Pick<MethodDefinition, 'execute' | 'probe'>> {
  return {
    execute: async (context, args) => {
      let trace: { effect: Effect } = { effect: 'none' };
      try {
        // The same arguments were refused each time, so nothing was left.
        const parsed = method.parse(args);
        trace = { effect: effectSoFar(context) };
        return await withVolume(settings, context, parsed.volume, async (call) => {
          trace = call.trace;
          return await method.execute(call, parsed);
        });
      } catch (error) {
        const known = knownFailure(error, trace.effect);
        if (known === undefined) throw error;
        tell(context, known.reason, trace.effect);
        return failed(known.reason, known.message, known.detail);
      }
    },
    probe: async (context, args) => {
      try {
        const parsed = method.parse(args);
        return await withVolume(settings, context, parsed.volume, async (call) => {
          return await method.probe(call, parsed);
        });
      } catch (error) {
        const known = knownFailure(error, 'unknown');
        if (known === undefined) throw error;
        return unknown(known.message);
      }
    },
  };
}

function tell(context: CallContext, reason: string, effect: Effect): void {
  context.log.info({ reason, effect }, 'Refused');
}
