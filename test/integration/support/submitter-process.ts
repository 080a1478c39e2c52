/** Submits workflows `w-0` to `w-{count-1}` all at once, each with a large plan, and says of each when it was answered. */
import { connect } from '../../../src/client/index.js';
import { SubmitWorkflowRequest } from '../../../src/gen/wire/steplock/v1/workflow_service.js';
import { planOf, step } from './plans.js';

const [address = '', count = '1', bytes = '0'] = process.argv.slice(2);
const client = await connect(address);
const text = 'x'.repeat(Number(bytes));
const submit = async (index: number): Promise<void> => {
  const last = step('last', 'free', { needs: ['first'], with: { text } });
  const requestId = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
  const request = SubmitWorkflowRequest.fromPartial({ requestId, workflowId: `w-${index}` });
  await client.workflows.submitWorkflow({ ...request, plan: planOf(step('first', 'free'), last) });
  process.stdout.write(`answered w-${index}.\n`);
};
process.stdout.write('submitting\n');
await Promise.all(
  Array.from({ length: Number(count) }, async (_, index) => {
    await submit(index);
  }),
);
// Whoever started it ends it.
setInterval(() => undefined, 60_000);
