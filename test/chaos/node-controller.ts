/** The module that the nodes of the chaos run load: their local controller, and a way to block their event loop. */
import { systemClock, type ControllerPort, type JsonObject } from '../../src/controller.js';
import { createArrayController } from './controller.js';

/** What the node calls with its part of the controllers file: `url` of the array, `block_ms`. */
export function createController(settings: JsonObject): ControllerPort {
  const blockMs = Number(settings['block_ms']);
  // Unlike SIGSTOP this leaves the process's other threads, and its sockets' buffers, alive.
  process.on('SIGUSR2', () => {
    const untilMs = systemClock.monotonicMs() + blockMs;
    while (systemClock.monotonicMs() < untilMs);
  });
  return createArrayController(settings['url'] as string);
}
