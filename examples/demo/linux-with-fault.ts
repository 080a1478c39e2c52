/**
 * The `linux` controller with one fault put in, for the demo: the export of volume `new-b` loses its array after the
 * target and the LUN were made. Nothing in the controller knows of it; the named instants are there for tests.
 */
import type { ControllerPort, JsonObject } from '../../src/controller.js';
import { createLinuxController } from '../../plugins/linux/index.js';
import { parseLinuxSettings } from '../../plugins/linux/plugin.js';

/** See ControllerModule. */
export function createController(
  settings: JsonObject,
  environment: { readonly directory: string },
): ControllerPort {
  return createLinuxController({
    ...parseLinuxSettings(settings, environment.directory),
    faultPoint: (point, context) => {
      if (
        point === 'export-volume:lun-identified' &&
        context.workflow === 'fail' &&
        context.step === 'export-b'
      ) {
        throw new Error('the array does not answer any more (put in by the demo)');
      }
    },
  });
}
