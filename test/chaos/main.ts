/** `npm run chaos -- [--minutes M] [--seed S] [--users U]`: a chaos run by hand, with what happens as it happens. */
import { parseArgs } from 'node:util';
import { reportOf } from './report.js';
import { runChaos } from './run.js';
import { seedOf, usualOptions } from './settings.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string' },
    users: { type: 'string' },
  },
});
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
const usual = await usualOptions();
const seed = seedOf(values.seed);
say(`seed ${seed}`);
const result = await runChaos({
  ...usual,
  seed,
  minutes: Number(values.minutes),
  workflowsMin: 200 * Number(values.minutes),
  users: Number(values.users ?? usual.users),
  say,
});
for (const line of reportOf(result)) say(line);
process.exitCode = result.broken.length === 0 ? 0 : 1;
