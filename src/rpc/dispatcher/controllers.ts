/** Controllers as the wire shows them. */
import type { KnownController } from '../../controllers/registry.js';
import { SteplockError } from '../../errors/index.js';
import type { Controller } from '../../gen/wire/steplock/v1/dispatcher_service.js';
import { toWireDescription } from '../../remote/description-codec.js';

/** The error for a controller that is not registered. */
export function controllerNotFound(name: string): SteplockError {
  return new SteplockError('CONTROLLER_NOT_FOUND', `No controller ${name}`, { metadata: { name } });
}

/** A controller as the wire shows it. */
export function toController({ id, endpoint, description, isOrchestrator }: KnownController): Controller {
  return {
    name: `controllers/${id}`,
    endpoint,
    description: toWireDescription(description),
    orchestrator: isOrchestrator,
  };
}
