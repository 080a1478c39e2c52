// An orchestrator in one file: it makes a plan of a request, submits it and may exit. It is told the end by its callback.
//   node provision-orchestrator.ts ask SERVER HOST:PORT SIZE    asks for two volumes, and exits
//   node provision-orchestrator.ts serve HOST:PORT              makes plans and hears of ends, until it is told to end
import { connect } from '../../src/client/index.js';
import {
  basic,
  controller,
  defineOrchestrator,
  newPlan,
  operation,
  orchestrator,
  planned,
  refused,
  serveOrchestrator,
} from '../../src/orchestrator.js';
import type { createVolumeController } from './volume-controller.js';

const volumes = controller<ReturnType<typeof createVolumeController>>('volume');

/** What it offers. */
export const desk = defineOrchestrator({
  kind: 'desk',
  version: '1.0.0',
  description: 'Provisions volumes',
  operations: {
    provision: operation({
      description: 'Two volumes of one size, the second made when the first is there',
      argumentsSchema: {
        type: 'object',
        properties: { size_bytes: { type: 'integer' }, wait_ms: { type: 'integer' } },
        required: ['size_bytes'],
      },
      outputSchema: { type: 'object', properties: { paths: { type: 'array', items: { type: 'string' } } } },
      plan: async (_context, { size_bytes, wait_ms = 0 }) => {
        if (size_bytes > 2 ** 40) return refused('TooLarge', 'At most 1 TiB', { retryable: false });
        const plan = newPlan();
        const first = plan.call('first', volumes('create'), { with: { size_bytes } });
        const settled = plan.call('settled', basic('wait'), { with: { ms: wait_ms }, needs: [first] });
        const second = plan.call('second', volumes('create'), {
          with: { size_bytes: first.output.size_bytes },
          needs: [settled],
        });
        const paths = [first.output.path, second.output.path];
        return await Promise.resolve(planned(plan.build({ paths }), { labels: { by: 'desk' } }));
      },
    }),
  },
  ended: async ({ workflow, state, output }) => {
    process.stdout.write(`${workflow} ended: ${state} ${JSON.stringify(output)}\n`);
    await Promise.resolve();
  },
});

const [, script, verb, ...rest] = process.argv;
const isMain = script?.includes('provision-orchestrator') === true;
if (isMain && verb === 'ask') {
  const [server = '', address = '', size = ''] = rest;
  await using served = await serveOrchestrator(desk, { address });
  using client = await connect(server);
  await client.register('orchestrator', 'desk', served.endpoint);
  const ask = orchestrator<typeof desk>('desk');
  const workflow = await client.request(ask('provision'), { size_bytes: Number(size), wait_ms: 1_000 });
  process.stdout.write(`submitted ${workflow.name}\n`);
}
if (isMain && verb === 'serve') {
  const served = await serveOrchestrator(desk, { address: rest[0] ?? '' });
  process.once('SIGTERM', () => void served.close());
  process.stdout.write(`serves at ${served.endpoint}\n`);
}
