/**
 * The `linux` controller for the kill tests: at the instant that a file names it writes that it is there and goes no
 * further, so that the test can kill the node exactly there.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CallContext, ControllerPort, JsonObject } from '../../../src/controller.js';
import { createLinuxController, type LinuxFaultPoint } from '../../../plugins/linux/index.js';
import { parseLinuxSettings } from '../../../plugins/linux/plugin.js';

/** Where a node is to be killed. */
export interface Instant {
  readonly workflow: string;
  readonly step: string;
  readonly direction: 'forward' | 'undo';
  readonly point: LinuxFaultPoint;
}

/** Names the instant; the test writes it. */
export const stopFile = 'stop-at.json';
/** Says that the instant was reached; the controller writes it. */
export const reachedFile = 'reached.json';

/** See ControllerModule. */
export function createController(
  settings: JsonObject,
  { directory }: { readonly directory: string },
): ControllerPort {
  return createLinuxController({
    ...parseLinuxSettings(settings, directory),
    faultPoint: async (point, context) => {
      if (!isInstant(directory, point, context)) {
        failIfAsked(point, context);
        return;
      }
      writeFileSync(
        join(directory, reachedFile),
        JSON.stringify({ point, step: context.step, attempt: context.attempt }),
      );
      await new Promise<never>(() => undefined);
    },
  });
}

function isInstant(directory: string, point: LinuxFaultPoint, context: CallContext): boolean {
  let text: string;
  try {
    text = readFileSync(join(directory, stopFile), 'utf8');
  } catch {
    // There is no instant to stop at.
    return false;
  }
  const wanted = JSON.parse(text) as Instant;
  return (
    wanted.point === point &&
    wanted.step === context.step &&
    wanted.direction === context.direction &&
    wanted.workflow === context.workflow
  );
}

/** The last step of the plan `fail-…` fails for good after half of its effect. */
function failIfAsked(point: LinuxFaultPoint, context: CallContext): void {
  const isAsked =
    context.workflow.startsWith('fail-') && context.step === 'export-d' && context.direction === 'forward';
  if (isAsked && point === 'export-volume:lun-identified') throw new Error('put in by the test');
}
