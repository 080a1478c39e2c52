/** A controller that answers, and afterwards fails where nobody waits for it. For a node in a process of its own. */
import { defineController, done, type ControllerPort } from '../../../src/controller.js';

/** See above. */
export function createController(): ControllerPort {
  const later = (fail: () => void) => ({
    description: 'Answers, and fails afterwards',
    idempotent: true,
    undo: 'none-needed' as const,
    argumentsSchema: {},
    outputSchema: {},
    execute: async () => {
      setImmediate(fail);
      return await Promise.resolve(done({}));
    },
  });
  return defineController({
    kind: 'careless',
    version: '1',
    description: 'Fails where nobody waits for it',
    methods: {
      reject: later(() => void Promise.reject(new Error('rejected too late'))),
      throw: later(() => {
        throw new Error('thrown too late');
      }),
    },
  });
}
