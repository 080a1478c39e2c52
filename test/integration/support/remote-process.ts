/** A controller in a process of its own, served with the public SDK; it writes one line of JSON for each call. */
import {
  defineController,
  done,
  failed,
  notDone,
  pending,
  type CallContext,
  type ExecuteResult,
  type JsonObject,
  type MethodDefinition,
} from '../../../src/controller.js';
import { silentLogger } from '../../../src/log/log.js';
import { serveController } from '../../../src/remote/serve-controller.js';

const say = (kind: string, context: CallContext, args: JsonObject = {}): void => {
  const { workflow, step, attempt, traceParent } = context;
  process.stdout.write(`${JSON.stringify({ kind, workflow, step, attempt, args, traceParent })}\n`);
};

/** Answers as the argument `how` says. */
async function execute(context: CallContext, args: JsonObject): Promise<ExecuteResult> {
  say('execute', context, args);
  switch (args['how']) {
    case 'pending':
      return { ...pending('task-1', 50), progressPercent: 40, progressMessage: 'copying' };
    case 'fail':
      return failed('NoRoom', 'no room here', { retryable: false, effect: 'none' });
    case 'hang':
      return await new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => {
          say('aborted', context);
          reject(new Error('aborted'));
        });
      });
    case 'add': {
      const call = { controller: 'remote', method: 'repeat', arguments: { how: 'ok' } };
      const timeout = { seconds: '30', nanos: 0 };
      const steps = [
        { id: `${context.step}-x`, call, timeout },
        { id: 'nobody-s', call },
      ];
      return done({ step: context.step }, steps.slice(0, args['steps'] as number));
    }
    default:
      return done({ step: context.step });
  }
}

function method(more: Partial<MethodDefinition>): MethodDefinition {
  return {
    description: 'Does as it is told',
    argumentsSchema: {
      type: 'object',
      properties: { password: { type: 'string', 'x-steplock-secret': true } },
    },
    undo: 'none-needed',
    retry: { maxAttempts: 3, initialBackoffMs: 100, maxBackoffMs: 500, multiplier: 2 },
    execute,
    poll: async (context, task) => {
      say('poll', context, { task });
      return await Promise.resolve(done({ task }));
    },
    cancel: async (context, task) => {
      say('cancel', context, { task });
      await Promise.resolve();
    },
    ...more,
  };
}

const port = defineController({
  kind: 'remote',
  version: '1',
  description: 'For tests',
  methods: {
    repeat: method({ idempotent: true }),
    blind: method({}),
    probe: method({
      probe: async (context) => {
        say('probe', context);
        return await Promise.resolve(context.attempt > 2 ? done({ probed: true }) : notDone('none'));
      },
    }),
  },
});
const { endpoint } = await serveController(port, {
  address: process.argv[2] ?? '127.0.0.1:0',
  log: silentLogger,
  secrets: { env: process.env, envPrefix: 'STEPLOCK_SECRET_', directory: undefined },
});
process.stdout.write(`serves at ${endpoint}\n`);
