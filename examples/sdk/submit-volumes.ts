// A program that submits a plan, follows it and takes its result:   node submit-volumes.ts SERVER[,SERVER…] CONTROLLER
import { connect, controller, newPlan, StepState, SteplockError } from '../../src/client/index.js';
import type { createVolumeController } from './volume-controller.js';

const [, , servers = '', endpoint = ''] = process.argv;
using client = await connect(servers.split(','), { timeoutMs: 10_000, actor: 'example' });
await client.register('controller', 'volume', endpoint);

// The types are those of the controller: a wrong method, argument or output does not compile.
const volumes = controller<ReturnType<typeof createVolumeController>>('volume');
const plan = newPlan();
const data = plan.call('data', volumes('create'), { with: { size_bytes: 1_048_576 } });
const log = plan.call('log', volumes('create'), { with: { size_bytes: 4_096 } });
plan.call('mirror', volumes('create'), { with: { size_bytes: data.output.size_bytes }, needs: [log] });

try {
  const workflow = await client.submit(plan.build({ data: data.output.path }), {
    labels: { example: 'sdk' },
  });
  for await (const { steps, ended } of workflow.watch()) {
    for (const { id, state } of steps)
      if (state === StepState.SUCCEEDED) process.stdout.write(`${id} is made\n`);
    if (ended) process.stdout.write('the workflow has ended\n');
  }
  const result = await workflow.result({ timeoutMs: 30_000 });
  if (result.state === 'SUCCEEDED') process.stdout.write(`data lies at ${result.output.data}\n`);
  else process.stdout.write(`${result.state}: ${result.stop?.error?.message ?? ''}\n`);
} catch (error) {
  if (!(error instanceof SteplockError)) throw error;
  const places = error.violations.map(({ field, description }) => `\n  ${field} ${description}`);
  process.stdout.write(`${error.reason}: ${error.message}${places.join('')}\nagain: ${error.retry}\n`);
  process.exitCode = 1;
}
