/** The `basic` controller, in every node: steps that touch no system. For waiting, for trying things out, for tests. */
import { sleep, type Clock } from '../base/clock.js';
import { defineController, done, failed, notDone, type ControllerPort } from '../contract/index.js';

const waitMsMax = 3_600_000;

/** See above. */
export function createBasicController(version: string, clock: Clock): ControllerPort {
  return defineController({
    kind: 'basic',
    version,
    description: 'Steps that touch no system',
    methods: {
      echo: {
        description: 'Returns its arguments',
        argumentsSchema: { type: 'object' },
        undo: 'none-needed',
        idempotent: true,
        execute: async (_context, args) => await Promise.resolve(done(args)),
      },
      wait: {
        description: 'Waits for a while',
        argumentsSchema: {
          type: 'object',
          properties: { ms: { type: 'integer', minimum: 0, maximum: waitMsMax } },
          required: ['ms'],
          additionalProperties: false,
        },
        undo: 'none-needed',
        idempotent: true,
        timeoutMs: 2 * waitMsMax,
        execute: async (context, args) => {
          await sleep(clock, Number(args['ms']), context.signal);
          return done();
        },
        // One that was cut off has left nothing: whoever cancels it need not have it waited for once more.
        probe: async () => await Promise.resolve(notDone('none')),
      },
      fail: {
        description: 'Fails for good',
        argumentsSchema: {
          type: 'object',
          properties: { message: { type: 'string', maxLength: 256 } },
          additionalProperties: false,
        },
        undo: 'none-needed',
        idempotent: true,
        execute: async (_context, args) => {
          const message = typeof args['message'] === 'string' ? args['message'] : 'As asked';
          return await Promise.resolve(failed('Asked', message, { retryable: false, effect: 'none' }));
        },
      },
    },
  });
}
