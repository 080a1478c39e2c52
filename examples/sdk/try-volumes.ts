// A test of a plan without a server and without waiting: what runs, what is undone, and a night that passes in an instant.
import assert from 'node:assert/strict';
import { controller, newPlan } from '../../src/client/index.js';
import { done, failed } from '../../src/controller.js';
import { scripted, TestEngine } from '../../src/testing.js';
import { createVolumeController } from './volume-controller.js';

const real = createVolumeController('unused');
const array = scripted(real);
await using engine = await TestEngine.start({ controllers: { volume: array } });

const volumes = controller<typeof real>('volume');
const plan = newPlan();
const data = plan.call('data', volumes('create'), { with: { size_bytes: 1_048_576 } });
const asked = plan.approval('asked', 'Mirror it?', { needs: [data], timeoutMs: 12 * 3_600_000 });
plan.call('mirror', volumes('create'), { with: { size_bytes: data.output.size_bytes }, needs: [asked] });

array.on('create', ({ args, times }) =>
  times < 3
    ? failed('Busy', 'The array is busy', { retryable: true, effect: 'none' })
    : done({ path: 'lun-1', size_bytes: args.size_bytes }),
);
const workflow = await engine.client.submit(plan.build(), { startTime: new Date('2030-01-01T22:00:00Z') });
const { state } = await workflow.result();

const trail = engine.trail(workflow);
assert.equal(state, 'ROLLED_BACK'); // nobody approved it in time
trail.assertRan('data');
trail.assertUndone('data');
assert.equal(trail.of('data').length, 3);
process.stdout.write(
  `it is ${engine.now.toISOString().slice(0, 13)} h now, and ${trail.undone.join()} was undone\n`,
);
